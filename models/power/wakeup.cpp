#include "models/power/wakeup.hpp"

namespace kt::power {

using trace::Event;

Wakeups::Wakeups(timers::Timers& timers, locking::Waits& waits)
    : timers_(timers), waits_(waits), machine_(timers.machine()) {
  wakeup_count_wait_queue_.name = machine_.trace().names().intern("wakeup_count_wait_queue");
}

WakeupSource& Wakeups::add_source(std::string_view name) {
  constexpr std::uint64_t kSources = 0xffff888300000000;
  sim::NameTable& names = machine_.trace().names();
  WakeupSource& source = sources_.emplace_back();
  source.wakeups = this;
  source.name = names.intern(name);
  source.timer.function = &pm_wakeup_timer_fn;
  source.timer.function_name = names.intern("pm_wakeup_timer_fn");
  source.timer.object = &source;
  source.timer.address = kSources + sources_.size() * 0x100;
  return source;
}

// wakeup_source_report_event(), wakeup_source_activate()
void Wakeups::report_event(WakeupSource& source) {
  ++source.event_count;
  if (events_check_enabled_) {
    ++source.wakeup_count;
    if (first_wakeup_ == 0) first_wakeup_ = source.name;
  }
  if (source.active) return;
  source.active = true;
  ++source.active_count;
  source.last_time = machine_.now();
  ++combined_;
  machine_.this_cpu().trace(Event::kWakeupSourceActivate, source.name, combined_);
}

void Wakeups::pm_stay_awake(WakeupSource& source) {
  report_event(source);
  timers_.del_timer(source.timer);
  source.timer_expires = 0;
}

Co<> Wakeups::pm_relax(WakeupSource& source) {
  if (source.active) co_await deactivate(source);
}

// wakeup_source_deactivate(): one event less in progress, one more that has been.
Co<> Wakeups::deactivate(WakeupSource& source) {
  if (++source.relax_count != source.active_count) {
    --source.relax_count;
    co_return;
  }
  source.active = false;
  const Time now = machine_.now();
  const Time duration = now - source.last_time;
  source.total_time += duration;
  source.max_time = std::max(source.max_time, duration);
  source.last_time = now;
  timers_.del_timer(source.timer);
  source.timer_expires = 0;
  combined_ += kMaxInProgress;
  machine_.this_cpu().trace(Event::kWakeupSourceDeactivate, source.name, combined_);
  if (in_progress() == 0 && wakeup_count_wait_queue_.head != nullptr) {
    co_await waits_.wake_up(wakeup_count_wait_queue_, sched::kTaskNormal, 1);
  }
}

Co<> Wakeups::pm_wakeup_event(WakeupSource& source, Jiffies timeout, bool hard) {
  report_event(source);
  if (hard) co_await pm_system_wakeup(source.name);
  if (timeout == 0) {
    co_await deactivate(source);
    co_return;
  }
  const Jiffies expires = timers_.jiffies() + timeout;
  if (source.timer_expires != 0 && !timers::time_before(source.timer_expires, expires)) co_return;
  co_await timers_.mod_timer(source.timer, expires);
  source.timer_expires = expires;
}

Co<> Wakeups::pm_wakeup_timer_fn(timers::Timers& timers, timers::KernelTimer& timer) {
  WakeupSource& source = *static_cast<WakeupSource*>(timer.object);
  const bool due =
      source.timer_expires != 0 && !timers::time_before(timers.jiffies(), source.timer_expires);
  if (!source.active || !due) co_return;
  co_await source.wakeups->deactivate(source);
  ++source.expire_count;
}

Co<> Wakeups::pm_system_wakeup(std::uint32_t by) {
  ++pm_abort_suspend_;
  if (first_wakeup_ == 0) first_wakeup_ = by;
  if (s2idle.wake == nullptr) return {};
  return s2idle.wake(s2idle.object);
}

bool Wakeups::pm_wakeup_pending() {
  bool pending = false;
  if (events_check_enabled_) {
    pending = count() != saved_count_ || in_progress() != 0;
    events_check_enabled_ = !pending;
  }
  return pending || pm_abort_suspend_ > 0;
}

void Wakeups::pm_wakeup_clear() {
  pm_abort_suspend_ = 0;
  if (!events_check_enabled_) first_wakeup_ = 0;
}

bool Wakeups::quiet(const void* wakeups) {
  return static_cast<const Wakeups*>(wakeups)->in_progress() == 0;
}

// pm_get_wakeup_count(block), pm_save_wakeup_count()
Co<bool> Wakeups::save_wakeup_count() {
  const std::int64_t interrupted =
      co_await waits_.wait_event(wakeup_count_wait_queue_, {&quiet, this},
                                 sched::kTaskInterruptible, false, timers::kMaxScheduleTimeout);
  if (interrupted != 0) co_return false;
  events_check_enabled_ = in_progress() == 0;
  saved_count_ = count();
  first_wakeup_ = 0;
  co_return events_check_enabled_;
}

}  // namespace kt::power
