#include "tools/run/report.hpp"

#include <algorithm>
#include <set>

#include "tools/run/kernel_parameters.hpp"
#include "tools/run/task_state.hpp"

namespace kt::run {

using trace::Event;

namespace {

CpuUse cpu_use(System& system, int id, const MigrationSink& migrations) {
  const sched::Rq& rq = system.scheduler().rq(id);
  CpuUse use;
  use.cpu = id;
  use.node = system.machine().topology().node_of(id);
  use.busy = rq.busy_time;
  if (!rq.curr->is_idle()) use.busy += system.now() - rq.last_switch;
  use.switches = rq.nr_switches;
  use.migrations_in = migrations.to(id);
  return use;
}

MemoryUse memory_use(const mm::Node& node) {
  const auto bytes = [](mm::Pages pages) { return pages * mm::kPageSize; };
  MemoryUse use;
  use.node = node.id;
  use.free = bytes(node.free);
  use.min = bytes(node.marks.min);
  use.low = bytes(node.marks.low);
  use.high = bytes(node.marks.high);
  use.cache = bytes(node.reclaimable());
  use.dirty = bytes(node.dirty + node.writeback);
  use.allocated = bytes(node.allocated);
  use.hogged = bytes(node.hogged);
  use.stats = node.stats;
  return use;
}

ThreadUse thread_use(System& system, const Task& task, bool of_scenario) {
  ThreadUse use;
  use.pid = task.pid;
  use.name = system.trace().names()[task.full_name];
  use.state = state_letter(task);
  use.cpu = task.cpu->id();
  use.of_scenario = of_scenario;
  use.runtime = task.se.sum_exec_runtime;
  if (system.scheduler().rq(use.cpu).curr == &task) {
    use.runtime += system.now() - task.se.exec_start;
  }
  const sched::TaskStats& stats = task.stats;
  use.run_delay = stats.run_delay;
  if (task.runnable_since >= 0) use.run_delay += system.now() - task.runnable_since;
  use.voluntary = stats.nvcsw;
  use.involuntary = stats.nivcsw;
  use.migrations = stats.nr_migrations;
  use.wakeups = stats.nr_wakeups;
  if (task.distribution != nullptr) {
    use.latency = latency_of(*task.distribution);
  } else if (stats.wakeup_latencies != 0) {
    use.latency.count = stats.wakeup_latencies;
    use.latency.mean =
        static_cast<double>(stats.wakeup_latency_sum) / static_cast<double>(stats.wakeup_latencies);
    use.latency.max = stats.wakeup_latency_max;
  }
  return use;
}

}  // namespace

trace::EventSet MigrationSink::events() {
  trace::EventSet set;
  set.set(static_cast<std::size_t>(Event::kSchedMigrateTask));
  return set;
}

void MigrationSink::write(std::span<const sim::TraceRecord> records, const sim::NameTable&) {
  for (const sim::TraceRecord& record : records) {
    if (static_cast<Event>(record.event) != Event::kSchedMigrateTask) continue;
    ++to_[static_cast<std::uint32_t>(record.arguments[2])];
  }
}

sim::ExitCode Report::code() const {
  const bool failed =
      std::ranges::any_of(expectations, [](const Verdict& verdict) { return !verdict.passed; });
  return failed || defect ? sim::ExitCode::kDefect : sim::ExitCode::kDone;
}

Report build_report(System& system, const ExpectationSink& expectations,
                    const MigrationSink& migrations, std::uint64_t own_events) {
  Report report;
  report.file = system.scenario().file;
  report.name = system.scenario().name;
  report.seed = system.seed();
  report.end = system.now();
  report.horizon = system.horizon();
  report.ending = system.ending();
  report.nothing_since = system.nothing_since();
  report.message = system.message();
  report.ignored_parameters = ignored_parameters(system.scenario().kernel);
  report.events = system.calendar().dispatched() - own_events;
  for (int id = 0; id < system.machine().nr_cpus(); ++id) {
    report.cpus.push_back(cpu_use(system, id, migrations));
  }
  for (int id = 0; id < system.memory().nr_nodes(); ++id) {
    report.memory.push_back(memory_use(system.memory().node(id)));
  }
  for (const mm::OomVictim& victim : system.memory().oom_victims()) {
    report.oom_kills.push_back({victim.task->pid,
                                std::string(system.trace().names()[victim.task->full_name]),
                                victim.at, victim.pages * mm::kPageSize});
  }
  const std::vector<Task*> named = system.scenario_threads();
  for (const Task* task : named) {
    report.threads.push_back(thread_use(system, *task, true));
  }
  std::set<std::int32_t> of_scenario;
  for (const Task* task : named) of_scenario.insert(task->pid);
  for (const Task& task : system.scheduler().tasks()) {
    if (task.is_idle() || of_scenario.contains(task.pid)) continue;
    ThreadUse use = thread_use(system, task, false);
    if (use.runtime > 0) report.threads.push_back(std::move(use));
  }
  report.wakeups = latency_of(system.scheduler().wakeup_latencies);
  std::vector<Time> busy;
  for (const CpuUse& use : report.cpus) busy.push_back(use.busy);
  report.workqueues = workqueue_use(system, busy);
  report.interrupts = irq_report(system);
  report.suspends = suspend_report(system);
  report.hotplug = hotplug_report(system);
  report.frequencies = frequency_report(system.cpufreq(), system.machine().nr_cpus());
  if (system.energy() != nullptr) {
    report.energy = system.energy()->phases();
    for (CpuUse& use : report.cpus) use.joules = system.energy()->joules(use.cpu);
  }
  report.stuck = find_stuck(system);
  report.defect = is_defect(system, report.stuck);
  report.expectations = judge(system, expectations, report.stuck);
  return report;
}

}  // namespace kt::run
