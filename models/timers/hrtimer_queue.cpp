#include "models/timers/hrtimer_queue.hpp"

#include <algorithm>
#include <bit>

#include "sim/error.hpp"

namespace kt::timers {

void Hrtimer::set_expires(sim::Time at, sim::Time range) {
  softexpires = at;
  expires = at > sim::kNever - range ? sim::kNever : at + range;  // ktime_add_safe
}

std::uint64_t hrtimer_forward(Hrtimer& timer, sim::Time now, sim::Time interval) {
  const sim::Time late = now - timer.expires;
  if (late < 0) return 0;
  KT_ASSERT(!timer.queued(), "a queued hrtimer was forwarded");
  interval = std::max<sim::Time>(interval, 1);
  const sim::Time intervals = late / interval + 1;
  timer.expires += intervals * interval;
  timer.softexpires += intervals * interval;
  return static_cast<std::uint64_t>(intervals);
}

void HrtimerQueue::set_offset(HrtimerBase base, sim::Time offset) {
  bases_[index(base)].offset = offset;
  bases_[index(base) + kHrtimerBases / 2].offset = offset;
}

bool HrtimerQueue::add(Hrtimer& timer) {
  KT_ASSERT(!timer.queued(), "hrtimer queued twice on CPU {}", cpu_);
  Tree& timers = bases_[index(timer.base)].timers;
  const auto place = timers.insert(timer);  // behind those with the same expiry
  active_ |= 1U << index(timer.base);
  timer.cpu = cpu_;
  return place == timers.begin();
}

bool HrtimerQueue::remove(Hrtimer& timer) {
  if (!timer.queued()) return false;
  KT_ASSERT(timer.cpu == cpu_, "hrtimer of CPU {} removed from CPU {}", timer.cpu, cpu_);
  Tree& timers = bases_[index(timer.base)].timers;
  timers.erase(timers.iterator_to(timer));
  if (timers.empty()) active_ &= ~(1U << index(timer.base));
  return true;
}

Hrtimer* HrtimerQueue::first(HrtimerBase base) {
  Tree& timers = bases_[index(base)].timers;
  return timers.empty() ? nullptr : &*timers.begin();
}

HrtimerQueue::Event HrtimerQueue::earliest(unsigned mask, const Hrtimer* exclude) const {
  Event event;
  for (unsigned left = active_ & mask; left != 0; left &= left - 1) {
    const Base& base = bases_[static_cast<std::size_t>(std::countr_zero(left))];
    auto timer = base.timers.begin();
    if (&*timer == exclude && ++timer == base.timers.end()) continue;
    const sim::Time at = timer->expires == sim::kNever ? sim::kNever : timer->expires - base.offset;
    if (at < event.expires) event = {.timer = &*timer, .expires = at};
  }
  return event;
}

sim::Time HrtimerQueue::next_event(unsigned mask, const Hrtimer* exclude) const {
  return std::max<sim::Time>(earliest(mask, exclude).expires,
                             0);  // a clock step may have passed it
}

const Hrtimer* HrtimerQueue::next_timer(unsigned mask) const {
  return earliest(mask, nullptr).timer;
}

HrtimerExpiry::HrtimerExpiry(HrtimerQueue& queue, sim::Time now, unsigned mask)
    : queue_(queue), now_(now), left_(queue.active() & mask) {}

Hrtimer* HrtimerExpiry::next() {
  while (left_ != 0) {
    const auto index = static_cast<std::size_t>(std::countr_zero(left_));
    HrtimerQueue::Base& base = queue_.bases_[index];
    base_now_ = now_ + base.offset;
    if (!base.timers.empty() && base.timers.begin()->softexpires <= base_now_) {
      Hrtimer& timer = *base.timers.begin();
      queue_.remove(timer);
      return &timer;
    }
    left_ &= left_ - 1;
  }
  return nullptr;
}

}  // namespace kt::timers
