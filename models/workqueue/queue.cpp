// kernel/workqueue.c: queue_work_on, __queue_work, insert_work, kick_pool.
#include "models/workqueue/workqueues.hpp"
#include "sim/error.hpp"

namespace kt::workqueue {

using trace::Event;

Co<bool> Workqueues::queue_work_on(int cpu, Workqueue& wq, Work& work) {
  Cpu& here = machine_.this_cpu();
  const bool irqs_were_off = here.irqs_disabled();
  here.local_irq_disable();
  bool queued = false;
  if (work.function == nullptr) [[unlikely]]
    check_initialized(work, "queue_work");
  here.touch(&work, cpu::Access::kWrite);
  if (!work.pending && work.disable == 0) {  // clear_pending_if_disabled()
    work.pending = true;
    co_await __queue_work(cpu, wq, work);
    queued = true;
  } else {
    co_await here.run(costs().queue_work_pending);
  }
  if (!irqs_were_off) machine_.this_cpu().local_irq_enable();
  co_return queued;
}

// kernel/workqueue.c: workqueue_select_cpu_near
Co<bool> Workqueues::queue_work_node(int node, Workqueue& wq, Work& work) {
  const cpu::Topology& topology = machine_.topology();
  int cpu = kWorkCpuUnbound;
  if (node >= 0 && node < topology.nr_nodes()) {
    const int here = machine_.this_cpu().id();
    const int first = topology.node(node).first_and(online_cpumask_);
    if (topology.node_of(here) == node) {
      cpu = here;
    } else if (first >= 0) {
      cpu = first;
    }
  }
  return queue_work_on(cpu, wq, work);
}

// kernel/workqueue.c: is_chained_work
bool Workqueues::is_chained_work(const Workqueue& wq) {
  const Worker* worker = current_worker(scheduler_.current());
  return worker != nullptr && worker->current_pwq != nullptr && worker->current_pwq->wq == &wq;
}

// kernel/workqueue.c: get_work_pool
WorkerPool* Workqueues::pool_of(const Work& work) {
  if (work.pwq != nullptr) return work.pwq->pool;
  return work.pool == kPoolNone ? nullptr : pools_[static_cast<std::size_t>(work.pool)].get();
}

// The queue takes no works from outside any more.
void Workqueues::queued_too_late(const Workqueue& wq, const Work& work) const {
  const bool destroying = (wq.flags & kWqDestroying) != 0;
  std::string armed;
  if (work.delayed && static_cast<const DelayedWork&>(work).wq == &wq) {
    armed = fmt::format(" (its timer was started by {})",
                        describe(static_cast<const DelayedWork&>(work).armed_by));
  }
  throw sim::Defect(
      fmt::format("{} queued by {}{} on workqueue {}, which {} by {}: the work is lost",
                  describe(work), describe(who()), armed, wq.name,
                  wq.destroyed ? "was destroyed"
                  : destroying ? "is being destroyed"
                               : "is being drained",
                  describe(destroying ? wq.destroyed_by : wq.drained_by)));
}

// Interrupts are off.
Co<> Workqueues::__queue_work(int cpu, Workqueue& wq, Work& work) {
  const int req_cpu = cpu;
  if ((wq.flags & (kWqDestroying | kWqDraining)) != 0 && !is_chained_work(wq)) [[unlikely]] {
    queued_too_late(wq, work);
  }
  Pwq* pwq = nullptr;
  WorkerPool* pool = nullptr;
  for (;;) {
    if (req_cpu == kWorkCpuUnbound) {
      cpu = machine_.this_cpu().id();
      if (wq.unbound()) cpu = wq_select_unbound_cpu(cpu);
    }
    pwq = wq.cpu_pwq[static_cast<std::size_t>(cpu)];
    pool = pwq->pool;
    // It may still run where it was before: then it has to go there, so as not to run twice at
    // once.
    WorkerPool* last_pool = pool_of(work);
    const bool moves_on = wq.ordered() && !machine_.bugs.have(Bug::kWq16);
    if (last_pool != nullptr && last_pool != pool && !moves_on && !params_.legacy) {
      co_await lock(*last_pool);
      Worker* worker = last_pool->find_worker_executing_work(work);
      if (worker != nullptr && worker->current_pwq->wq == &wq) {
        pwq = worker->current_pwq;
        pool = last_pool;
      } else {
        co_await unlock(*last_pool);
        co_await lock(*pool);
      }
    } else {
      co_await lock(*pool);
    }
    if (pwq->refcnt != 0) break;
    co_await unlock(*pool);  // an unbound pwq that was replaced meanwhile
  }
  Cpu& here = machine_.this_cpu();
  const Task& current = scheduler_.current();
  here.trace(Event::kWorkqueueQueueWork, work.address, work.function_name, wq.name_id,
             cpu::pack(static_cast<std::uint32_t>(req_cpu), pool->cpu));
  work.queued_at = machine_.now();
  work.queued_by = current.comm;
  work.queued_by_pid = current.pid;
  work.queued_on = here.id();
  work.queued_from = here.in_hardirq()     ? QueuedFrom::kHardirq
                     : here.in_interrupt() ? QueuedFrom::kSoftirq
                                           : QueuedFrom::kTask;
  if (work.stats != nullptr) ++work.stats->queued;
  if (wq.stats != nullptr) ++wq.stats->queued;
  ++pwq->nr_in_flight[pwq->work_color];
  work.color = pwq->work_color;
  co_await here.run(costs().queue_work);
  // Behind those that wait already, so that the order holds when the limit changes.
  Slot slot = pwq->inactive_works.empty() ? try_slot(*pwq, false) : Slot::kNone;
  if (slot == Slot::kLocked) [[unlikely]] {
    const bool obtained = co_await wait_for_slot(*pwq, false);
    slot = obtained ? Slot::kObtained : Slot::kNone;
  }
  if (slot == Slot::kObtained) {
    if (pool->worklist.empty()) pool->watchdog_ts = base_.timers.jiffies();
    here.trace(Event::kWorkqueueActivateWork, work.address, work.function_name);
    work.activated_at = work.queued_at;
    insert_work(*pwq, work, pool->worklist, false);
    co_await kick_pool(*pool);
  } else {
    insert_work(*pwq, work, pwq->inactive_works, true);
  }
  co_await unlock(*pool);
}

int Workqueues::wq_select_unbound_cpu(int cpu) {
  if (!params_.debug_force_rr_cpu && unbound_cpumask_.test(cpu)) return cpu;
  int& last = rr_cpu_last_[static_cast<std::size_t>(cpu)];
  const int next = unbound_cpumask_.next_and_wrap(scheduler_.active_mask(), last + 1);
  if (next < 0) return cpu;
  last = next;
  return next;
}

void Workqueues::insert_work(Pwq& pwq, Work& work, WorkList& list, bool inactive) {
  work.pwq = &pwq;
  work.inactive = inactive;
  work.linked = false;
  list.push_back(work);
  get_pwq(pwq);
}

Co<> Workqueues::kick_pool(WorkerPool& pool) {
  if (!kick_wanted(pool)) return {};
  return (pool.flags & kPoolBh) != 0 ? kick_bh_pool(pool) : wake_idle_worker(pool);
}

// The worker is the one that went idle last. If it is outside the pod of a pool whose affinity is
// not strict, it is put back: the scheduler starts its search for a CPU from wake_cpu.
Co<> Workqueues::wake_idle_worker(WorkerPool& pool) {
  Task& p = *pool.idle_list.front().task;
  if (!pool.attrs.affn_strict && !pool.attrs.pod_cpumask.test(p.wake_cpu)) {
    int& last = distribute_cpu_mask_prev_[static_cast<std::size_t>(machine_.this_cpu().id())];
    const int wake_cpu = pool.attrs.pod_cpumask.next_and_wrap(scheduler_.active_mask(), last + 1);
    if (wake_cpu >= 0) {
      last = wake_cpu;
      p.wake_cpu = wake_cpu;
      ++pool.worklist.front().pwq->stats[kRepatriated];
    }
  }
  co_await scheduler_.wake_up_process(p);
}

}  // namespace kt::workqueue
