// Slice protection (RUN_TO_PARITY): a current entity keeps the CPU while it is eligible and its
// deadline is the one with which it was switched in. vlag, which means nothing while it runs, holds
// that deadline. kernel/sched/fair.c: set_protect_slice, protect_slice, cancel_protect_slice
#pragma once

#include <cstdint>

#include "models/sched/entity.hpp"

namespace kt::sched {

inline void set_protect_slice(Entity& se) {
  se.vlag = static_cast<std::int64_t>(se.deadline);
}

[[nodiscard]] inline bool protect_slice(const Entity& se) {
  return se.vlag == static_cast<std::int64_t>(se.deadline);
}

inline void cancel_protect_slice(Entity& se) {
  if (protect_slice(se)) se.vlag = static_cast<std::int64_t>(se.deadline + 1);
}

}  // namespace kt::sched
