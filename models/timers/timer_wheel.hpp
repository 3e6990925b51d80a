// The timer wheel of one base (kernel/time/timer.c: struct timer_base) as a data structure: nine
// levels of 64 buckets, where a bucket of level n is 8^n jiffies wide. A timer never expires before
// its `expires`; it is late by 1 … 8^n jiffies. Nothing cascades: a timer stays in its bucket.
// Within a bucket the last one in is the first one out.
//
// The wheel knows jiffies only (64 bits, wrapping compares as the kernel's time_after): neither HZ
// nor what a timer does nor where it is traced. Adding and removing are O(1), the next expiry
// O(levels) whatever the idle time in between; a base without a timer costs a few words. Timers are
// intrusive: the owner derives from Timer or embeds it, and must remove it before it dies.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace kt::timers {

/// A count of ticks, as the kernel's jiffies (boot value: the caller's business).
using Jiffies = std::uint64_t;

/// Wrapping comparison (include/linux/jiffies.h: time_before).
constexpr bool time_before(Jiffies a, Jiffies b) {
  return static_cast<std::int64_t>(a - b) < 0;
}

/// Timer::flags. The values are those of the timer_start trace record.
enum TimerFlag : std::uint8_t {
  kTimerDeferrable = 2,  ///< TIMER_DEFERRABLE: never wakes an idle CPU
  kTimerPinned = 4,      ///< TIMER_PINNED: expires on its CPU
  kTimerIrqsafe = 8,     ///< TIMER_IRQSAFE: the callback runs with interrupts off
};

/// The bases of a CPU, in the order in which the TIMER softirq serves them.
enum class TimerBaseKind : std::uint8_t { kLocal, kGlobal, kDeferrable };
inline constexpr std::size_t kTimerBases = 3;

/// Which base of its CPU a timer goes to (get_timer_cpu_base).
constexpr TimerBaseKind timer_base_kind(std::uint8_t flags) {
  if (flags & kTimerDeferrable) return TimerBaseKind::kDeferrable;
  return flags & kTimerPinned ? TimerBaseKind::kLocal : TimerBaseKind::kGlobal;
}

/// struct timer_list without its function: what runs, and on shutdown does not, is the owner's.
struct Timer {
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// In a bucket, or expired but not yet handed out by TimerWheel::take_expired.
  [[nodiscard]] bool pending() const { return link != nullptr; }

  Timer* next = nullptr;    ///< the wheel's
  Timer** link = nullptr;   ///< the wheel's: what points here; null when not pending
  Jiffies expires = 0;      ///< as asked for; the bucket expires later
  std::uint16_t cpu = 0;    ///< of the base that it was last on
  std::uint16_t index = 0;  ///< bucket that it was last in, 0 … 575
  std::uint8_t flags = 0;   ///< TimerFlag bits
};

/// A bucket of a wheel and when it is due.
struct Bucket {
  Jiffies expiry;
  std::uint16_t index;
};

/// What add() did.
struct Enqueued {
  Bucket bucket;
  bool earliest;  ///< next_expiry moved forward: an idle CPU with a pinned timer needs a kick
};

class TimerWheel {
 public:
  static constexpr unsigned kLevels = 9;  // LVL_DEPTH for HZ > 100
  static constexpr unsigned kBucketsPerLevel = 64;
  static constexpr unsigned kBuckets = kLevels * kBucketsPerLevel;
  static constexpr Jiffies kMaxDelta = (Jiffies{1} << 30) - 1;  // NEXT_TIMER_MAX_DELTA

  /// An empty base of `cpu` whose clock stands at `now`.
  TimerWheel(std::uint16_t cpu, Jiffies now);
  TimerWheel(const TimerWheel&) = delete;  // timers point into it
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Restarts an empty base (timers_prepare_cpu).
  void reset(Jiffies now);

  [[nodiscard]] std::uint16_t cpu() const { return cpu_; }
  /// timer_base::clk. While timers expire it is one ahead of the jiffy that is served.
  [[nodiscard]] Jiffies clock() const { return clock_; }
  /// The clock that the timer handed out last expired for: the trace's baseclk.
  [[nodiscard]] Jiffies expiring_clock() const { return expiring_clock_; }

  /// Whether the tick has to raise the TIMER softirq (run_local_timers). As in the kernel it may
  /// say so once for a timer that was removed since.
  [[nodiscard]] bool due(Jiffies now) const { return !time_before(now, next_expiry_); }

  /// Brings the clock up to `now`, or to the next expiry if that is earlier (forward_timer_base).
  void forward(Jiffies now);

  /// Where a timer goes with the clock as it stands (calc_wheel_index). Beyond 2^30 - 2^24 jiffies
  /// it is the end of the wheel; in the past it is the bucket of the clock.
  [[nodiscard]] Bucket bucket_for(Jiffies expires) const;

  /// The shortcut of __mod_timer: true when the timer is pending here and needs no requeueing, for
  /// `expires` is unchanged or falls into its bucket (then only Timer::expires is updated).
  bool modify_in_place(Timer& timer, Jiffies expires, Jiffies now);

  /// Forwards the clock and enqueues a timer that is not pending.
  Enqueued add(Timer& timer, Jiffies expires, Jiffies now);

  /// Dequeues (detach_if_pending). False when it is not pending.
  bool remove(Timer& timer);

  /// The next timer to run at `now`, no longer pending, or null (__run_timers): bucket after bucket
  /// in time order, for one clock the highest level first, last in first out. Call it until it
  /// gives null; timers may be added and removed in between. `running` is this timer until the next
  /// call.
  Timer* take_expired(Jiffies now);
  [[nodiscard]] const Timer* running() const { return running_; }
  /// The callback of the timer handed out last has ended: nothing runs until the next one.
  void callback_done() { running_ = nullptr; }

  /// When the earliest bucket is due; `now` + kMaxDelta when there is none (next_timer_interrupt).
  Jiffies next_event(Jiffies now);
  [[nodiscard]] bool empty() const;

  /// Detaches any timer (lowest bucket first, last in first out), or null: for the move to another
  /// base when the CPU is dead (migrate_timer_list). Its `expires` stays.
  Timer* take_any();

 private:
  using Buckets = std::array<Timer*, kBuckets>;  // a head counts only while its pending bit is set

  void link(Timer& timer, std::uint16_t index);
  static void unlink(Timer& timer);
  void collect();
  void recalculate();

  std::array<std::uint64_t, kLevels> pending_{};  // pending_map, a word a level
  std::unique_ptr<Buckets> buckets_;              // made for the first timer
  std::array<Timer*, kLevels> expired_{};         // collected, highest level last
  Jiffies clock_;
  Jiffies next_expiry_;
  Jiffies expiring_clock_;
  Timer* running_ = nullptr;
  std::uint16_t cpu_;
  std::uint8_t expired_lists_ = 0;
  bool list_started_ = false;
  bool recalculate_ = false;     // next_expiry_recalc
  bool timers_pending_ = false;  // valid unless recalculate_
};

}  // namespace kt::timers
