// ktsim ps: the threads of a scenario's machine at a moment.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "models/boot/ps.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/run_scenario.hpp"
#include "tools/cli/scenario_files.hpp"
#include "tools/run/system.hpp"

namespace kt::cli {

using Json = nlohmann::ordered_json;

namespace {

CommandLine ps_command_line() {
  CommandLine line("ps", "SCENARIO",
                   "Lists the threads of the simulated machine at a moment, as\n"
                   "ps -eLo pid,ppid,stat,psr,cls,rtprio,ni,comm does.",
                   "  ktsim ps scenario.json\n"
                   "  ktsim ps scenario.json --at 1.5ms\n"
                   "  ktsim ps scenario.json --json\n");
  line.add("at", "T", "simulated time of the moment (default 0: the machine has just booted)");
  line.add("seed", "N", "seed of the random draws, instead of the scenario's");
  line.add_list("set", "/POINTER=VALUE",
                "replace one value of the scenario; may be given several times");
  line.add("json", "", "print JSON");
  line.add("help", "", "this text");
  return line;
}

Json row_json(const boot::PsRow& row) {
  return {{"pid", row.pid},
          {"ppid", row.ppid},
          {"stat", row.stat},
          {"psr", row.psr},
          {"cls", row.cls},
          {"rtprio", row.rtprio ? Json(*row.rtprio) : Json()},
          {"ni", row.ni ? Json(*row.ni) : Json()},
          {"comm", row.comm}};
}

}  // namespace

int ps_command(const std::vector<std::string>& arguments) {
  CommandLine line = ps_command_line();
  line.parse(arguments);
  if (line.has("help")) {
    fmt::print("{}", line.help());
    return 0;
  }
  if (line.operands().size() != 1) line.fail("expected one scenario");
  const sim::Time at = line.time("at").value_or(0);
  const scenario::Scenario scenario = load_scenario(line.operands().front(), line.list("set"));
  sim::Trace trace;
  run::System system(scenario, trace, {.seed = line.number("seed"), .duration = {}});
  if (at > 0) system.run_until(at);
  if (system.ending() == run::Ending::kDefect) {
    return broke_off(system, system.message(), sim::ExitCode::kDefect);
  }
  const std::vector<boot::PsRow> rows = boot::ps_rows(system.scheduler());
  if (line.has("json")) {
    Json list = Json::array();
    for (const boot::PsRow& row : rows) list.push_back(row_json(row));
    fmt::print("{}\n", Json{{"ktsim", KTSIM_VERSION}, {"at", at}, {"threads", list}}.dump(2));
  } else {
    fmt::print("{}", boot::ps_table(rows, system.machine().nr_cpus()));
  }
  return 0;
}

}  // namespace kt::cli
