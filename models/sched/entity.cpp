#include "models/sched/entity.hpp"

#include <algorithm>

namespace kt::sched {

void set_custom_slice(Entity& se, sim::Time runtime, sim::Time base_slice) {
  se.custom_slice = runtime != 0;
  se.slice = se.custom_slice ? std::clamp<sim::Time>(runtime, 100'000, 100'000'000) : base_slice;
}

}  // namespace kt::sched
