#include "sim/simulation.hpp"

#include <algorithm>

namespace sim {

void Simulation::run_until(Time horizon) {
  if (platform_ != nullptr) {
    horizon_ = horizon;
    calendar_.set_horizon(horizon);
    const auto turn = [](void* self, Time now) {
      return static_cast<Simulation*>(self)->turn(now);
    };
    platform_->drive(turn, this);
    if (calendar_.stopped()) return;
  }
  calendar_.run_until(horizon);
}

Time Simulation::turn(Time now) {
  while (!calendar_.stopped()) {
    if (platform_->pending()) return calendar_.now();
    const bool in_step = visit_each_step || platform_->active();
    calendar_.allow_inline(!in_step);
    const Time next = calendar_.next_time();
    if (in_step && next > now) {
      const bool idle_to_the_end = !platform_->active() && (next > horizon_ || next == kNever);
      return idle_to_the_end || horizon_ <= now ? Platform::kLeave : std::min(next, horizon_);
    }
    if (!calendar_.step()) return Platform::kLeave;
  }
  return Platform::kLeave;
}

}  // namespace sim
