// kernel/workqueue.c: wq_update_node_max_active, wq_adjust_max_active, and who changes the limits.
#include <algorithm>

#include "models/workqueue/workqueues.hpp"
#include "sim/error.hpp"

namespace kt::workqueue {

// The limit of an unbound queue, split over the nodes by their share of its CPUs.
void Workqueues::wq_update_node_max_active(Workqueue& wq) {
  if (!topology_initialized_) return;
  const CpuMask& effective = wq.dfl_pwq->pool->attrs.pod_cpumask;
  const int total = effective.count_and(online_cpumask_);
  wq.node_nr_active.back().max = wq.max_active;
  for (int node = 0; node < machine_.topology().nr_nodes(); ++node) {
    NodeNrActive& nna = wq.node_nr_active[static_cast<std::size_t>(node)];
    if (total == 0) {
      nna.max = wq.min_active;
      continue;
    }
    const int cpus = (effective & online_cpumask_).count_and(machine_.topology().node(node));
    const int share = (wq.max_active * cpus + total - 1) / total;
    nna.max = std::clamp(share, wq.min_active, wq.max_active);
  }
}

// Under wq->mutex. More slots go to the pwqs in turn, one each. A frozen queue has none.
Co<> Workqueues::wq_adjust_max_active(Workqueue& wq) {
  const bool frozen = workqueue_freezing_ && (wq.flags & kWqFreezable) != 0;
  const int max_active = frozen ? 0 : wq.saved_max_active;
  const int min_active = frozen ? 0 : wq.saved_min_active;
  if (wq.max_active == max_active && wq.min_active == min_active) co_return;
  wq.max_active = max_active;
  wq.min_active = min_active;
  if (wq.unbound()) wq_update_node_max_active(wq);
  if (max_active == 0) co_return;
  for (bool activated = true; activated;) {
    activated = false;
    for (std::size_t i = 0; i < wq.pwqs.size(); ++i) {
      Pwq& pwq = *wq.pwqs[i];
      co_await lock(*pwq.pool);
      const bool activates = co_await pwq_activate_first_inactive(pwq, true);
      if (activates) {
        activated = true;
        if (!machine_.bugs.have(Bug::kWq23)) co_await kick_pool(*pwq.pool);
      }
      co_await unlock(*pwq.pool);
    }
  }
}

Co<> Workqueues::workqueue_set_max_active(Workqueue& wq, int max_active) {
  check_alive(wq, "workqueue_set_max_active");
  if ((wq.flags & (kWqBh | kWqOrdered)) != 0) {
    throw sim::Defect(fmt::format("workqueue_set_max_active() of {}, which is {}", wq.name,
                                  wq.ordered() ? "ordered" : "for bottom halves"));
  }
  co_await base_.mutexes.lock(wq.mutex);
  wq.saved_max_active = std::clamp(max_active, 1, kWqMaxActive);
  if (wq.unbound()) wq.saved_min_active = std::min(wq.saved_min_active, wq.saved_max_active);
  co_await wq_adjust_max_active(wq);
  co_await base_.mutexes.unlock(wq.mutex);
}

Co<> Workqueues::workqueue_set_min_active(Workqueue& wq, int min_active) {
  check_alive(wq, "workqueue_set_min_active");
  if (!wq.unbound() || wq.ordered()) {
    throw sim::Defect(fmt::format("workqueue_set_min_active() of {}, which is {}", wq.name,
                                  wq.ordered() ? "ordered" : "not unbound"));
  }
  co_await base_.mutexes.lock(wq.mutex);
  wq.saved_min_active = std::clamp(min_active, 0, wq.saved_max_active);
  co_await wq_adjust_max_active(wq);
  co_await base_.mutexes.unlock(wq.mutex);
}

}  // namespace kt::workqueue
