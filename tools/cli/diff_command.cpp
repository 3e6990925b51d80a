// ktsim diff: what a change does to a run.
#include <fmt/format.h>

#include "sim/error.hpp"
#include "tools/cli/child_run.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"
#include "tools/report/difference.hpp"

namespace kt::cli {

using Json = nlohmann::ordered_json;

namespace {

CommandLine diff_command_line() {
  CommandLine line(
      "diff", "A [B]",
      "Runs two scenarios, or one as it is and with --set, and prints which numbers of\n"
      "their reports differ: latencies, CPU time, works, steps of CPU hotplug, energy, frequencies.",
      "  ktsim diff scenario.json --set /machine/cpus=8\n"
      "  ktsim diff before.json after.json\n"
      "  ktsim diff scenario.json --set /events=[] --least 5 --json\n");
  line.add_list("set", "/POINTER=VALUE", "replace one value in B (of A, if B is not given)");
  line.add("seed", "N", "seed of both runs, instead of the scenarios'");
  line.add("duration", "T", "simulated time of both runs, instead of the scenarios'");
  line.add("least", "PERCENT", "leave out what changes by less (default 1)");
  line.add("json", "", "print JSON: every number that differs");
  line.add("help", "", "this text");
  return line;
}

// A run that could not begin, or broke off.
void require_report(const RunResult& result) {
  if (result.has_report()) return;
  throw sim::UserError(result.text, static_cast<sim::ExitCode>(result.code));
}

}  // namespace

int diff_command(const std::vector<std::string>& arguments) {
  CommandLine line = diff_command_line();
  line.parse(arguments);
  if (line.has("help")) {
    fmt::print("{}", line.help());
    return 0;
  }
  const std::vector<std::string>& files = line.operands();
  if (files.empty() || files.size() > 2) line.fail("expected one or two scenarios");
  if (files.size() == 1 && line.list("set").empty()) {
    line.fail("one scenario differs from itself by --set only");
  }
  RunOptions options;
  options.seed = line.number("seed");
  options.duration = line.time("duration");
  const RunResult a = run_in_child(files.front(), options);
  require_report(a);
  options.overrides = line.list("set");
  const RunResult b = run_in_child(files.back(), options);
  require_report(b);
  const std::vector<report::DifferenceRow> rows = report::difference(a.json, b.json);
  if (line.has("json")) {
    fmt::print("{}\n", Json{{"ktsim", KTSIM_VERSION},
                            {"a", a.json["repeat"]},
                            {"b", b.json["repeat"]},
                            {"differences", report::difference_json(rows)}}
                           .dump(2));
    return 0;
  }
  const double percent = static_cast<double>(line.number("least").value_or(1));
  fmt::print("A: {}\nB: {}\n{}", a.json["repeat"].get<std::string>(),
             b.json["repeat"].get<std::string>(), report::difference_text(rows, percent / 100));
  return 0;
}

}  // namespace kt::cli
