// ktsim wq: the worker pools and workqueues of a scenario's machine, at a moment or over time.
#include <fmt/format.h>

#include "sim/error.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/interrupt.hpp"
#include "tools/cli/monitor.hpp"
#include "tools/cli/run_scenario.hpp"
#include "tools/cli/scenario_files.hpp"
#include "tools/report/wq_json.hpp"
#include "tools/report/wq_text.hpp"
#include "tools/run/system.hpp"
#include "tools/run/time_text.hpp"

namespace kt::cli {

using Json = nlohmann::ordered_json;

namespace {

CommandLine wq_command_line() {
  CommandLine line(
      "wq", "SCENARIO",
      "Shows the workqueues of the simulated machine at a moment: what the kernel's\n"
      "tools/workqueue/wq_dump.py prints (affinity scopes, worker pools, the pools of each\n"
      "queue, rescuers, limits of unbound queues), then what wq_monitor.py prints (works\n"
      "executed and in flight, CPU time in s, CPU-intensive works, concurrency-management\n"
      "wakeups or repatriations, maydays, works rescued). With --interval only the\n"
      "latter, again and again. Exit codes: 0, 1 if the simulated code did what it must\n"
      "not on the way, 2 for bad usage or a bad scenario, 3 if a limit was reached.",
      "  ktsim wq scenario.json\n"
      "  ktsim wq scenario.json --at 1.5ms\n"
      "  ktsim wq scenario.json --interval 100ms\n"
      "  ktsim wq scenario.json --interval 100ms --at 1s --json\n");
  line.add("at", "T",
           "simulated time of the moment (default 0: the machine has just booted); with --interval "
           "the end (default: that of the scenario)");
  line.add("interval", "T", "monitor from 0 on, each T of simulated time");
  line.add("seed", "N", "seed of the random draws, instead of the scenario's");
  line.add_list("set", "/POINTER=VALUE",
                "replace one value of the scenario; may be given several times");
  line.add("json", "", "print JSON");
  line.add("help", "", "this text");
  return line;
}

// Looks at the run at each multiple of the interval, before anything else happens then.
class Sampler {
 public:
  Sampler(run::System& system, sim::Time interval, bool json)
      : system_(system), interval_(interval), json_(json) {
    sample(this, 0);
  }
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  [[nodiscard]] const Json& samples() const { return samples_; }

 private:
  static void sample(void* self, std::uint64_t) {
    Sampler& sampler = *static_cast<Sampler*>(self);
    const sim::Time now = sampler.system_.now();
    const auto rows = workqueue::monitor(sampler.system_.workqueues());
    if (sampler.json_) {
      sampler.samples_.push_back({{"at", now}, {"workqueues", report::wq_monitor_json(rows, now)}});
    } else {
      fmt::print("{}", report::wq_monitor_text(rows, "t=" + run::time_text(now)));
    }
    sampler.system_.calendar().at(now + sampler.interval_, &sample, self);
  }

  run::System& system_;
  sim::Time interval_;
  bool json_;
  Json samples_ = Json::array();
};

int monitor(run::System& system, sim::Time interval, bool json) {
  const InterruptGuard guard;
  bool limit_reached = false;
  {
    const Sampler sampler(system, interval, json);
    const Monitor watch(system, false);
    system.run();
    limit_reached = watch.limit_reached();
    if (InterruptGuard::interrupted()) return InterruptGuard::exit_code();
    if (json) {
      fmt::print(
          "{}\n",
          Json{{"ktsim", KTSIM_VERSION}, {"interval", interval}, {"samples", sampler.samples()}}
              .dump(2));
    }
  }
  if (limit_reached) return broke_off(system, "still busy: give --at", sim::ExitCode::kLimit);
  if (system.ending() == run::Ending::kDone) return 0;
  return broke_off(system, system.message(), sim::ExitCode::kDefect);
}

int show(run::System& system, sim::Time at, bool json) {
  if (at > 0) system.run_until(at);
  if (system.ending() == run::Ending::kDefect) {
    return broke_off(system, system.message(), sim::ExitCode::kDefect);
  }
  const workqueue::Dump dump = workqueue::dump(system.workqueues());
  const auto rows = workqueue::monitor(system.workqueues());
  if (json) {
    fmt::print("{}\n", Json{{"ktsim", KTSIM_VERSION},
                            {"at", at},
                            {"dump", report::wq_dump_json(dump)},
                            {"monitor", report::wq_monitor_json(rows, at)}}
                           .dump(2));
  } else {
    fmt::print("{}{}", report::wq_dump_text(dump), report::wq_monitor_text(rows, ""));
  }
  return 0;
}

}  // namespace

int wq_command(const std::vector<std::string>& arguments) {
  CommandLine line = wq_command_line();
  line.parse(arguments);
  if (line.has("help")) {
    fmt::print("{}", line.help());
    return 0;
  }
  if (line.operands().size() != 1) line.fail("expected one scenario");
  const std::optional<sim::Time> at = line.time("at");
  const std::optional<sim::Time> interval = line.time("interval");
  if (interval == 0) line.fail("--interval: no time");
  const scenario::Scenario scenario = load_scenario(line.operands().front(), line.list("set"));
  sim::Trace trace;
  run::System system(scenario, trace,
                     {.seed = line.number("seed"), .duration = interval ? at : std::nullopt});
  return interval ? monitor(system, *interval, line.has("json"))
                  : show(system, at.value_or(0), line.has("json"));
}

}  // namespace kt::cli
