#include "models/power/process.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace kt::power {

Processes::Processes(Freezer& freezer, Wakeups& wakeups, Phases& phases, timers::Timers& timers,
                     workqueue::Workqueues& workqueues)
    : freezer_(freezer),
      wakeups_(wakeups),
      phases_(phases),
      timers_(timers),
      workqueues_(workqueues),
      scheduler_(timers.scheduler()),
      machine_(scheduler_.machine()) {}

// for_each_process_thread() under tasklist_lock: how many have been asked to freeze. What looking
// at those that need nothing costs is taken in one piece.
Co<unsigned> Processes::scan_tasks() {
  const Time cost = machine_.costs().freeze_scan;
  const Task* self = &scheduler_.current();
  Time looked = 0;
  unsigned asked = 0;
  const Task* last = nullptr;
  scheduler_.preempt_disable();
  sched::TaskList& tasks = scheduler_.tasks();
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    Task& p = tasks[i];
    if (p.is_idle()) continue;
    looked += cost;
    if (&p == self || !freezer_.freezing(p) || Freezer::frozen(p)) continue;
    co_await machine_.run(std::exchange(looked, 0));
    const bool refuses = co_await freezer_.freeze_task(p);
    if (!refuses) continue;
    ++asked;
    last = &p;
  }
  co_await machine_.run(looked);
  co_await scheduler_.preempt_enable();
  if (last != nullptr) last_asked_ = last;
  ++scans_;
  co_return asked;
}

Co<int> Processes::try_to_freeze_tasks(bool user_only) {
  constexpr Time kFirstSleep = 1'000'000;
  constexpr Time kLongestSleep = 8'000'000;
  const Time start = machine_.now();
  const timers::Jiffies end_time = timers_.jiffies() + timers_.ticks().from_time(freeze_timeout);
  Time sleep = kFirstSleep;
  unsigned todo = 0;
  FreezeFailure failure{.user_only = user_only, .start = start};
  last_asked_ = nullptr;
  scans_ = 0;
  co_await machine_.run(machine_.costs().freeze_phase);
  if (!user_only) co_await workqueues_.freeze_workqueues_begin();
  for (;;) {
    todo = co_await scan_tasks();
    failure.wq_busy = false;
    if (!user_only) failure.wq_busy = co_await workqueues_.freeze_workqueues_busy();
    if (todo == 0 && !failure.wq_busy) break;
    if (timers::time_before(end_time, timers_.jiffies())) break;
    if (wakeups_.pm_wakeup_pending()) {
      failure.aborted = true;
      break;
    }
    co_await timers_.usleep_range(sleep / 2, sleep);
    if (sleep < kLongestSleep) sleep *= 2;
  }
  if (todo == 0 && !failure.wq_busy) {
    note_success(start);
    co_return 0;
  }
  failure.elapsed = machine_.now() - start;
  report(failure, todo);
  co_return -EBUSY;
}

void Processes::note_success(Time start) {
  if (scans_ == 1) return;
  const std::string_view who = last_asked_ == nullptr
                                   ? "freezable workqueues"
                                   : machine_.trace().names()[last_asked_->full_name];
  phases_.note(fmt::format("{} scans, the last for {}, {}.{:03} s", scans_, who,
                           (machine_.now() - start) / 1'000'000'000,
                           (machine_.now() - start) / 1'000'000 % 1000));
}

void Processes::report(const FreezeFailure& base, unsigned refusing) {
  FreezeFailure failure = base;
  const Task* self = &scheduler_.current();
  for (const Task& p : scheduler_.tasks()) {
    if (&p == self || p.is_idle() || !freezer_.freezing(p) || Freezer::frozen(p)) continue;
    failure.refusing.push_back(&p);
  }
  phases_.note(fmt::format("{}: {} tasks refusing to freeze, wq_busy={}",
                           failure.aborted ? "aborted" : "failed", refusing,
                           failure.wq_busy ? 1 : 0));
  if (failure_hook.failed != nullptr) failure_hook.failed(failure_hook.object, failure);
}

Co<int> Processes::freeze_processes() {
  scheduler_.current().flags |= sched::kPfSuspendTask;
  freezer_.active = true;
  wakeups_.pm_wakeup_clear();
  machine_.touch(&freezer_, cpu::Access::kWrite);
  freezer_.pm_freezing = true;
  int error = co_await try_to_freeze_tasks(true);
  if (error == 0 && memory_ != nullptr) error = co_await disable_oom_killer();
  if (error != 0) co_await thaw_processes();
  co_return error;
}

// Whoever was killed before goes first, in as much time as freezing has.
Co<int> Processes::disable_oom_killer() {
  const bool disabled =
      co_await memory_->oom_killer_disable(timers_.ticks().from_time(freeze_timeout));
  if (disabled) co_return 0;
  phases_.note(
      fmt::format("{} victims of the OOM killer have not exited", memory_->oom_victims_alive()));
  co_return -EBUSY;
}

Co<int> Processes::freeze_kernel_threads() {
  machine_.touch(&freezer_, cpu::Access::kWrite);
  freezer_.pm_nosig_freezing = true;
  const int error = co_await try_to_freeze_tasks(false);
  if (error != 0) co_await thaw_kernel_threads();
  co_return error;
}

Co<> Processes::thaw_tasks(bool kernel_only) {
  const Time cost = machine_.costs().freeze_scan;
  Time looked = 0;
  scheduler_.preempt_disable();
  sched::TaskList& tasks = scheduler_.tasks();
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    Task& p = tasks[i];
    if (p.is_idle() || (kernel_only && !p.is_kthread())) continue;
    looked += cost;
    if (!Freezer::frozen(p)) continue;
    co_await machine_.run(std::exchange(looked, 0));
    co_await freezer_.thaw_task(p);
  }
  co_await machine_.run(looked);
  co_await scheduler_.preempt_enable();
}

Co<> Processes::thaw_processes() {
  phases_.begin("thaw_processes", 0);
  machine_.touch(&freezer_, cpu::Access::kWrite);
  freezer_.active = freezer_.pm_freezing = freezer_.pm_nosig_freezing = false;
  if (memory_ != nullptr) memory_->oom_killer_enable();
  co_await workqueues_.thaw_workqueues();
  co_await thaw_tasks(false);
  scheduler_.current().flags &= ~std::uint32_t{sched::kPfSuspendTask};
  co_await scheduler_.schedule();
  phases_.end("thaw_processes", 0);
}

Co<> Processes::thaw_kernel_threads() {
  machine_.touch(&freezer_, cpu::Access::kWrite);
  freezer_.pm_nosig_freezing = false;
  co_await workqueues_.thaw_workqueues();
  co_await thaw_tasks(true);
  co_await scheduler_.schedule();
}

}  // namespace kt::power
