// ktsim check: loads scenarios, simulates nothing, shows what they ask for.
#include <fmt/format.h>

#include <algorithm>

#include "sim/error.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/scenario_files.hpp"
#include "tools/run/expect.hpp"
#include "tools/run/machine_report.hpp"

namespace kt::cli {

using Json = nlohmann::ordered_json;

namespace {

CommandLine check_command_line() {
  CommandLine line(
      "check", "SCENARIO...",
      "Checks each scenario as run does before it starts, and shows what it resolves to:\n"
      "machine, kernel, costs that differ from the default, threads.",
      "  ktsim check scenario.json\n"
      "  ktsim check scenarios/*.json\n"
      "  ktsim check scenario.json --set /machine/cpus=64 --json\n");
  line.add_list("set", "/POINTER=VALUE",
                "replace one value of the scenario; may be given several times");
  line.add("json", "", "print JSON");
  line.add("help", "", "this text");
  return line;
}

scenario::Scenario check(const std::string& file, const std::vector<std::string>& overrides) {
  scenario::Scenario scenario = load_scenario(file, overrides);
  sim::NameTable names;
  const run::ExpectationSink expectations(scenario, names);
  if (scenario.trace_events) {
    trace::select_events(*scenario.trace_events, scenario.file + ": /trace/events");
  }
  return scenario;
}

}  // namespace

int check_command(const std::vector<std::string>& arguments) {
  CommandLine line = check_command_line();
  line.parse(arguments);
  if (line.has("help")) {
    fmt::print("{}", line.help());
    return 0;
  }
  if (line.operands().empty()) line.fail("no scenario is given");
  const bool json = line.has("json");
  int worst = 0;
  Json all = Json::array();
  for (const std::string& file : line.operands()) {
    try {
      const scenario::Scenario scenario = check(file, line.list("set"));
      const Json resolved = run::machine_json(scenario);
      if (!json) fmt::print("{}{}", all.empty() ? "" : "\n", run::machine_text(scenario));
      all.push_back(resolved);
    } catch (const sim::UserError& error) {
      fmt::print(stderr, "ktsim: {}\n", error.what());
      worst = std::max(worst, static_cast<int>(error.code()));
      all.push_back({{"file", file},
                     {"exit_code", static_cast<int>(error.code())},
                     {"message", error.what()}});
    }
  }
  if (json) fmt::print("{}\n", Json{{"ktsim", KTSIM_VERSION}, {"scenarios", all}}.dump(2));
  return worst;
}

}  // namespace kt::cli
