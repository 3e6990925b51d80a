#include "tests/support/run_scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "models/trace/ftrace_sink.hpp"
#include "models/trace/selection.hpp"
#include "tests/support/invariants.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/workqueue_state.hpp"
#include "tools/scenario/load.hpp"

namespace support {

namespace {

void collect_tasks(kt::run::System& system, Run& run) {
  const sim::NameTable& names = system.trace().names();
  for (const kt::sched::Task& task : system.scheduler().tasks()) {
    const kt::sched::TaskStats& stats = task.stats;
    run.tasks[std::string(names[task.full_name])] = {
        task.pid,    task.state,   task.on_rq,          task.cpu->id(),   task.se.sum_exec_runtime,
        stats.nvcsw, stats.nivcsw, stats.nr_migrations, stats.nr_wakeups, stats.run_delay};
  }
}

void enable_all(sim::Trace& trace) {
  const auto events = kt::trace::default_events();
  for (std::size_t i = 0; i < events.size(); ++i) {
    trace.enable(static_cast<std::uint16_t>(i), events.test(i));
  }
  trace.enable(static_cast<std::uint16_t>(kt::trace::Event::kReturn));
}

/// Looks at the state between two events, every so often, for a while.
struct Inspector {
  kt::run::System& system;
  const RunOptions& options;
  std::string& found;
  bool lowers;
  int left = 2'000;

  void arm() { system.calendar().at(system.now() + options.inspect_every, &look, this); }
  static void look(void* self, std::uint64_t) {
    Inspector& inspector = *static_cast<Inspector*>(self);
    for (const std::string& line : check_workqueue_state(
             inspector.system.workqueues(), {inspector.options.steals, inspector.lowers})) {
      inspector.found += fmt::format("t={}: {}\n", inspector.system.now(), line);
    }
    if (--inspector.left != 0) inspector.arm();
  }
};

void run_system(const kt::scenario::Scenario& scenario, sim::Trace& trace,
                const RunOptions& options, Run& run) {
  kt::run::SystemOptions system_options;
  system_options.seed = options.seed;
  system_options.duration = options.duration;
  system_options.tick_offset = options.tick_offset;
  kt::run::System system(scenario, trace, system_options);
  system.calendar().allow_inline(options.inline_advance);
  const bool lowers =
      std::any_of(scenario.programs.begin(), scenario.programs.end(), [](const auto& program) {
        return std::any_of(program.ops.begin(), program.ops.end(), [](const auto& op) {
          return op.verb == kt::scenario::Verb::kSetMaxActive;
        });
      });
  Inspector inspector{system, options, run.state_violations, lowers};
  if (options.inspect_every != 0) inspector.arm();
  system.run();
  run.ending = system.ending();
  run.message = system.message();
  run.end = system.now();
  run.nothing_since = system.nothing_since();
  for (const kt::run::Mark& mark : system.interpreter().marks()) {
    run.marks.emplace_back(mark.time, scenario.texts[static_cast<std::size_t>(mark.text)]);
  }
  collect_tasks(system, run);
}

}  // namespace

sim::Time Run::mark(std::string_view name) const {
  for (const auto& [time, mark] : marks) {
    if (mark == name) return time;
  }
  throw std::runtime_error(fmt::format("no mark \"{}\"", name));
}

const TaskEnd& Run::task(const std::string& name) const {
  const auto found = tasks.find(name);
  if (found == tasks.end()) throw std::runtime_error(fmt::format("no task \"{}\"", name));
  return found->second;
}

std::string Run::statistics() const {
  std::string lines = fmt::format("end {} ending {} {}\n", end, static_cast<int>(ending), message);
  for (const auto& [name, task] : tasks) {
    lines += fmt::format(
        "{} pid {} state {:#x} cpu {} runtime {} nvcsw {} nivcsw {} migrations {} "
        "wakeups {} run_delay {}\n",
        name, task.pid, task.state, task.cpu, task.runtime, task.nvcsw, task.nivcsw,
        task.nr_migrations, task.nr_wakeups, task.run_delay);
  }
  for (const auto& [time, mark] : marks) lines += fmt::format("mark {} {}\n", time, mark);
  return lines;
}

Run run_scenario(std::string_view json, const RunOptions& options) {
  kt::scenario::Scenario scenario = kt::scenario::load("test.json", json);
  if (!options.mwait_idle) scenario.machine.idle = kt::scenario::Idle::kHlt;
  kt::scenario::require_modelled(scenario);
  Run run;
  sim::Trace trace;
  if (!options.traced) {
    run_system(scenario, trace, options, run);
    return run;
  }
  const TemporaryDirectory directory;
  const std::string path = (directory.path() / "trace.txt").string();
  kt::trace::FtraceSink sink(path, kt::trace::TimeFormat::kNanoseconds);
  trace.add_sink(sink);
  enable_all(trace);
  run_system(scenario, trace, options, run);
  sink.close(static_cast<unsigned>(scenario.machine.cpus));
  run.text = read_text(path);
  run.trace = parse_trace(run.text);
  run.trace.preempt_rt = scenario.kernel.preempt == kt::scenario::Preempt::kRt;
  return run;
}

Run run_keys(std::string_view keys, const RunOptions& options) {
  const bool has_kernel = keys.find(R"("kernel":)") != std::string_view::npos;
  const std::string_view kernel = has_kernel ? "" : R"("kernel": {"boot": "minimal"}, )";
  return run_scenario(fmt::format(R"({{"name": "t", "version": 1, {}{}}})", kernel, keys), options);
}

std::string violations(const Run& run) {
  return describe(check_invariants(run.trace));
}

std::map<std::string, sim::Time> on_cpu_times(const TraceText& trace, sim::Time end) {
  std::map<std::string, sim::Time> times;
  std::map<unsigned, std::pair<std::string, sim::Time>> running;
  for (const TraceLine& line : trace.lines) {
    if (line.event != "sched_switch") continue;
    const auto known = running.find(line.cpu);
    const sim::Time since = known == running.end() ? 0 : known->second.second;
    times[std::string(line.text_of("prev_comm"))] += line.time - since;
    running[line.cpu] = {std::string(line.text_of("next_comm")), line.time};
  }
  for (const auto& [cpu, current] : running) times[current.first] += end - current.second;
  return times;
}

std::vector<const TraceLine*> lines_of(const TraceText& trace, std::string_view event,
                                       std::string_view key, std::string_view value) {
  std::vector<const TraceLine*> lines;
  for (const TraceLine& line : trace.lines) {
    if (line.event != event) continue;
    if (key.empty() || line.field(key) == value) lines.push_back(&line);
  }
  return lines;
}

std::string unfinished(const Run& run) {
  std::string names;
  for (const auto& [name, task] : run.tasks) {
    const bool of_scenario = name.starts_with("user") || name.starts_with("kernel");
    if (of_scenario && task.state != kt::sched::kTaskDead) names += name + " ";
  }
  return names;
}

}  // namespace support
