#include "tools/cli/monitor.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tools/cli/interrupt.hpp"

namespace kt::cli {

using namespace std::chrono_literals;

Monitor::Monitor(run::System& system, bool progress)
    : system_(system), progress_(progress), start_(Clock::now()) {
  last_look_ = last_shown_ = start_;
  sim::Calendar& calendar = system.calendar();
  calendar.at(calendar.now() + distance_, &look, this);
  if (system.horizon() == sim::kNever) calendar.at(kIdleLimit, &limit, this);
}

Monitor::~Monitor() {
  if (shown_) fmt::print(stderr, "\r\x1b[K");
}

void Monitor::limit(void* self, std::uint64_t) {
  Monitor& monitor = *static_cast<Monitor*>(self);
  ++monitor.events_;
  monitor.limit_reached_ = true;
  monitor.system_.calendar().stop();
}

// The distance doubles or shrinks until looks are some ten milliseconds of host time apart.
void Monitor::look(void* self, std::uint64_t) {
  Monitor& monitor = *static_cast<Monitor*>(self);
  sim::Calendar& calendar = monitor.system_.calendar();
  ++monitor.events_;
  const Clock::time_point now = Clock::now();
  const auto elapsed = now - std::exchange(monitor.last_look_, now);
  constexpr sim::Time kNearest = 1'000;           // ns
  constexpr sim::Time kFarthest = 4'000'000'000;  // ns
  if (elapsed < 10ms) monitor.distance_ = std::min(monitor.distance_ * 2, kFarthest);
  if (elapsed > 50ms) monitor.distance_ = std::max(monitor.distance_ / 4, kNearest);
  if (InterruptGuard::interrupted()) {
    calendar.stop();
    return;
  }
  if (monitor.progress_ && now - monitor.start_ > 2s && now - monitor.last_shown_ > 250ms) {
    monitor.show(now);
  }
  calendar.at(calendar.now() + monitor.distance_, &look, self);
}

void Monitor::show(Clock::time_point now) {
  last_shown_ = now;
  shown_ = true;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const auto events = static_cast<double>(system_.calendar().dispatched());
  std::string share;
  if (system_.horizon() != sim::kNever) {
    share = fmt::format(" of {}", sim::format_time(system_.horizon()));
  }
  fmt::print(stderr, "\r\x1b[K{}: t={:.6f}s{}, {:.2f} million events/s", system_.scenario().name,
             static_cast<double>(system_.now()) / 1e9, share, events / seconds / 1e6);
}

}  // namespace kt::cli
