// The hrtimer queues of one CPU (kernel/time/hrtimer.c: struct hrtimer_cpu_base) as a data
// structure: a clock base for each of MONOTONIC, REALTIME, BOOTTIME and TAI, and the same four
// whose timers run in softirq. Each is ordered by (hard) expiry, first in first out on ties. A
// timer has a window: the interrupt is programmed for its hard expiry, but once any interrupt
// happens it runs if its soft expiry has passed and nothing before it in its base waits.
//
// Times are nanoseconds of the base's own clock; a base's offset is its clock minus MONOTONIC.
// Programming the hardware, restarting and tracing are the owner's business. Timers are intrusive
// and must be removed before they die. Adding and removing are O(log n).
#pragma once

#include <array>
#include <boost/intrusive/set.hpp>
#include <cstdint>

#include "sim/time.hpp"

namespace kt::timers {

/// Index of a clock base, in the order in which they expire (enum hrtimer_base_type).
enum class HrtimerBase : std::uint8_t {
  kMonotonic,
  kRealtime,
  kBoottime,
  kTai,
  kMonotonicSoft,
  kRealtimeSoft,
  kBoottimeSoft,
  kTaiSoft,
};
inline constexpr std::size_t kHrtimerBases = 8;

/// Sets of bases (HRTIMER_ACTIVE_*).
inline constexpr unsigned kHrtimersHard = 0x0f;
inline constexpr unsigned kHrtimersSoft = 0xf0;
inline constexpr unsigned kHrtimersAll = 0xff;

/// struct hrtimer without its function.
struct Hrtimer : boost::intrusive::set_base_hook<boost::intrusive::optimize_size<true>> {
  /// Waits for `at`; may run as early as that and has to by `at + range`
  /// (hrtimer_set_expires_range_ns).
  void set_expires(sim::Time at, sim::Time range = 0);
  [[nodiscard]] bool queued() const { return is_linked(); }
  [[nodiscard]] bool soft() const { return base >= HrtimerBase::kMonotonicSoft; }

  sim::Time expires = 0;      ///< hard: orders the queue and programs the interrupt
  sim::Time softexpires = 0;  ///< soft: from here on it may run
  std::uint16_t cpu = 0;      ///< of the queue that it was last on
  HrtimerBase base = HrtimerBase::kMonotonic;  ///< fixed when the timer is set up
};

/// Adds whole intervals (at least 1 ns each) to the expiry until it lies after `now`; the number of
/// them, 0 if it did already (hrtimer_forward). The timer must not be queued.
std::uint64_t hrtimer_forward(Hrtimer& timer, sim::Time now, sim::Time interval);

class HrtimerQueue {
 public:
  explicit HrtimerQueue(std::uint16_t cpu) : cpu_(cpu) {}
  HrtimerQueue(const HrtimerQueue&) = delete;
  HrtimerQueue& operator=(const HrtimerQueue&) = delete;

  [[nodiscard]] std::uint16_t cpu() const { return cpu_; }
  /// Offset of the hard base and its soft twin from MONOTONIC. `base` is a hard one.
  void set_offset(HrtimerBase base, sim::Time offset);
  [[nodiscard]] sim::Time offset(HrtimerBase base) const { return bases_[index(base)].offset; }

  /// Queues by timer.expires in timer.base. True when it is now the first of its base
  /// (enqueue_hrtimer).
  bool add(Hrtimer& timer);
  /// Dequeues; false when it is not queued. The queue must be the one that it is on.
  bool remove(Hrtimer& timer);

  /// Bit i: base i has a timer (active_bases).
  [[nodiscard]] unsigned active() const { return active_; }
  /// First timer of a base, or null.
  [[nodiscard]] Hrtimer* first(HrtimerBase base);

  /// MONOTONIC time, not negative, of the earliest hard expiry in the bases of `mask`, without
  /// regard to `exclude` (__hrtimer_next_event_base, hrtimer_next_event_without); kNever if none.
  [[nodiscard]] sim::Time next_event(unsigned mask, const Hrtimer* exclude = nullptr) const;
  /// The timer behind next_event(mask), or null: lowest base on a tie.
  [[nodiscard]] const Hrtimer* next_timer(unsigned mask) const;

 private:
  friend class HrtimerExpiry;
  struct Earlier {
    bool operator()(const Hrtimer& a, const Hrtimer& b) const { return a.expires < b.expires; }
  };
  using Tree = boost::intrusive::multiset<Hrtimer, boost::intrusive::compare<Earlier>,
                                          boost::intrusive::constant_time_size<false>>;
  struct Base {
    Tree timers;
    sim::Time offset = 0;
  };
  static std::size_t index(HrtimerBase base) { return static_cast<std::size_t>(base); }
  struct Event {
    const Hrtimer* timer = nullptr;
    sim::Time expires = sim::kNever;  // MONOTONIC
  };
  [[nodiscard]] Event earliest(unsigned mask, const Hrtimer* exclude) const;

  std::array<Base, kHrtimerBases> bases_;
  unsigned active_ = 0;
  std::uint16_t cpu_;
};

/// One pass over what is due (__hrtimer_run_queues): the bases of `mask` that were active at the
/// start, lowest first, each from its front while the soft expiry has passed. Timers may be added
/// and removed between two calls of next(); one added to a base that the pass has left waits for
/// the next pass.
class HrtimerExpiry {
 public:
  /// `now` is MONOTONIC, read once for the whole pass.
  HrtimerExpiry(HrtimerQueue& queue, sim::Time now, unsigned mask);

  /// The next timer to run, dequeued, or null when the pass is over.
  Hrtimer* next();
  /// The time in the clock of the last timer's base: the trace's "now".
  [[nodiscard]] sim::Time base_now() const { return base_now_; }

 private:
  HrtimerQueue& queue_;
  sim::Time now_;
  sim::Time base_now_ = 0;
  unsigned left_;
};

}  // namespace kt::timers
