// Pools whose works wait for ever: the stall watchdog (kernel/workqueue.c: wq_watchdog_timer_fn),
// and the search for pools that nothing can help any more.
#include "models/workqueue/show.hpp"
#include "models/workqueue/workqueues.hpp"
#include "sim/error.hpp"

namespace kt::workqueue {

namespace {

using sim::kSecond;
constexpr int kMostNames = 16;  // of workers that sleep

// The works that nobody runs; equal ones in a row are counted. `rescuer`: one of them has one.
std::string describe_waiting(const WorkerPool& pool, const sim::NameTable& names, bool& rescuer) {
  std::string text;
  const auto end = pool.worklist.end();
  for (auto at = pool.worklist.begin(); at != end;) {
    const Work& work = *at;
    const Workqueue& wq = *work.pwq->wq;
    int count = 0;
    for (; at != end && at->function_name == work.function_name && at->pwq == work.pwq; ++at)
      ++count;
    if (&work == &work.pwq->mayday_cursor) continue;
    rescuer = rescuer || wq.rescuer != nullptr;
    text += fmt::format("; {}{} of {} wait{} for a worker{}",
                        count > 1 ? fmt::format("{}*", count) : "", names[work.function_name],
                        wq.name, count > 1 ? "" : "s",
                        wq.rescuer != nullptr ? ""
                        : count > 1           ? " and have no rescuer (no WQ_MEM_RECLAIM)"
                                              : " and has no rescuer (no WQ_MEM_RECLAIM)");
  }
  return text;
}

}  // namespace

void Workqueues::boot_watchdog() {
  if (params_.watchdog_thresh == 0) return;
  constexpr std::uint64_t kAddress = 0xffffffff82a00000;  // in the kernel's data
  watchdog_timer_.function = &wq_watchdog_timer_fn;
  watchdog_timer_.function_name = machine_.trace().names().intern("wq_watchdog_timer_fn");
  watchdog_timer_.object = this;
  watchdog_timer_.address = kAddress;
  watchdog_timer_.flags = timers::kTimerDeferrable;
  watchdog_touched_ = base_.timers.jiffies();
  base_.timers.boot_timer(
      watchdog_timer_, watchdog_touched_ + base_.timers.ticks().from_time(params_.watchdog_thresh));
}

Co<> Workqueues::wq_watchdog_timer_fn(timers::Timers&, timers::KernelTimer& timer) {
  return static_cast<Workqueues*>(timer.object)->check_stalls();
}

// The pools that do not get on.
struct Workqueues::Stalled {
  std::string report;  // the kernel's; empty: all get on
  std::string pools;   // which ones, for how long
};

Workqueues::Stalled Workqueues::stalled_pools(timers::Jiffies now) const {
  const timers::Ticks& ticks = base_.timers.ticks();
  const auto threshold = static_cast<timers::Jiffies>(params_.watchdog_thresh / ticks.period);
  std::string report;
  std::string reasons;
  std::string stalled;
  for (const auto& pool : pools_) {
    if (pool == nullptr || pool->worklist.empty()) continue;
    const timers::Jiffies progress = timers::time_before(watchdog_touched_, pool->watchdog_ts)
                                         ? pool->watchdog_ts
                                         : watchdog_touched_;
    if (!timers::time_before(progress + threshold, now)) continue;
    report += fmt::format("BUG: workqueue lockup - pool{} stuck for {}s!\n", pool_info(*pool),
                          (now - pool->watchdog_ts) * ticks.period / kSecond);
    reasons += describe_blocked(*pool);
    stalled += fmt::format("{}pool {} ({}) has started nothing for {}", stalled.empty() ? "" : ", ",
                           pool->id, pool_info(*pool).substr(1),
                           sim::format_time((now - pool->watchdog_ts) * ticks.period));
  }
  if (report.empty()) return {};
  return {report + show_all_workqueues(*this) + reasons, stalled};
}

// kernel/workqueue.c: panic_on_wq_watchdog. Where the kernel's parameter is 0, it goes on for ever;
// here the run ends, as there is a defect to tell of.
void Workqueues::note_stall(const Stalled& stalled) {
  if (params_.panic_on_stall == 0) throw Stall(stalled.report);
  ++stalls_;
  if (stalls_ < params_.panic_on_stall) {
    last_stall_ = fmt::format("at t={}:\n{}", sim::format_time(machine_.now()), stalled.report);
    return;
  }
  throw Stall(fmt::format(
      "the kernel panics on CPU {}, in wq_watchdog_timer_fn(), at stall {} with "
      "workqueue.panic_on_stall={}: {}\n{}"
      "kernel BUG at kernel/workqueue.c: panic_on_wq_watchdog()\n"
      "Kernel panic - not syncing: Fatal exception in interrupt\n",
      machine_.this_cpu().id(), stalls_, params_.panic_on_stall, stalled.pools,
      stalled.report));
}

std::string Workqueues::survived_stalls() const {
  if (last_stall_.empty()) return {};
  return fmt::format("{} of the {} stalls that workqueue.panic_on_stall lets pass, the last {}",
                     stalls_, params_.panic_on_stall - 1, last_stall_);
}

// Each round counts from the round before, as if somebody had touched the watchdog then.
Co<> Workqueues::check_stalls() {
  const timers::Jiffies now = base_.timers.jiffies();
  const Stalled stalled = stalled_pools(now);
  if (!stalled.report.empty()) note_stall(stalled);
  const auto threshold =
      static_cast<timers::Jiffies>(params_.watchdog_thresh / base_.timers.ticks().period);
  watchdog_touched_ = now;
  co_await base_.timers.mod_timer(watchdog_timer_, now + threshold);
}

std::size_t Workqueues::retry_timers() const {
  constexpr std::size_t kTimers = 2;  // that of the manager's sleep, and the mayday timer
  std::size_t count = 0;
  for (const auto& pool : pools_) {
    if (pool != nullptr && pool->failed_creations != 0) count += kTimers;
  }
  return count;
}

// Who has the workers, why there is no other one, and what waits for it. The pool's lock may be
// held by nobody: it is called from outside of the machine, or from a timer.
std::string Workqueues::describe_blocked(const WorkerPool& pool) const {
  const sim::NameTable& names = machine_.trace().names();
  std::string text;
  int asleep = 0;
  for (const Worker& worker : pool.workers) {
    if (worker.current_pwq == nullptr || worker.task == nullptr ||
        worker.task->state == sched::kTaskRunning) {
      continue;
    }
    if (++asleep > kMostNames) continue;
    text += fmt::format("; {} sleeps since {}", describe(*worker.task),
                        sim::format_time(worker.task->sleep_start));
    if (worker.task->wait.name != 0) text += fmt::format(" for {}", names[worker.task->wait.name]);
  }
  if (asleep > kMostNames) text += fmt::format("; and {} more", asleep - kMostNames);
  bool rescuer = false;
  const std::string waiting = describe_waiting(pool, names, rescuer);
  if (pool.manager == nullptr || pool.manager->task == nullptr) return {};
  const std::string_view what = asleep != 0 ? "worker-pool exhaustion: all workers of"
                                : rescuer   ? "no worker for"
                                            : "deadlock for want of a rescuer: no worker for";
  return fmt::format(
      "{} pool {} ({}){}{}; the manager {} {}{}\n", what, pool.id, pool_info(pool).substr(1),
      asleep != 0 ? " sleep" : "", text, describe(*pool.manager->task),
      pool.failed_creations != 0
          ? fmt::format("failed {} times to make another since {}", pool.failed_creations,
                        sim::format_time(pool.failing_since))
          : fmt::format("is at it since {}", sim::format_time(pool.manager->task->sleep_start)),
      waiting);
}

std::string Workqueues::find_exhausted() const {
  std::string text;
  for (const auto& pool : pools_) {
    if (pool == nullptr || pool->worklist.empty()) continue;
    if (pool->failed_creations == 1) return {};  // it has not tried again since
    text += describe_blocked(*pool);
  }
  return text;
}

}  // namespace kt::workqueue
