// kernel/workqueue.c: cancelling, disabling and enabling works: who grabs PENDING owns the work.
#include "models/workqueue/workqueues.hpp"
#include "sim/error.hpp"

namespace kt::workqueue {

namespace {

constexpr std::uint16_t kMaxDisable = UINT16_MAX;

}  // namespace

// Claims PENDING, by the timer, because nobody has it, or off the list. Left with interrupts off
// and PENDING set. True if it was pending before. kernel/workqueue.c: work_grab_pending
Co<bool> Workqueues::work_grab_pending(Work& work, bool& irqs_were_off) {
  if (work.function == nullptr) [[unlikely]]
    check_initialized(work, "cancel");
  irqs_were_off = machine_.this_cpu().irqs_disabled();
  for (;;) {
    machine_.this_cpu().local_irq_disable();
    co_await machine_.run(costs().cancel_work);
    machine_.touch(&work, cpu::Access::kWrite);
    if (work.delayed && base_.timers.del_timer(static_cast<DelayedWork&>(work).timer)) {
      co_return true;
    }
    if (!work.pending) {
      work.pending = true;
      co_return false;
    }
    WorkerPool* pool = pool_of(work);
    if (pool != nullptr) {
      co_await lock(*pool);
      const bool stolen = work.pwq != nullptr && work.pwq->pool == pool;
      if (stolen) co_await steal(work);
      co_await unlock(*pool);
      if (stolen) co_return true;
    }
    // Somebody is about to queue it, or runs its timer: again, with interrupts on in between.
    if (!irqs_were_off) machine_.this_cpu().local_irq_enable();
    co_await machine_.run(cpu::kSpinPoll);
  }
}

// Off its list, under the pool's lock. An inactive item leaves its barriers on the worklist, where
// they wait for nobody.
Co<> Workqueues::steal(Work& work) {
  Pwq& pwq = *work.pwq;
  const bool was_inactive = work.inactive;
  if (was_inactive) move_linked_works(work, pwq.pool->worklist);
  work.unlink();
  work.pwq = nullptr;
  work.pool = pwq.pool->id;
  work.on_bh = (pwq.pool->flags & kPoolBh) != 0;
  work.linked = work.inactive = false;
  return pwq_dec_nr_in_flight(pwq, work.color, was_inactive);
}

// kernel/workqueue.c: __cancel_work
Co<bool> Workqueues::__cancel_work(Work& work, bool disable) {
  bool irqs_were_off = false;
  const bool was_pending = co_await work_grab_pending(work, irqs_were_off);
  if (disable) {
    if (work.disable == kMaxDisable)
      throw sim::Defect(describe(work) + ": work disable count overflowed");
    ++work.disable;
  }
  work.pending = false;
  if (!irqs_were_off) machine_.this_cpu().local_irq_enable();
  co_return was_pending;
}

// kernel/workqueue.c: __cancel_work_sync: disabled meanwhile, so that it cannot requeue itself.
Co<bool> Workqueues::__cancel_work_sync(Work& work, bool disable) {
  const bool was_pending = co_await __cancel_work(work, true);
  if (!work.on_bh) co_await scheduler_.might_sleep();
  co_await __flush_work(work, true);
  if (!disable) co_await enable_work(work);
  co_return was_pending;
}

Co<bool> Workqueues::cancel_work(Work& work) {
  return __cancel_work(work, false);
}

Co<bool> Workqueues::cancel_work_sync(Work& work) {
  return __cancel_work_sync(work, false);
}

Co<bool> Workqueues::disable_work(Work& work) {
  return __cancel_work(work, true);
}

Co<bool> Workqueues::disable_work_sync(Work& work) {
  return __cancel_work_sync(work, true);
}

Co<bool> Workqueues::enable_work(Work& work) {
  bool irqs_were_off = false;
  co_await work_grab_pending(work, irqs_were_off);
  if (work.disable == 0) throw sim::Defect(describe(work) + ": work disable count underflowed");
  --work.disable;
  work.pending = false;
  if (!irqs_were_off) machine_.this_cpu().local_irq_enable();
  co_return work.disable == 0;
}

}  // namespace kt::workqueue
