// kernel/workqueue.c: how many works of a queue may run: pwq_tryinc_nr_active and its kin. Where
// the kernel takes a node's nna->lock, nothing here takes time: the few instructions under it are
// part of the cost of the caller.
#include "models/workqueue/workqueues.hpp"

namespace kt::workqueue {

using trace::Event;

namespace {

bool tryinc_node_nr_active(NodeNrActive& nna) {
  if (nna.nr >= nna.max) return false;
  ++nna.nr;
  return true;
}

}  // namespace

NodeNrActive* Workqueue::nr_active_of(int node) {
  if (!unbound()) return nullptr;
  return node < 0 ? &node_nr_active.back() : &node_nr_active[static_cast<std::size_t>(node)];
}

// Under the pool's lock. `fill`: the limit was raised, so that who waits already may be served
// again.
bool Workqueues::pwq_tryinc_nr_active(Pwq& pwq, bool fill) {
  NodeNrActive* nna = pwq.wq->nr_active_of(pwq.pool->node);
  bool obtained = false;
  if (nna == nullptr) {
    obtained = pwq.nr_active < pwq.wq->max_active;
  } else {
    if (pwq.plugged) return false;
    const bool waits = pwq.pending_node.is_linked();
    if (waits && !fill) return false;  // it has its turn
    obtained = tryinc_node_nr_active(*nna);
    if (!obtained && !waits) nna->pending_pwqs.push_back(pwq);
  }
  if (obtained) ++pwq.nr_active;
  return obtained;
}

// kernel/workqueue.c: __pwq_activate_work
void Workqueues::pwq_activate_work(Pwq& pwq, Work& work) {
  machine_.this_cpu().trace(Event::kWorkqueueActivateWork, work.address, work.function_name);
  work.activated_at = machine_.now();
  if (pwq.pool->worklist.empty()) pwq.pool->watchdog_ts = base_.timers.jiffies();
  move_linked_works(work, pwq.pool->worklist);
  work.inactive = false;
}

bool Workqueues::pwq_activate_first_inactive(Pwq& pwq, bool fill) {
  if (pwq.inactive_works.empty() || !pwq_tryinc_nr_active(pwq, fill)) return false;
  pwq_activate_work(pwq, pwq.inactive_works.front());
  return true;
}

// A slot of the node is free: it goes to the first pwq that waits, which then waits behind the
// others. Two pool locks are never held at once.
Co<> Workqueues::node_activate_pending_pwq(NodeNrActive& nna, WorkerPool& caller_pool) {
  WorkerPool* locked = &caller_pool;
  while (!nna.pending_pwqs.empty()) {
    Pwq& pwq = nna.pending_pwqs.front();
    if (pwq.pool != locked) {
      WorkerPool& wanted = *pwq.pool;
      co_await unlock(*locked);
      co_await lock(wanted);
      locked = &wanted;
      continue;  // somebody may have been quicker
    }
    if (pwq.inactive_works.empty()) {  // cancelled meanwhile
      pwq.pending_node.unlink();
      continue;
    }
    if (tryinc_node_nr_active(nna)) {
      ++pwq.nr_active;
      pwq_activate_work(pwq, pwq.inactive_works.front());
      pwq.pending_node.unlink();
      if (!pwq.inactive_works.empty()) nna.pending_pwqs.push_back(pwq);
      if (pwq.pool != &caller_pool) co_await kick_pool(*pwq.pool);
    }
    break;
  }
  if (locked != &caller_pool) {
    co_await unlock(*locked);
    co_await lock(caller_pool);
  }
}

Co<> Workqueues::pwq_dec_nr_active(Pwq& pwq) {
  NodeNrActive* nna = pwq.wq->nr_active_of(pwq.pool->node);
  --pwq.nr_active;
  if (nna == nullptr) {
    pwq_activate_first_inactive(pwq, false);
    return {};
  }
  if (--nna->nr >= nna->max || nna->pending_pwqs.empty()) return {};
  return node_activate_pending_pwq(*nna, *pwq.pool);
}

// An item has left: its slot, its colour and its reference. Under the pool's lock, which an unbound
// pwq may drop for a while.
Co<> Workqueues::pwq_dec_nr_in_flight(Pwq& pwq, std::uint8_t color, bool inactive) {
  if (!inactive) co_await pwq_dec_nr_active(pwq);
  --pwq.nr_in_flight[color];
  if (pwq.flush_color == color && pwq.nr_in_flight[color] == 0) {
    pwq.flush_color = -1;
    machine_.touch(&pwq.wq->nr_pwqs_to_flush, cpu::Access::kAcquire);
    machine_.touch(&pwq.wq->nr_pwqs_to_flush, cpu::Access::kRelease);
    if (--pwq.wq->nr_pwqs_to_flush == 0) {
      co_await base_.completions.complete(pwq.wq->first_flusher->done);
    }
  }
  co_await put_pwq(pwq);
}

}  // namespace kt::workqueue
