// Virtual time: the average, lag, eligibility, placement, the pick. The queue operations are in
// cfs_rq.cpp.
#include "models/sched/eevdf.hpp"

#include <algorithm>
#include <bit>

#include "models/sched/slice_protection.hpp"
#include "models/sched/virtual_time.hpp"
#include "sim/error.hpp"

namespace kt::sched {

sim::Time base_slice_of(unsigned online_cpus) {
  KT_ASSERT(online_cpus >= 1, "no CPU online");
  return sim::Time{700'000} * std::bit_width(std::min(online_cpus, 8U));
}

std::int64_t CfsRq::entity_key(std::uint64_t vruntime) const {
  return difference(vruntime, zero_vruntime_);
}

void CfsRq::tree_insert(Entity& se) {
  avg_vruntime_ += product(entity_key(se.vruntime), se.load.weight);
  avg_load_ += se.load.weight;
  tasks_timeline_.insert(se);
}

void CfsRq::tree_erase(Entity& se) {
  tasks_timeline_.erase(se);
  avg_vruntime_ -= product(entity_key(se.vruntime), se.load.weight);
  avg_load_ -= se.load.weight;
}

// kernel/sched/fair.c: avg_vruntime, update_zero_vruntime. Moving the zero point keeps the sums
// small.
std::uint64_t CfsRq::avg_vruntime() {
  const Entity* curr = curr_ != nullptr && curr_->on_rq ? curr_ : nullptr;
  std::int64_t delta = 0;
  if (avg_load_ != 0) {
    std::int64_t weight = avg_load_;
    std::int64_t runtime = avg_vruntime_;
    if (curr != nullptr) {
      runtime += product(entity_key(curr->vruntime), curr->load.weight);
      weight += curr->load.weight;
    }
    // Floor, not truncation: an entity placed at V must be eligible.
    if (runtime < 0) runtime -= weight - 1;
    delta = runtime / weight;
  } else if (curr != nullptr) {
    delta = entity_key(curr->vruntime);
  }
  avg_vruntime_ -= product(avg_load_, delta);
  zero_vruntime_ += static_cast<std::uint64_t>(delta);
  return zero_vruntime_;
}

// kernel/sched/fair.c: vruntime_eligible
bool CfsRq::vruntime_eligible(std::uint64_t vruntime) const {
  std::int64_t avg = avg_vruntime_;
  std::int64_t load = avg_load_;
  if (curr_ != nullptr && curr_->on_rq) {
    avg += product(entity_key(curr_->vruntime), curr_->load.weight);
    load += curr_->load.weight;
  }
  return avg >= product(entity_key(vruntime), load);
}

// V moves when others join and leave, so lag is bounded here: twice the slice, at least a tick.
// kernel/sched/fair.c: entity_lag
std::int64_t CfsRq::entity_lag(std::uint64_t avruntime, const Entity& se) const {
  const sim::Time bound = std::max(2 * se.slice, tunables_->tick);
  const auto limit =
      static_cast<std::int64_t>(calc_delta_fair(static_cast<std::uint64_t>(bound), se.load));
  return std::clamp(difference(avruntime, se.vruntime), -limit, limit);
}

// kernel/sched/fair.c: pick_eevdf
Entity* CfsRq::pick_eevdf() const {
  Entity* first = tasks_timeline_.first();
  Entity* curr = curr_ != nullptr && curr_->on_rq ? curr_ : nullptr;
  if (nr_running_ == 1) return curr != nullptr ? curr : first;
  if (curr != nullptr && !eligible(*curr)) curr = nullptr;
  if (curr != nullptr && protect_slice(*curr)) return curr;

  Entity* best = nullptr;
  if (first != nullptr && eligible(*first)) {
    best = first;
  } else {
    // The leftmost eligible one: go left while somebody there is eligible.
    Entity* node = tasks_timeline_.root();
    while (node != nullptr && best == nullptr) {
      if (node->left != nullptr && vruntime_eligible(node->left->min_vruntime)) {
        node = node->left;
      } else if (eligible(*node)) {
        best = node;
      } else {
        node = node->right;
      }
    }
  }
  if (best == nullptr || (curr != nullptr && before(curr->deadline, best->deadline))) best = curr;
  return best;
}

// A used up request is followed by the next one. kernel/sched/fair.c: update_deadline
bool CfsRq::update_deadline(Entity& se) {
  if (before(se.vruntime, se.deadline)) return false;
  if (!se.custom_slice) se.slice = tunables_->base_slice;
  se.deadline = se.vruntime + calc_delta_fair(static_cast<std::uint64_t>(se.slice), se.load);
  avg_vruntime();
  return true;
}

// kernel/sched/fair.c: place_entity
void CfsRq::place_entity(Entity& se, bool initial) {
  const std::uint64_t vruntime = avg_vruntime();
  if (!se.custom_slice) se.slice = tunables_->base_slice;
  std::uint64_t vslice = calc_delta_fair(static_cast<std::uint64_t>(se.slice), se.load);

  std::int64_t lag = 0;
  if (nr_running_ != 0) {
    // Joining moves V towards se. Lag is inflated so that what was stored is what is left after.
    std::int64_t load = avg_load_;
    if (curr_ != nullptr && curr_->on_rq) load += curr_->load.weight;
    KT_ASSERT(load > 0, "{} entities are queued and weigh nothing", nr_running_);
    lag = product(se.vlag, load + se.load.weight) / load;
  }
  se.vruntime = vruntime - static_cast<std::uint64_t>(lag);

  if (se.rel_deadline) {
    se.deadline += se.vruntime;
    se.rel_deadline = false;
    return;
  }
  if (initial) vslice /= 2;
  se.deadline = se.vruntime + vslice;
}

}  // namespace kt::sched
