// ktsim replay: repeats a schedule that ktsim explore found, as a timed run with report and trace.
#include <fmt/format.h>
#include <unistd.h>

#include "sim/error.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/interrupt.hpp"
#include "tools/cli/run_scenario.hpp"
#include "tools/cli/scenario_files.hpp"
#include "tools/explore/schedule_file.hpp"
#include "tools/scenario/text_file.hpp"

namespace kt::cli {

namespace {

CommandLine replay_command_line() {
  CommandLine line(
      "replay", "SCENARIO",
      "Repeats a schedule that ktsim explore has written: the same run, step by step,\n"
      "with the report of ktsim run and, if asked, a trace. A schedule whose steps the\n"
      "scenario does not have any more is refused; whose it was is told if it was another's.\n"
      "Exit codes: those of ktsim run.",
      "  ktsim explore scenario.json --schedule-out found.json\n"
      "  ktsim replay scenario.json --schedule found.json\n"
      "  ktsim replay scenario.json --schedule found.json --trace trace.txt\n");
  line.add("schedule", "FILE", "the schedule");
  line.add("trace", "FILE", "write the trace as ftrace text; - is standard output");
  line.add("trace-clock", "us|ns", "digits of its time stamps (default us)");
  line.add_list("events", "PATTERN",
                "events in the trace, such as 'sched:*' or '!timer:*'; may be given several times "
                "(default: trace.events of the scenario, or all but ktsim:*)");
  line.add("json", "", "print the report as JSON");
  line.add("help", "", "this text");
  return line;
}

explore::ScheduleFile read_schedule(const std::string& path) {
  return explore::parse_schedule(path, scenario::require_text_file(path, "a schedule file"));
}

}  // namespace

int replay_command(const std::vector<std::string>& arguments) {
  CommandLine line = replay_command_line();
  line.parse(arguments);
  if (line.has("help")) {
    fmt::print("{}", line.help());
    return 0;
  }
  if (line.operands().size() != 1) line.fail("expected one scenario");
  const std::optional<std::string> path = line.text("schedule");
  if (!path) line.fail("--schedule: which one?");
  const explore::ScheduleFile schedule = read_schedule(*path);
  RunOptions options;
  options.schedule = &schedule;
  options.schedule_path = *path;
  options.overrides = schedule.overrides;
  options.trace = line.text("trace");
  options.events = line.list("events");
  const std::string clock = line.text("trace-clock").value_or("us");
  if (clock != "us" && clock != "ns")
    line.fail(fmt::format("--trace-clock: \"{}\"; expected us or ns", clock));
  if (clock == "ns") options.clock = trace::TimeFormat::kNanoseconds;
  if (options.trace == "-" && line.has("json"))
    line.fail("--trace - and --json both want standard output");
  options.progress = isatty(STDERR_FILENO) != 0;
  const InterruptGuard guard;
  const RunResult result = run_scenario(line.operands().front(), options);
  if (!result.has_report()) {
    fmt::print(stderr, "ktsim: {}\n", result.text);
  } else if (line.has("json")) {
    fmt::print("{}\n", result.json.dump(2));
  } else {
    fmt::print(options.trace == "-" ? stderr : stdout, "{}", result.text);
  }
  return result.code;
}

}  // namespace kt::cli
