#include "models/power/freezer.hpp"

namespace kt::power {

Freezer::Freezer(kthread::Kthreads& kthreads)
    : kthreads_(kthreads), scheduler_(kthreads.scheduler()) {
  kthreads.freezer = {this, &is_freezing, &enter_refrigerator, &thaw};
  scheduler_.get_signal = {this, &get_signal};
}

bool Freezer::is_freezing(void* self, const Task& p) {
  return static_cast<Freezer*>(self)->freezing(p);
}

Co<bool> Freezer::enter_refrigerator(void* self, Task& p, bool check_kthr_stop) {
  return static_cast<Freezer*>(self)->refrigerator(p, check_kthr_stop);
}

Co<> Freezer::thaw(void* self, Task& p) {
  return static_cast<Freezer*>(self)->thaw_task(p);
}

// kernel/signal.c: get_signal, for a signal that does not kill: the freezer's fake one. It is taken
// back (recalc_sigpending) once the task need not freeze any more.
Co<> Freezer::get_signal(void* self, Task& p) {
  return static_cast<Freezer*>(self)->handle_fake_signal(p);
}

Co<> Freezer::handle_fake_signal(Task& p) {
  co_await kthreads_.try_to_freeze();
  p.sigpending = p.fatal_signal;
}

bool Freezer::freezing(const Task& p) const {
  p.cpu->touch(this, cpu::Access::kRead);
  if (!active) return false;
  if ((p.flags & (sched::kPfNofreeze | sched::kPfSuspendTask)) != 0 || p.memdie) return false;
  return pm_nosig_freezing || (pm_freezing && !p.is_kthread());
}

// __set_task_frozen() under pi_lock. One whose dequeue is delayed sleeps already: it is frozen as
// it is, and leaves the queue later.
Co<bool> Freezer::freeze_in_place(Task& p) {
  constexpr std::uint32_t kFreezable =
      sched::kTaskFreezable | sched::kTaskStopped | sched::kTaskTraced;
  while (p.pi_locked) co_await scheduler_.machine().run(cpu::kSpinPoll);
  const bool runnable = p.on_rq != sched::OnRq::kNo && !p.se.sched_delayed;
  if (runnable || scheduler_.task_rq(p).curr == &p) co_return false;
  if ((p.state & kFreezable) == 0) co_return false;
  p.saved_state = p.state;
  p.state = sched::kTaskFrozen;
  co_return true;
}

// A signal that is not there: whoever sleeps in S wakes, whoever runs enters the kernel, and on the
// way back to user mode finds nothing but the freezer. kernel/signal.c: signal_wake_up_state
Co<> Freezer::fake_signal_wake_up(Task& p) {
  p.sigpending = true;
  const bool woken = co_await scheduler_.wake_up_state(p, sched::kTaskInterruptible);
  sched::Rq& rq = scheduler_.task_rq(p);
  cpu::Cpu& here = scheduler_.machine().this_cpu();
  if (!woken && rq.cpu != &here && rq.curr == &p) {  // kick_process()
    here.send_ipi(*rq.cpu, cpu::Vector::kReschedule);
  }
}

Co<bool> Freezer::freeze_task(Task& p) {
  if (!freezing(p) || frozen(p)) co_return false;
  co_await scheduler_.machine().run(scheduler_.machine().costs().freeze_task);
  const bool in_place = co_await freeze_in_place(p);
  if (in_place) co_return false;
  if (p.is_kthread()) {
    co_await scheduler_.wake_up_process(p);
  } else {
    co_await fake_signal_wake_up(p);
  }
  co_return true;
}

Co<> Freezer::thaw_task(Task& p) {
  while (p.pi_locked) co_await scheduler_.machine().run(cpu::kSpinPoll);
  if (!frozen(p)) co_return;
  if (p.saved_state != sched::kTaskRunning) {  // nobody woke it: it goes on sleeping
    p.state = std::exchange(p.saved_state, std::uint32_t{sched::kTaskRunning});
    co_return;
  }
  co_await scheduler_.wake_up_state(p, sched::kTaskFrozen);
}

Co<bool> Freezer::refrigerator(Task& self, bool check_kthr_stop) {
  const sched::Wait outer = self.wait;
  bool was_frozen = false;
  for (;;) {
    co_await scheduler_.set_special_state(sched::kTaskFrozen);
    self.saved_state = sched::kTaskRunning;
    const bool stops = check_kthr_stop && kthread::Kthreads::should_stop(self);
    if (!freezing(self) || stops) break;
    was_frozen = true;
    self.wait = {sched::WaitKind::kFrozen, 0, nullptr};
    co_await scheduler_.schedule();
  }
  self.wait = outer;
  self.state = sched::kTaskRunning;
  co_return was_frozen;
}

}  // namespace kt::power
