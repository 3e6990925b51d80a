// The calendar: pending events ordered by (time, sequence number), so that ties resolve first in,
// first out, always. A 4-ary heap of 16-byte entries; each entry names a slot that holds what to
// call. Cancelling marks the slot and is O(1); entries of cancelled events are dropped when they
// surface, or all at once when they outnumber the live ones, so their cost is amortised O(log n).
// Nothing is allocated for an event once the arrays have grown to the high-water mark.
//
// The calendar owns the clock. A process that would wait until an instant before every pending
// event may instead move the clock itself (advance_inline): the outcome is the same as arming an
// event and returning to the loop, without the visit.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/time.hpp"

namespace sim {

/// Names an armed event. Stays safe to cancel after the event has fired or been cancelled.
struct EventId {
  std::uint32_t slot = UINT32_MAX;
  std::uint64_t sequence = 0;
};

class Calendar {
 public:
  /// Called when an event is due, with the two values given to at().
  using Action = void (*)(void* object, std::uint64_t argument);

  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] std::size_t pending() const { return heap_.size() - cancelled_; }
  /// Events dispatched plus inline advances since construction.
  [[nodiscard]] std::uint64_t dispatched() const { return dispatched_; }

  /// Arms an event. `when` must not lie in the past.
  EventId at(Time when, Action action, void* object, std::uint64_t argument = 0);

  /// Disarms an event. False when it has fired or was cancelled before.
  bool cancel(EventId id);
  [[nodiscard]] bool armed(EventId id) const;

  /// Time of the earliest live event, or kNever.
  Time next_time();

  /// Dispatches the earliest event if it is due at or before the horizon. False if there is none.
  bool step();

  /// Dispatches events until none is due at or before `horizon` or stop() is called; then the
  /// clock stands at the horizon, or at the stop, or (horizon kNever) at the last event.
  void run_until(Time horizon);
  /// Bounds step() and advance_inline() and takes back a stop(): for a loop that steps by itself.
  void set_horizon(Time horizon) {
    horizon_ = horizon;
    stopped_ = false;
    update_hint();
  }
  /// Nobody moves the clock from here on: whoever would go on arms an event.
  void stop() {
    stopped_ = true;
    update_hint();
  }
  [[nodiscard]] bool stopped() const { return stopped_; }

  /// Moves the clock to `when` if every pending event lies strictly later and the horizon is not
  /// passed; else false, and the caller has to arm an event. Only as the last thing before a
  /// process goes on: whoever is below on the host stack sees the moved clock.
  bool advance_inline(Time when) {
    if (when >= next_hint_ || when > horizon_ || ++inline_run_ > kMostInline) return false;
    now_ = when;
    ++dispatched_;
    return true;
  }

  /// Forbids or allows advance_inline (fluids in flight, exploration). Allowed by default.
  void allow_inline(bool allowed);

 private:
  struct Entry {
    Time time;
    std::uint64_t key;  // sequence << kSlotBits | slot
  };
  struct Slot {
    Action action = nullptr;  // null: free or cancelled
    void* object = nullptr;
    std::uint64_t argument = 0;  // next free slot while free
    std::uint64_t sequence = 0;
  };
  // Builds that cannot make tail calls (sanitizers) deepen the host stack with each process that goes
  // on without a visit to the loop; the outcome is the same.
  static constexpr unsigned kMostInline = 256;
  static constexpr unsigned kSlotBits = 24;
  static constexpr std::uint64_t kSlotMask = (std::uint64_t{1} << kSlotBits) - 1;

  // One 128-bit number (times are never negative), so that comparing takes no branch.
  static unsigned __int128 rank(const Entry& entry) {
    return static_cast<unsigned __int128>(static_cast<std::uint64_t>(entry.time)) << 64 | entry.key;
  }
  static bool before(const Entry& a, const Entry& b) { return rank(a) < rank(b); }
  [[nodiscard]] std::size_t smallest_child(std::size_t first) const;
  void sift_up(std::size_t position, Entry entry);
  void sift_down(std::size_t position, Entry entry);
  void pop_top();
  void drop_cancelled_top();
  void compact();
  void release(std::uint32_t slot);
  void update_hint() {
    next_hint_ = !inline_allowed_ || stopped_ ? 0 : heap_.empty() ? kNever : heap_[0].time;
  }

  Time now_ = 0;
  Time next_hint_ = kNever;  // no pending event is earlier; 0 forbids advance_inline
  Time horizon_ = kNever;
  std::uint64_t next_sequence_ = 1;
  std::uint64_t dispatched_ = 0;
  std::size_t cancelled_ = 0;
  std::uint32_t free_ = UINT32_MAX;
  unsigned inline_run_ = 0;  // advances since the loop was last visited
  bool stopped_ = false;
  bool inline_allowed_ = true;
  std::vector<Entry> heap_;
  std::vector<Slot> slots_;
};

}  // namespace sim
