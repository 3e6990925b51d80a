// How a writer is slowed down: mm/page-writeback.c: balance_dirty_pages and what it estimates. The
// rates converge to the disk's bandwidth, shared by all who write, with as much dirty as lies
// midway between where nobody is slowed down and the limit.
#include <algorithm>
#include <bit>

#include "models/fs/writeback.hpp"

namespace kt::fs {

namespace {

constexpr Time kSecond = 1'000'000'000;
constexpr Time kBandwidthInterval = kSecond / 5;  // BANDWIDTH_INTERVAL
constexpr Time kMaxPause = kSecond / 5;           // MAX_PAUSE
constexpr Time kTargetPause = kSecond / 100;      // wb_min_pause()
constexpr Time kBandwidthPeriod = 3 * kSecond;    // of the average
constexpr int kShift = 10;                        // RATELIMIT_CALC_SHIFT
constexpr Pages kPollThreshold = 32;              // DIRTY_POLL_THRESH

}  // namespace

// mm/page-writeback.c: global_dirtyable_memory, domain_dirty_limits
DirtyLimits Writeback::limits() const {
  Pages dirtyable = 0;
  for (int id = 0; id < memory_.nr_nodes(); ++id) {
    const mm::Node& node = memory_.node(id);
    dirtyable += node.free - std::min(node.free, node.marks.high) + node.reclaimable();
  }
  constexpr Pages kBackgroundRatio = 10;
  constexpr Pages kRatio = 20;
  return {dirtyable * kBackgroundRatio / 100, dirtyable * kRatio / 100};
}

Pages Writeback::dirty() const {
  Pages pages = 0;
  for (int id = 0; id < memory_.nr_nodes(); ++id) {
    pages += memory_.node(id).dirty + memory_.node(id).writeback;
  }
  return pages;
}

// mm/page-writeback.c: dirty_poll_interval: how much more a task may dirty before it looks again.
Pages Writeback::poll_interval(const DirtyLimits& limits) const {
  const Pages pages = dirty();
  if (limits.freerun() <= pages) return 1;
  return Pages{1} << ((std::bit_width(limits.freerun() - pages) - 1) >> 1);
}

// mm/page-writeback.c: pos_ratio_polynom: 2 with little dirty, 1 at the set point, 0 at the limit;
// in units of 1 << kShift.
std::int64_t Writeback::pos_ratio(const DirtyLimits& limits) const {
  const auto setpoint = static_cast<std::int64_t>((limits.freerun() + limits.limit) / 2);
  const auto room = std::max<std::int64_t>(1, static_cast<std::int64_t>(limits.limit) - setpoint);
  constexpr std::int64_t kOne = std::int64_t{1} << kShift;
  const std::int64_t x = (setpoint - static_cast<std::int64_t>(dirty())) * kOne / room;
  const std::int64_t nearby = std::clamp(x, -2 * kOne, 2 * kOne);  // its cube is clamped anyway
  return std::clamp(kOne + nearby * nearby / kOne * nearby / kOne, std::int64_t{0}, 2 * kOne);
}

// __wb_update_bandwidth(): what the disk takes, averaged over some three seconds, and what each
// writer may dirty so that all of them together dirty as much.
void Writeback::update_bandwidth(Wb& wb, std::int64_t pos_ratio) {
  const Time elapsed = machine_.now() - wb.bw_time_stamp;
  if (elapsed < kBandwidthInterval) return;
  const auto per_second = [elapsed](Pages pages) {
    constexpr Time kUs = 1'000;
    return static_cast<std::int64_t>(pages) * (kSecond / kUs) / (elapsed / kUs);
  };
  const Pages written = memory_.node(wb.node).stats.written;
  const std::int64_t written_rate = per_second(written - wb.written_stamp);
  const std::int64_t dirty_rate =
      std::max<std::int64_t>(1, per_second(wb.dirtied - wb.dirtied_stamp));
  const Time weight = std::min(elapsed, kBandwidthPeriod) / kBandwidthInterval;
  constexpr Time kWhole = kBandwidthPeriod / kBandwidthInterval;
  const std::int64_t average =
      (wb.write_bandwidth * (kWhole - weight) + written_rate * weight) / kWhole;
  const std::int64_t task_ratelimit = (wb.dirty_ratelimit * pos_ratio >> kShift) + 1;
  wb.write_bandwidth = std::max<std::int64_t>(1, average);
  wb.dirty_ratelimit = std::clamp<std::int64_t>(task_ratelimit * wb.write_bandwidth / dirty_rate, 1,
                                                wb.write_bandwidth);
  wb.bw_time_stamp = machine_.now();
  wb.written_stamp = written;
  wb.dirtied_stamp = wb.dirtied;
}

Co<> Writeback::balance_dirty_pages(Wb& wb, Dirtier& self) {
  Task& current = workqueues_.scheduler().current();
  for (;;) {
    const DirtyLimits limit = limits();
    // wb_start_background_writeback()
    if (dirty() > limit.background && !wb.running) co_await wb_wakeup(wb);
    if (dirty() <= limit.freerun()) {
      self.paused_when = machine_.now();
      self.nr_dirtied = 0;
      self.nr_dirtied_pause = std::max(kPollThreshold, poll_interval(limit));
      co_return;
    }
    const std::int64_t position = pos_ratio(limit);
    update_bandwidth(wb, position);
    const std::int64_t rate = wb.dirty_ratelimit * position >> kShift;  // task_ratelimit
    const Time period = rate == 0 ? kMaxPause : static_cast<Time>(self.nr_dirtied) * kSecond / rate;
    Time pause = rate == 0 ? kMaxPause : period - (machine_.now() - self.paused_when);
    if (pause < kTargetPause / 2) {  // too short to sleep: it counts for the next time
      self.paused_when = pause < -kSecond ? machine_.now() : self.paused_when + period;
      self.nr_dirtied = 0;
      co_return;
    }
    pause = std::min(pause, kMaxPause);
    current.state = sched::kTaskKillable;
    co_await timers_.schedule_timeout(timers_.ticks().from_time(pause));
    self.paused_when = machine_.now();
    self.nr_dirtied = 0;
    self.nr_dirtied_pause =
        std::max(kPollThreshold, static_cast<Pages>(wb.dirty_ratelimit * kTargetPause / kSecond));
    if (rate != 0 || current.fatal_signal) co_return;
  }
}

}  // namespace kt::fs
