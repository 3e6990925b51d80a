#include "models/sched/entity.hpp"

#include <algorithm>

#include "models/sched/virtual_time.hpp"
#include "sim/error.hpp"

namespace kt::sched {

void set_custom_slice(Entity& se, sim::Time runtime, sim::Time base_slice) {
  se.custom_slice = runtime != 0;
  se.slice = se.custom_slice ? std::clamp<sim::Time>(runtime, 100'000, 100'000'000) : base_slice;
}

void reweight(Entity& se, LoadWeight load) {
  KT_ASSERT(!se.on_rq, "the weight of a queued entity changes");
  se.vlag = product(se.vlag, se.load.weight) / load.weight;
  se.load = load;
}

}  // namespace kt::sched
