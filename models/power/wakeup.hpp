// Wakeup events (drivers/base/power/wakeup.c): sources that keep the system awake while an event of
// theirs is processed, the count of events that user space saves before it suspends, and the
// question that a suspend asks at every step: is something pending that must end it?
#pragma once

#include <deque>
#include <string_view>

#include "models/locking/wait.hpp"
#include "models/timers/timers.hpp"

namespace kt::power {

using sched::Task;
using sim::Co;
using sim::Time;
using timers::Jiffies;

class Wakeups;

/// struct wakeup_source.
struct WakeupSource {
  Wakeups* wakeups = nullptr;
  std::uint32_t name = 0;  ///< NameTable id
  timers::KernelTimer timer;
  Jiffies timer_expires = 0;
  bool active = false;
  std::uint64_t event_count = 0;
  std::uint64_t active_count = 0;
  std::uint64_t relax_count = 0;
  std::uint64_t wakeup_count = 0;  ///< events while a suspend was to be aborted by them
  std::uint64_t expire_count = 0;
  Time total_time = 0;  ///< ns active
  Time max_time = 0;
  Time last_time = 0;
};

/// Who waits in suspend-to-idle for a wakeup (kernel/power/suspend.c: s2idle_wake).
struct S2idleHook {
  void* object = nullptr;
  Co<> (*wake)(void* object) = nullptr;
};

class Wakeups {
 public:
  Wakeups(timers::Timers& timers, locking::Waits& waits);
  Wakeups(const Wakeups&) = delete;
  Wakeups& operator=(const Wakeups&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return machine_.frame_pool(); }

  /// kernel: wakeup_source_register
  WakeupSource& add_source(std::string_view name);
  [[nodiscard]] const std::deque<WakeupSource>& sources() const { return sources_; }

  // From any context --------------------------------------------------------------------------
  /// An event begins, and lasts until pm_relax(). kernel: __pm_stay_awake
  void pm_stay_awake(WakeupSource& source);
  Co<> pm_relax(WakeupSource& source);
  /// An event that takes so many jiffies to process, 0: none; a hard one aborts a suspend that goes
  /// on and ends suspend-to-idle. kernel: pm_wakeup_ws_event
  Co<> pm_wakeup_event(WakeupSource& source, Jiffies timeout, bool hard);
  /// Aborts a suspend, or ends suspend-to-idle. `by` is what the reports call it.
  Co<> pm_system_wakeup(std::uint32_t by);

  // For who suspends -----------------------------------------------------------------------------
  [[nodiscard]] bool pm_wakeup_pending();
  /// kernel: pm_wakeup_clear(0)
  void pm_wakeup_clear();
  /// What user space does before it suspends: reads the count, which waits (in S) until no event is
  /// processed any more, and writes it back. False: a signal, or events came in between.
  Co<bool> save_wakeup_count();
  void forget_wakeup_count() { events_check_enabled_ = false; }
  /// NameTable id of what set off the first wakeup since pm_wakeup_clear(); 0: none did.
  [[nodiscard]] std::uint32_t first_wakeup() const { return first_wakeup_; }

  S2idleHook s2idle;

 private:
  static constexpr unsigned kInProgressBits = 16;
  static constexpr std::uint32_t kMaxInProgress = (1U << kInProgressBits) - 1;
  [[nodiscard]] std::uint32_t in_progress() const { return combined_ & kMaxInProgress; }
  [[nodiscard]] std::uint32_t count() const { return combined_ >> kInProgressBits; }

  void report_event(WakeupSource& source);
  Co<> deactivate(WakeupSource& source);
  static Co<> pm_wakeup_timer_fn(timers::Timers& timers, timers::KernelTimer& timer);
  static bool quiet(const void* wakeups);

  timers::Timers& timers_;
  locking::Waits& waits_;
  cpu::Machine& machine_;
  std::deque<WakeupSource> sources_;
  locking::WaitQueue wakeup_count_wait_queue_;
  std::uint32_t combined_ = 0;  // combined_event_count
  std::uint32_t saved_count_ = 0;
  bool events_check_enabled_ = false;
  int pm_abort_suspend_ = 0;
  std::uint32_t first_wakeup_ = 0;
};

}  // namespace kt::power
