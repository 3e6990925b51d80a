// sched 7, 9-11, workqueue 12: where a task runs and how it gets there. Affinity masks are not in a
// trace, so sched 10 checks the origin, and the destination only through sched 11. Per-CPU threads
// of a CPU that any hotplug event has named are left out, as their workers unbind, and so are
// workers that have been told to exit (workqueue 12 is sched 11 for kworkers).
#include <fmt/format.h>

#include <set>

#include "tests/support/invariants/checker.hpp"

namespace support {

namespace {

class PlacementChecker : public Checker {
 public:
  using Checker::Checker;

  void see(const TraceLine& line, const World& world) override {
    if (line.event == "sched_switch") switched(line, world);
    if (line.event == "sched_migrate_task") migrated(line, world);
    if (line.event == "sched_kthread_stop" && line.text_of("comm").starts_with("kworker/"))
      dying_.insert(line.number_of("pid"));
  }

 private:
  /// A thread that the trace saw forked runs its creation wherever fork placed it, waits, and is
  /// bound by who then wakes it. Until that it may be pulled, if its dequeueing is delayed.
  static bool is_bound(const Task* task) {
    return task == nullptr || !task->forked || (task->has_blocked && task->wakeups > 0);
  }

  void switched(const TraceLine& line, const World& world) {
    const std::int64_t pid = line.number_of("next_pid");
    if (pid == 0) return;
    const Task* task = world.find(pid);
    if (task != nullptr && task->cpu && *task->cpu != line.cpu)
      report("sched 7", line, fmt::format("was placed on CPU {}", *task->cpu));
    const auto bound = bound_cpu(line.text_of("next_comm"));
    if (bound && *bound != line.cpu && is_bound(task) && !dying_.contains(pid) &&
        !world.hotplugged(*bound))
      report("sched 11", line, "a per-CPU thread runs elsewhere");
  }

  void migrated(const TraceLine& line, const World& world) {
    const Task* task = world.find(line.number_of("pid"));
    const std::int64_t orig = line.number_of("orig_cpu");
    if (task != nullptr && task->running_on) report("sched 9", line, "a running task migrates");
    if (task != nullptr && task->cpu && *task->cpu != orig)
      report("sched 10", line, fmt::format("was on CPU {}", *task->cpu));
    const auto bound = bound_cpu(line.text_of("comm"));
    if (!bound || world.hotplugged(*bound)) return;
    if (!is_bound(task) || dying_.contains(line.number_of("pid"))) return;
    const bool moves_once = task != nullptr && task->forked;  // to its CPU
    if (!moves_once || line.number_of("dest_cpu") != *bound)
      report("sched 11", line, "a per-CPU thread migrates");
  }

  std::set<std::int64_t> dying_;
};

}  // namespace

std::unique_ptr<Checker> placement_checker(std::vector<Violation>& found) {
  return std::make_unique<PlacementChecker>(found);
}

}  // namespace support
