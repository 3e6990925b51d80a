// kernel/workqueue.c: delayed works: a timer that queues.
#include "models/workqueue/workqueues.hpp"
#include "sim/error.hpp"

namespace kt::workqueue {

void Workqueues::init_delayed_work(DelayedWork& work, Work::Function function,
                                   std::string_view name, std::uint64_t address) {
  constexpr std::uint64_t kTimerOffset = 0x20;  // of the timer in struct delayed_work
  init_work(work, function, machine_.trace().names().intern(name), address);
  work.delayed = true;
  work.timer.function = &delayed_work_timer_fn;
  work.timer.function_name = delayed_timer_name_;
  work.timer.object = &work;
  work.timer.address = address + kTimerOffset;
  work.timer.flags |= timers::kTimerIrqsafe;
}

void Workqueues::boot_delayed_work(Workqueue& wq, DelayedWork& work, Time delay) {
  work.pending = true;
  work.wq = &wq;
  work.cpu = kWorkCpuUnbound;
  const timers::Timers& timers = base_.timers;
  int on = 0;
  if (scheduler_.has_nohz_full()) {  // as __queue_delayed_work() does
    on = scheduler_.housekeeping().first();
    work.timer.flags |= timers::kTimerPinned;
  }
  base_.timers.boot_timer(work.timer, timers.jiffies() + timers.ticks().from_time(delay), on);
}

Co<> Workqueues::delayed_work_timer_fn(timers::Timers&, timers::KernelTimer& timer) {
  DelayedWork& work = *static_cast<DelayedWork*>(timer.object);
  return work.wq->workqueues->__queue_work(work.cpu, *work.wq, work);
}

// kernel/workqueue.c: __queue_delayed_work, with interrupts off and PENDING set
Co<> Workqueues::__queue_delayed_work(int cpu, Workqueue& wq, DelayedWork& work,
                                      timers::Jiffies delay) {
  if (delay == 0) return __queue_work(cpu, wq, work);
  work.wq = &wq;
  work.cpu = cpu;
  work.armed_by = who();
  const timers::Jiffies expires = base_.timers.jiffies() + delay;
  sched::Scheduler& scheduler = base_.timers.scheduler();
  if (scheduler.has_nohz_full()) {  // its CPUs take no timers (HK_TYPE_TIMER)
    return base_.timers.add_timer_on(work.timer, scheduler.housekeeping_any_cpu(), expires);
  }
  return cpu == kWorkCpuUnbound ? base_.timers.add_timer_global(work.timer, expires)
                                : base_.timers.add_timer_on(work.timer, cpu, expires);
}

Co<bool> Workqueues::queue_delayed_work_on(int cpu, Workqueue& wq, DelayedWork& work,
                                           timers::Jiffies delay) {
  if (work.function == nullptr) [[unlikely]]
    check_initialized(work, "queue_delayed_work");
  const bool irqs_were_off = machine_.this_cpu().irqs_disabled();
  machine_.this_cpu().local_irq_disable();
  machine_.touch(&work, cpu::Access::kWrite);
  const bool queues = !work.pending && work.disable == 0;
  if (queues) {
    work.pending = true;
    co_await __queue_delayed_work(cpu, wq, work, delay);
  } else {
    co_await machine_.run(costs().queue_work_pending);
  }
  if (!irqs_were_off) machine_.this_cpu().local_irq_enable();
  co_return queues;
}

Co<bool> Workqueues::mod_delayed_work_on(int cpu, Workqueue& wq, DelayedWork& work,
                                         timers::Jiffies delay) {
  bool irqs_were_off = false;
  const bool was_pending = co_await work_grab_pending(work, irqs_were_off);
  if (work.disable == 0) {
    co_await __queue_delayed_work(cpu, wq, work, delay);
  } else {
    work.pending = false;
  }
  if (!irqs_were_off) machine_.this_cpu().local_irq_enable();
  co_return was_pending;
}

}  // namespace kt::workqueue
