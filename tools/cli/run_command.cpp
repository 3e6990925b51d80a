// ktsim run: simulates scenarios, one after the other.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "models/trace/output_file.hpp"
#include "sim/error.hpp"
#include "tools/cli/child_run.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/interrupt.hpp"
#include "tools/cli/run_scenario.hpp"

namespace kt::cli {

using Json = nlohmann::ordered_json;

namespace {

CommandLine run_command_line() {
  CommandLine line("run", "SCENARIO...",
                   "Simulates each scenario and reports what ran where, how long threads waited,\n"
                   "which expectations hold, and why nothing goes on if nothing does.",
                   "  ktsim run scenario.json\n"
                   "  ktsim run scenario.json --seed 7 --duration 2s\n"
                   "  ktsim run scenario.json --trace trace.txt --events 'sched:*' --events print\n"
                   "  ktsim run scenario.json --set /machine/cpus=8 --metrics numbers.json\n"
                   "  ktsim run scenarios/*.json --json\n");
  line.add("seed", "N", "seed of the random draws, instead of the scenario's");
  line.add_list("set", "/POINTER=VALUE",
                "replace one value of the scenario; may be given several times");
  line.add("duration", "T", "simulated time to run (50us, 2s), or idle; instead of the scenario's");
  line.add("trace", "FILE", "write the trace as ftrace text; - is standard output");
  line.add("trace-clock", "us|ns", "digits of its time stamps (default us)");
  line.add_list("events", "PATTERN",
                "events in the trace, such as 'sched:*' or '!timer:*'; may be given several times "
                "(default: trace.events of the scenario, or all but ktsim:*)");
  line.add("metrics", "FILE", "write every number of the report as JSON");
  line.add("json", "", "print the report as JSON");
  line.add("help", "", "this text");
  return line;
}

RunOptions run_options(const CommandLine& line) {
  RunOptions options;
  options.seed = line.number("seed");
  options.overrides = line.list("set");
  options.duration = line.text("duration") == "idle" ? sim::kNever : line.time("duration");
  if (options.duration == 0) line.fail("--duration: a run of no time");
  options.trace = line.text("trace");
  options.events = line.list("events");
  const std::string clock = line.text("trace-clock").value_or("us");
  if (clock != "us" && clock != "ns") {
    line.fail(fmt::format("--trace-clock: \"{}\"; expected us or ns", clock));
  }
  if (clock == "ns") options.clock = trace::TimeFormat::kNanoseconds;
  options.progress = isatty(STDERR_FILENO) != 0;
  if (line.operands().empty()) line.fail("no scenario is given");
  if (options.trace && line.operands().size() > 1) {
    line.fail("--trace takes one scenario: one file holds one trace");
  }
  if (options.trace == "-" && line.has("json")) {
    line.fail("--trace - and --json both want standard output");
  }
  if (line.text("metrics") == "-") line.fail("--metrics: expected a file; --json prints");
  if (options.trace && options.trace == line.text("metrics")) {
    line.fail("--trace and --metrics name the same file");
  }
  return options;
}

class Output {
 public:
  explicit Output(const CommandLine& line)
      : json_(line.has("json")), to_stderr_(line.text("trace") == "-") {
    if (const auto path = line.text("metrics")) metrics_.emplace(*path);
  }

  void take(const RunResult& result) {
    if (!result.has_report()) {
      fmt::print(stderr, "ktsim: {}\n", result.text);
    } else if (!json_) {
      fmt::print(to_stderr_ ? stderr : stdout, "{}{}", runs_.empty() ? "" : "\n", result.text);
    }
    std::fflush(stdout);
    runs_.push_back(result.json);
    full_.push_back(result.full);
  }

  void finish() {
    if (json_) fmt::print("{}\n", document(runs_).dump(2));
    if (!metrics_) return;
    metrics_->write(document(full_).dump(1) + "\n");
    metrics_->commit();
  }

 private:
  static Json document(const Json& runs) { return {{"ktsim", KTSIM_VERSION}, {"runs", runs}}; }

  bool json_;
  bool to_stderr_;
  Json runs_ = Json::array();
  Json full_ = Json::array();
  std::optional<trace::OutputFile> metrics_;
};

}  // namespace

int run_command(const std::vector<std::string>& arguments) {
  CommandLine line = run_command_line();
  line.parse(arguments);
  if (line.has("help")) {
    fmt::print("{}", line.help());
    return 0;
  }
  const RunOptions options = run_options(line);
  const InterruptGuard guard;
  Output output(line);
  const std::vector<std::string>& files = line.operands();
  int worst = 0;
  bool any = false;
  for (const std::string& file : files) {
    const RunResult result =
        files.size() == 1 ? run_one(file, options) : run_in_child(file, options);
    output.take(result);
    if (InterruptGuard::interrupted()) return InterruptGuard::exit_code();
    worst = std::max(worst, result.code);
    any = any || result.has_report();
  }
  if (any || line.has("json")) output.finish();
  return worst;
}

}  // namespace kt::cli
