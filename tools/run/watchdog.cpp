#include "tools/run/watchdog.hpp"

#include <fmt/format.h>

namespace kt::run {

using sim::Time;

void Watchdog::start() { calendar_.at(calendar_.now() + kSample, &sample, this); }

void Watchdog::sample(void* self, std::uint64_t) {
  Watchdog& watchdog = *static_cast<Watchdog*>(self);
  watchdog.message_ = watchdog.check();
  if (watchdog.message_.empty()) {
    watchdog.start();
  } else {
    watchdog.calendar_.stop();
  }
}

std::string Watchdog::check() {
  const Time now = calendar_.now();
  const sim::NameTable& names = scheduler_.machine().trace().names();
  for (int id = 0; id < scheduler_.machine().nr_cpus(); ++id) {
    sched::Rq& rq = scheduler_.rq(id);
    const sched::Task& curr = *rq.curr;
    if (curr.is_idle()) continue;
    const bool atomic = curr.preempt_count != 0 || rq.cpu->irqs_disabled();
    if (rq.cpu->in_user_mode() || (!atomic && scheduler_.machine().full_preemption)) {
      rq.last_resched_point = now;  // the stopper would have run
    }
    const Time stuck = now - rq.last_resched_point;
    // The soft lockup watchdog is a timer of the CPU itself; a stall is what the others see.
    if (stuck >= kSoftLockup && !rq.cpu->irqs_disabled()) {
      alarm_ = Alarm::kSoftLockup;
      return fmt::format("watchdog: BUG: soft lockup - CPU#{} stuck for {}s! [{}:{}]", id,
                         stuck / 1'000'000'000, names[curr.comm], curr.pid);
    }
    if (!atomic) rq.last_quiescent = now;
    if (now - rq.last_quiescent >= kRcuStall) {
      alarm_ = Alarm::kRcuStall;
      return fmt::format("rcu: INFO: rcu_preempt detected stalls on CPUs/tasks: {}-... [{}:{}]", id,
                         names[curr.comm], curr.pid);
    }
  }
  if (suspend_.hung_task_detector_suspended()) return {};
  for (const sched::Task& task : scheduler_.tasks()) {
    const bool uninterruptible = (task.state & sched::kTaskUninterruptible) != 0 &&
                                 (task.state & (sched::kTaskWakekill | sched::kTaskNoload |
                                                sched::kTaskFrozen)) == 0;
    if (!uninterruptible || task.on_cpu || now - task.sleep_start < kHungTask) continue;
    alarm_ = Alarm::kHungTask;
    return fmt::format("INFO: task {}:{} blocked for more than {} seconds.", names[task.comm],
                       task.pid, (now - task.sleep_start) / 1'000'000'000);
  }
  return {};
}

}  // namespace kt::run
