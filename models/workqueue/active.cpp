// kernel/workqueue.c: how many works of a queue may run: pwq_tryinc_nr_active and its kin. The
// slots of a node are counted without a lock; who waits for one stands in line under nna->lock,
// which is taken inside of pool->lock.
#include "models/workqueue/workqueues.hpp"

namespace kt::workqueue {

using trace::Event;

NodeNrActive* Workqueue::nr_active_of(int node) {
  if (!unbound()) return nullptr;
  return node < 0 ? &node_nr_active.back() : &node_nr_active[static_cast<std::size_t>(node)];
}

bool Workqueues::tryinc_node_nr_active(NodeNrActive& nna) {
  machine_.touch(&nna.nr, cpu::Access::kWrite);
  if (nna.nr >= nna.max) return false;
  ++nna.nr;
  return true;
}

// The part of pwq_tryinc_nr_active() before nna->lock. Under the pool's lock. `fill`: the limit was
// raised, so that who waits already may be served again.
Slot Workqueues::try_slot(Pwq& pwq, bool fill) {
  NodeNrActive* nna = pwq.wq->nr_active_of(pwq.pool->node);
  if (nna == nullptr) {
    if (pwq.nr_active >= pwq.wq->max_active) return Slot::kNone;
  } else {
    if (pwq.plugged) return Slot::kNone;
    if (pwq.pending_node.is_linked() && !fill) return Slot::kNone;  // it has its turn
    if (!tryinc_node_nr_active(*nna)) return Slot::kLocked;
  }
  ++pwq.nr_active;
  return Slot::kObtained;
}

// The rest of it: gets in line, and looks once more. True: it has a slot.
Co<bool> Workqueues::wait_for_slot(Pwq& pwq, bool fill) {
  NodeNrActive& nna = *pwq.wq->nr_active_of(pwq.pool->node);
  co_await base_.spinlocks.lock(nna.lock);
  const bool waits = pwq.pending_node.is_linked();
  if (!waits) nna.pending_pwqs.push_back(pwq);
  bool obtained = false;
  if (!waits || fill) {
    obtained = tryinc_node_nr_active(nna);
    if (obtained && !fill) pwq.pending_node.unlink();
  }
  co_await base_.spinlocks.unlock(nna.lock);
  if (obtained) ++pwq.nr_active;
  co_return obtained;
}

// kernel/workqueue.c: __pwq_activate_work
void Workqueues::pwq_activate_work(Pwq& pwq, Work& work) {
  machine_.this_cpu().trace(Event::kWorkqueueActivateWork, work.address, work.function_name);
  work.activated_at = machine_.now();
  if (pwq.pool->worklist.empty()) pwq.pool->watchdog_ts = base_.timers.jiffies();
  move_linked_works(work, pwq.pool->worklist);
  work.inactive = false;
}

Co<bool> Workqueues::pwq_activate_first_inactive(Pwq& pwq, bool fill) {
  if (pwq.inactive_works.empty()) co_return false;
  Slot slot = try_slot(pwq, fill);
  if (slot == Slot::kLocked) {
    const bool obtained = co_await wait_for_slot(pwq, fill);
    slot = obtained ? Slot::kObtained : Slot::kNone;
  }
  if (slot == Slot::kNone) co_return false;
  pwq_activate_work(pwq, pwq.inactive_works.front());
  co_return true;
}

// A slot of the node is free: it goes to the first pwq that waits, which then waits behind the
// others. Two pool locks are never held at once; another pool's can only be tried for while the
// node's is held. Interrupts stay off throughout.
Co<> Workqueues::node_activate_pending_pwq(NodeNrActive& nna, WorkerPool& caller_pool) {
  locking::Spinlocks& spinlocks = base_.spinlocks;
  const bool irqs_were_off = caller_pool.lock.irqs_were_off;  // before whoever takes it meanwhile
  WorkerPool* locked = &caller_pool;
  co_await spinlocks.lock(nna.lock);
  while (!nna.pending_pwqs.empty()) {
    Pwq& pwq = nna.pending_pwqs.front();
    if (pwq.pool != locked) {
      co_await spinlocks.unlock(locked->lock);
      locked = pwq.pool;
      const bool free = locked->lock.owner == nullptr;  // raw_spin_trylock()
      if (!free) co_await spinlocks.unlock(nna.lock);
      co_await spinlocks.lock(locked->lock);
      if (!free) {
        co_await spinlocks.lock(nna.lock);
        continue;  // somebody may have been quicker
      }
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
  co_await spinlocks.unlock(nna.lock);
  if (locked != &caller_pool) {
    co_await spinlocks.unlock(locked->lock);
    co_await spinlocks.lock(caller_pool.lock);
    caller_pool.lock.irqs_were_off = irqs_were_off;
  }
}

Co<> Workqueues::pwq_dec_nr_active(Pwq& pwq) {
  NodeNrActive* nna = pwq.wq->nr_active_of(pwq.pool->node);
  --pwq.nr_active;
  if (nna == nullptr) {
    if (!pwq.inactive_works.empty() && try_slot(pwq, false) == Slot::kObtained)
      pwq_activate_work(pwq, pwq.inactive_works.front());
    return {};
  }
  machine_.touch(&nna->nr, cpu::Access::kWrite);
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
