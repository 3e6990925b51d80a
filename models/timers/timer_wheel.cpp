#include "models/timers/timer_wheel.hpp"

#include <algorithm>
#include <bit>

#include "sim/error.hpp"

namespace kt::timers {

namespace {

constexpr unsigned kLevelShift = 3;  // LVL_CLK_SHIFT: a level is 8 times as coarse as the one below
constexpr Jiffies kDivisor = Jiffies{1} << kLevelShift;
constexpr Jiffies kDivisorMask = kDivisor - 1;
constexpr Jiffies kBucketMask = TimerWheel::kBucketsPerLevel - 1;

constexpr unsigned shift(unsigned level) {
  return level * kLevelShift;
}
/// The smallest delta of a level, 1 and above (LVL_START).
constexpr Jiffies level_start(unsigned level) {
  return kBucketMask << shift(level - 1);
}
constexpr Jiffies kCutoff = level_start(TimerWheel::kLevels);  // WHEEL_TIMEOUT_CUTOFF
constexpr Jiffies kLastDelta = kCutoff - (Jiffies{1} << shift(TimerWheel::kLevels - 1));

/// Rounded up, and one more, so that it is late by 1 … 8^level even if armed at the end of a tick.
Bucket bucket_in_level(Jiffies expires, unsigned level) {
  const Jiffies slot = (expires >> shift(level)) + 1;
  return {.expiry = slot << shift(level),
          .index = static_cast<std::uint16_t>(level * TimerWheel::kBucketsPerLevel +
                                              (slot & kBucketMask))};
}

std::uint64_t bit_of(unsigned index) {
  return std::uint64_t{1} << (index & kBucketMask);
}

}  // namespace

TimerWheel::TimerWheel(std::uint16_t cpu, Jiffies now)
    : clock_(now), next_expiry_(now + kMaxDelta), expiring_clock_(now), cpu_(cpu) {}

void TimerWheel::reset(Jiffies now) {
  KT_ASSERT(empty(), "timer base of CPU {} restarted with timers on it", cpu_);
  clock_ = now;
  expiring_clock_ = now;
  next_expiry_ = now + kMaxDelta;
  recalculate_ = false;
  timers_pending_ = false;
}

bool TimerWheel::empty() const {
  const auto no_list = [](const Timer* head) { return head == nullptr; };
  return std::all_of(pending_.begin(), pending_.end(), [](auto word) { return word == 0; }) &&
         std::all_of(expired_.begin(), expired_.end(), no_list);
}

void TimerWheel::forward(Jiffies now) {
  if (!time_before(clock_, now)) return;
  if (time_before(now, next_expiry_)) {
    clock_ = now;
  } else {
    KT_ASSERT(!time_before(next_expiry_, clock_), "timer base of CPU {}: next expiry {} before {}",
              cpu_, next_expiry_, clock_);
    clock_ = next_expiry_;
  }
}

Bucket TimerWheel::bucket_for(Jiffies expires) const {
  const Jiffies delta = expires - clock_;
  for (unsigned level = 0; level + 1 < kLevels; ++level)
    if (delta < level_start(level + 1)) return bucket_in_level(expires, level);
  if (static_cast<std::int64_t>(delta) < 0)
    return {.expiry = clock_, .index = static_cast<std::uint16_t>(clock_ & kBucketMask)};
  if (delta >= kCutoff) expires = clock_ + kLastDelta;
  return bucket_in_level(expires, kLevels - 1);
}

void TimerWheel::link(Timer& timer, std::uint16_t index) {
  if (!buckets_) buckets_ = std::make_unique_for_overwrite<Buckets>();
  Timer*& head = (*buckets_)[index];
  std::uint64_t& word = pending_[index / kBucketsPerLevel];
  if ((word & bit_of(index)) == 0) {
    head = nullptr;
    word |= bit_of(index);
  }
  timer.next = head;
  if (head != nullptr) head->link = &timer.next;
  timer.link = &head;
  head = &timer;
  timer.index = index;
  timer.cpu = cpu_;
}

void TimerWheel::unlink(Timer& timer) {
  *timer.link = timer.next;
  if (timer.next != nullptr) timer.next->link = timer.link;
  timer.next = nullptr;
  timer.link = nullptr;
}

bool TimerWheel::modify_in_place(Timer& timer, Jiffies expires, Jiffies now) {
  if (!timer.pending()) return false;
  if (timer.expires == expires) return true;
  forward(now);
  // By bucket alone, as the kernel: a timer that has been collected but not run yet keeps its
  // index.
  if (bucket_for(expires).index != timer.index) return false;
  timer.expires = expires;
  return true;
}

Enqueued TimerWheel::add(Timer& timer, Jiffies expires, Jiffies now) {
  KT_ASSERT(!timer.pending(), "timer added twice on CPU {}", cpu_);
  forward(now);
  const Bucket bucket = bucket_for(expires);
  timer.expires = expires;
  link(timer, bucket.index);
  const bool earliest = time_before(bucket.expiry, next_expiry_);
  if (earliest) {
    next_expiry_ = bucket.expiry;
    timers_pending_ = true;
    recalculate_ = false;
  }
  return {.bucket = bucket, .earliest = earliest};
}

bool TimerWheel::remove(Timer& timer) {
  if (!timer.pending()) return false;
  KT_ASSERT(timer.cpu == cpu_, "timer of CPU {} removed from CPU {}", timer.cpu, cpu_);
  const bool alone = timer.next == nullptr && timer.link == &(*buckets_)[timer.index];
  unlink(timer);
  if (alone) {  // of its bucket; lists of expired timers have no pending bit
    pending_[timer.index / kBucketsPerLevel] &= ~bit_of(timer.index);
    recalculate_ = true;
  }
  return true;
}

// kernel/time/timer.c: collect_expired_timers
void TimerWheel::collect() {
  clock_ = next_expiry_;
  Jiffies clock = clock_;
  for (unsigned level = 0; level < kLevels; ++level) {
    const auto index = static_cast<unsigned>(clock & kBucketMask) + level * kBucketsPerLevel;
    if (pending_[level] & bit_of(index)) {
      pending_[level] &= ~bit_of(index);
      Timer*& list = expired_[expired_lists_++];
      list = (*buckets_)[index];
      list->link = &list;
    }
    if (clock & kDivisorMask) break;  // the next level's clock has not moved
    clock >>= kLevelShift;
  }
}

// kernel/time/timer.c: timer_recalc_next_expiry
void TimerWheel::recalculate() {
  Jiffies next = clock_ + kMaxDelta;
  Jiffies clock = clock_;
  for (unsigned level = 0; level < kLevels; ++level) {
    const auto start = static_cast<int>(clock & kBucketMask);
    const Jiffies within = clock & kDivisorMask;
    if (pending_[level] != 0) {
      const auto ahead = static_cast<Jiffies>(std::countr_zero(std::rotr(pending_[level], start)));
      const Jiffies candidate = (clock + ahead) << shift(level);
      if (time_before(candidate, next)) next = candidate;
      // What is due before the next level's clock moves cannot be overtaken from above.
      if (ahead <= ((kDivisor - within) & kDivisorMask)) break;
    }
    // clock_ is the next jiffy to expire: unless it opens this bucket of the next level, that
    // level's next one to expire is the one after.
    clock = (clock >> kLevelShift) + (within != 0 ? 1 : 0);
  }
  next_expiry_ = next;
  recalculate_ = false;
  timers_pending_ = next != clock_ + kMaxDelta;
}

Timer* TimerWheel::take_expired(Jiffies now) {
  running_ = nullptr;
  for (;;) {
    while (expired_lists_ > 0) {
      if (!list_started_) {  // each list takes the clock when it starts: callbacks may forward it
        list_started_ = true;
        expiring_clock_ = clock_ - 1;
      }
      Timer* timer = expired_[expired_lists_ - 1U];
      if (timer != nullptr) {
        unlink(*timer);
        running_ = timer;
        return timer;
      }
      --expired_lists_;
      list_started_ = false;
    }
    if (time_before(now, clock_) || time_before(now, next_expiry_)) return nullptr;
    collect();
    ++clock_;  // one ahead, so that what is armed for now by a callback waits for a later tick
    recalculate();
  }
}

Jiffies TimerWheel::next_event(Jiffies now) {
  if (recalculate_) recalculate();
  if (!timers_pending_) next_expiry_ = now + kMaxDelta;
  return next_expiry_;
}

Timer* TimerWheel::take_any() {
  for (unsigned level = 0; level < kLevels; ++level) {
    if (pending_[level] == 0) continue;
    const auto bit = static_cast<unsigned>(std::countr_zero(pending_[level]));
    Timer* timer = (*buckets_)[level * kBucketsPerLevel + bit];
    remove(*timer);
    return timer;
  }
  return nullptr;
}

}  // namespace kt::timers
