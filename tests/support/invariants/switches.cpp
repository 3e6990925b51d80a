// sched 1-3, 13, 15, 16, 33, 35: who may be switched in and out, and when.
#include <fmt/format.h>

#include "tests/support/invariants/checker.hpp"

namespace support {

namespace {

/// sched 16: an idle CPU runs what was woken on it within this time, without a tick's help.
constexpr sim::Time kIdleWakeLatency = 1'000'000;

constexpr std::int64_t kMaxRtPrio = 100;
/// From a wakeup that finds its target awake to the schedule() that it was for.
constexpr sim::Time kLongestSchedule = 20'000;  // ns

class SwitchChecker : public Checker {
 public:
  using Checker::Checker;

  void see(const TraceLine& line, const World& world) override {
    idle_latency(line);
    if (line.event == "sched_migrate_task")  // whoever was woken may have left for another CPU
      woken_idle_.erase(static_cast<unsigned>(line.number_of("orig_cpu")));
    if (line.event == "sched_switch") {
      out(line, world);
      in(line, world);
      woken_idle_.erase(line.cpu);
      woken_stopper_.erase(line.cpu);
    } else if (line.event == "sched_waking") {
      waking(line, world);
    } else if (line.event == "sched_wakeup" || line.event == "sched_wakeup_new") {
      woken(line, world);
    }
    went_on(line, world);
    after_death(line, world);
  }

 private:
  void out(const TraceLine& line, const World& world) {
    const std::int64_t prev = line.number_of("prev_pid");
    const std::int64_t next = line.number_of("next_pid");
    if (prev == next) report("sched 1", line, "switch from a task to itself");
    const auto current = world.current(line.cpu);
    if (current && *current != prev)
      report("sched 1", line, fmt::format("pid {} ran on this CPU before", *current));
    const std::string_view state = line.text_of("prev_state");
    if (prev == 0 && state != "R")
      report("sched 15", line, "idle switched out in another state than R");
    if (line.text_of("prev_comm").starts_with("migration/") && state == "R+")
      report("sched 13", line, "the stopper was preempted");
    // A schedule() that goes on with the same task leaves a line only of fair tasks.
    const bool fair = line.number_of("prev_prio") >= kMaxRtPrio;
    const auto charged = charged_since_.find(prev);
    const bool once_through = charged != charged_since_.end() && charged->second > 1;
    charged_since_.erase(prev);
    // The worker that releases pool workqueues leaves no lines of its own: it may have gone on.
    const bool silent = line.text_of("prev_comm").starts_with("pool_workqueue_");
    const bool blocked = !silent && (state == "S" || state == "D");
    const auto wakeup = woken_while_running_.find(prev);
    const bool before =
        wakeup != woken_while_running_.end() && line.time - wakeup->second < kLongestSchedule;
    woken_while_running_.erase(prev);
    // Under PREEMPT_RT it may have waited for any lock, and sleep at once for another reason.
    if (before && blocked && fair && !once_through && !world.preempt_rt())
      report("sched 35", line, "blocked although it was woken before schedule()");
  }

  /// A task that leaves a line of its own after the waking has gone on without sleeping, and may
  /// sleep for another reason (a mutex waiter that was woken while it span, say). So has one that
  /// is still running long after. Under PREEMPT_RT a softirq is its thread's own code.
  void went_on(const TraceLine& line, const World& world) {
    const bool own = line.in_task() || (line.in_softirq() && world.preempt_rt());
    const bool charged = line.event == "sched_stat_runtime" && line.number_of("pid") == line.pid;
    if (line.in_task() && charged && woken_while_running_.contains(line.pid))
      ++charged_since_[line.pid];
    if (!own || line.event == "sched_switch" || line.event == "sched_stat_runtime")
      return;
    woken_while_running_.erase(line.pid);
    waking_while_running_.erase(line.pid);
  }

  void in(const TraceLine& line, const World& world) {
    const std::int64_t next = line.number_of("next_pid");
    const auto stopper = woken_stopper_.find(line.cpu);
    if (stopper != woken_stopper_.end() && stopper->second != next)
      report("sched 13", line, "the stopper was woken and is not the next task");
    if (next == 0) {
      idle_in(line, world);
      return;
    }
    const Task* task = world.find(next);
    if (task == nullptr) return;
    if (task->running_on)
      report("sched 2", line, fmt::format("runs on CPU {} already", *task->running_on));
    if (task->dead) report("sched 33", line, "a dead task is switched in");
    if (task->blocked() && !task->dead && !world.blind())
      report("sched 3", line,
             fmt::format("switched out in {} and not woken since", task->out_state));
    if (task->woken && line.time < task->woken_at)
      report("sched 6", line, "switched in before its wakeup");
  }

  void idle_in(const TraceLine& line, const World& world) {
    const std::int64_t prev = line.number_of("prev_pid");
    const std::string_view state = line.text_of("prev_state");
    if (prev != 0 && state[0] == 'R')
      report("sched 15", line, "idle is switched in for a runnable task");
    for (const auto& [pid, task] : world.tasks())
      if (pid != prev && task.queued() && task.cpu == line.cpu)
        report("sched 15", line,
               fmt::format("idle is switched in, {}-{} is queued", task.comm, pid));
  }

  void waking(const TraceLine& line, const World& world) {
    const std::int64_t pid = line.number_of("pid");
    const Task* task = world.find(pid);
    if (task != nullptr && task->running_on) waking_while_running_.insert(pid);
  }

  void woken(const TraceLine& line, const World& world) {
    const std::int64_t pid = line.number_of("pid");
    const auto target = static_cast<unsigned>(line.number_of("target_cpu"));
    const Task* task = world.find(pid);
    const bool running = task != nullptr && task->running_on;
    if (running && line.event == "sched_wakeup" && waking_while_running_.erase(pid) != 0)
      woken_while_running_[pid] = line.time;
    if (running) return;
    if (line.text_of("comm").starts_with("migration/")) woken_stopper_[target] = pid;
    if (world.current(target) == 0) woken_idle_.try_emplace(target, line.time);
  }

  /// The time of softirqs does not count: their works may be long.
  void idle_latency(const TraceLine& line) {
    if (line.event == "softirq_entry") in_softirq_.insert(line.cpu);
    if (line.event == "softirq_exit") {
      in_softirq_.erase(line.cpu);
      const auto woken = woken_idle_.find(line.cpu);
      if (woken != woken_idle_.end()) woken->second = line.time;
    }
    for (auto it = woken_idle_.begin(); it != woken_idle_.end();) {
      if (line.time - it->second <= kIdleWakeLatency || in_softirq_.contains(it->first)) {
        ++it;
        continue;
      }
      report("sched 16", line, fmt::format("CPU {} is still idle, long after a wakeup", it->first));
      it = woken_idle_.erase(it);
    }
  }

  void after_death(const TraceLine& line, const World& world) {
    const Task* current = line.pid == 0 ? nullptr : world.find(line.pid);
    if (current != nullptr && current->dead) report("sched 33", line, "a dead task left a line");
    const bool names = line.event == "sched_waking" || line.event == "sched_wakeup";
    if (!names) return;
    const Task* named = world.find(line.number_of("pid"));
    if (named == nullptr || !named->dead) return;
    report("sched 33", line, "a dead task is woken");
    if (named->forked_by_kthreadd) report("kthread 8", line, "a dead kthread is woken");
  }

  std::set<std::int64_t> waking_while_running_;  ///< since then they have not gone on
  std::map<std::int64_t, sim::Time> woken_while_running_;  ///< and when
  std::map<std::int64_t, int> charged_since_;  ///< by itself, since that wakeup
  std::map<unsigned, sim::Time> woken_idle_;
  std::set<unsigned> in_softirq_;
  std::map<unsigned, std::int64_t> woken_stopper_;
};

}  // namespace

std::unique_ptr<Checker> switch_checker(std::vector<Violation>& found) {
  return std::make_unique<SwitchChecker>(found);
}

}  // namespace support
