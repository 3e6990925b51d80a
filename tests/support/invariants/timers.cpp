// sched 24-28: timer wheel, hrtimers and the tick. sched 28 checks the grid: a tick that is armed
// again is a whole number of periods later, and exactly one while the CPU was not idle.
#include <fmt/format.h>

#include "tests/support/invariants/checker.hpp"

namespace support {

namespace {

constexpr std::int64_t kTimerVector = 1;
constexpr std::int64_t kHrtimerVector = 8;
constexpr std::int64_t kLevelZero = 64;  ///< buckets of level 0 (kernel/time/timer.c: LVL_SIZE)
constexpr std::int64_t kWheelEnd = 1'000'000'000;  ///< jiffies; longer delays are clamped
constexpr std::int64_t kTick = 4'000'000;          ///< ns, HZ=250

struct WheelTimer {
  std::int64_t bucket_expiry = 0;
  std::int64_t cpu = 0;
  bool pinned = false;
};

struct Hrtimer {
  std::int64_t soft_expires = 0;
  bool soft = false;
};

struct TickCpu {
  std::optional<std::int64_t> expires;  ///< of the last arming
  bool was_idle = false;                ///< since then
};

class TimerChecker : public Checker {
 public:
  using Checker::Checker;

  void see(const TraceLine& line, const World& world) override {
    const std::string& event = line.event;
    if (event == "softirq_entry") open_[line.cpu] = line.number_of("vec");
    if (event == "softirq_exit") open_[line.cpu].reset();
    if (event == "timer_start") started(line);
    if (event == "timer_cancel") timers_.erase(std::string(line.text_of("timer")));
    if (event == "timer_expire_entry") expired(line, world);
    if (event == "hrtimer_start") hrtimer_started(line, world);
    if (event == "hrtimer_cancel") hrtimers_.erase(std::string(line.text_of("hrtimer")));
    if (event == "hrtimer_expire_entry") hrtimer_expired(line);
    const bool idle = event == "sched_switch" && line.number_of("next_pid") == 0;
    if (idle || line.pid == 0 || event == "tick_stop") ticks_[line.cpu].was_idle = true;
  }

 private:
  [[nodiscard]] bool serving(unsigned cpu, std::int64_t vector) { return open_[cpu] == vector; }

  /// The number in "[timeout=N]".
  static std::int64_t timeout_of(const TraceLine& line) {
    const std::size_t at = line.payload.find("[timeout=");
    return at == std::string::npos ? 0 : std::stoll(line.payload.substr(at + 9));
  }

  void started(const TraceLine& line) {
    const std::int64_t expires = line.number_of("expires");
    const std::int64_t bucket = line.number_of("bucket_expiry");
    const std::int64_t timeout = timeout_of(line);
    if (timeout >= 0 && timeout < kWheelEnd && bucket <= expires)
      report("sched 24", line, "the bucket expires before the timer");
    if (timeout > 0 && line.number_of("idx") < kLevelZero && bucket != expires + 1)
      report("sched 24", line, "a level 0 timer does not expire in the next jiffy");
    const bool pinned = line.text_of("flags").find('P') != std::string_view::npos;
    timers_[std::string(line.text_of("timer"))] = {bucket, line.number_of("cpu"), pinned};
  }

  void expired(const TraceLine& line, const World& world) {
    if (!line.in_softirq() || !serving(line.cpu, kTimerVector))
      report("sched 25", line, "a timer expires outside of the TIMER softirq");
    const auto timer = timers_.find(std::string(line.text_of("timer")));
    if (timer == timers_.end()) return;
    if (line.number_of("now") < timer->second.bucket_expiry)
      report("sched 24", line, "expires before its bucket does");
    if (timer->second.pinned && timer->second.cpu != line.cpu &&
        !world.hotplugged(timer->second.cpu))
      report("sched 26", line, fmt::format("is pinned to CPU {}", timer->second.cpu));
    timers_.erase(timer);
  }

  void hrtimer_started(const TraceLine& line, const World& world) {
    const std::string_view mode = line.text_of("mode");
    const auto has = [mode](std::string_view flag) { return mode.find(flag) != mode.npos; };
    const bool soft = has("SOFT") || (world.preempt_rt() && !has("HARD"));
    hrtimers_[std::string(line.text_of("hrtimer"))] = {line.number_of("softexpires"), soft};
    if (line.text_of("function") != "tick_nohz_handler") return;
    TickCpu& tick = ticks_[line.cpu];
    const std::int64_t expires = line.number_of("expires");
    if (tick.expires && (expires - *tick.expires) % kTick != 0)
      report("sched 28", line, "the tick left its grid");
    if (tick.expires && !tick.was_idle && expires - *tick.expires != kTick)
      report("sched 28", line, "a busy CPU's next tick is not one period later");
    tick = {expires, false};
  }

  void hrtimer_expired(const TraceLine& line) {
    const auto timer = hrtimers_.find(std::string(line.text_of("hrtimer")));
    const bool in_soft = line.in_softirq() && serving(line.cpu, kHrtimerVector);
    if (!line.in_hardirq() && !in_soft)
      report("sched 25", line, "an hrtimer expires outside of interrupt and HRTIMER softirq");
    if (timer == hrtimers_.end()) return;
    if (timer->second.soft != in_soft)
      report("sched 25", line, "an hrtimer expires in the wrong context");
    if (line.number_of("now") < timer->second.soft_expires)
      report("sched 27", line, "expires too early");
    hrtimers_.erase(timer);
  }

  std::map<unsigned, std::optional<std::int64_t>> open_;
  std::map<std::string, WheelTimer> timers_;
  std::map<std::string, Hrtimer> hrtimers_;
  std::map<unsigned, TickCpu> ticks_;
};

}  // namespace

std::unique_ptr<Checker> timer_checker(std::vector<Violation>& found) {
  return std::make_unique<TimerChecker>(found);
}

}  // namespace support
