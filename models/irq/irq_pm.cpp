// kernel/irq/pm.c: interrupts while devices are suspended.
#include "models/irq/irq.hpp"

namespace kt::irq {

// irq_pm_check_wakeup(), and what a disabled interrupt does. Masked, it remembers no more than
// this.
Co<> Irqs::hold_back(Irq& irq) {
  irq.replay = true;
  irq.masked = true;
  irq.suspended = true;
  const bool wakes = std::exchange(irq.wakeup_armed, false);
  if (wakes && wakeup_hook.wakeup != nullptr) {
    co_await wakeup_hook.wakeup(wakeup_hook.object, irq);
  }
}

Co<> Irqs::suspend_device_irqs() {
  for (Irq& irq : irqs_) {
    (irq.wakes ? irq.wakeup_armed : irq.suspended) = true;
    co_await synchronize_irq(irq);
  }
}

// kernel/irq/manage.c: synchronize_irq
Co<> Irqs::synchronize_irq(const Irq& irq) {
  while (irq.in_progress) co_await machine_.run(cpu::kSpinPoll);
  Task& self = scheduler_.current();
  while (irq.thread_active) {
    thread_waiter_ = &self;
    self.state = sched::kTaskUninterruptible;
    if (irq.thread_active) co_await scheduler_.schedule();
  }
  thread_waiter_ = nullptr;
  self.state = sched::kTaskRunning;
}

void Irqs::resume_device_irqs() {
  for (Irq& irq : irqs_) {
    irq.wakeup_armed = false;
    if (!std::exchange(irq.suspended, false)) continue;
    if (irq.replay) {
      irq.masked = irq.latched = false;
      retrigger(irq);
    } else {
      unmask(irq);
    }
  }
}

}  // namespace kt::irq
