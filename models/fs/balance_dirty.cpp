// How a writer is slowed down: mm/page-writeback.c: balance_dirty_pages and what it estimates. The
// rates converge to the disk's bandwidth, shared by all who write, with as much dirty as lies midway
// between where nobody is slowed down and the limit.
#include <algorithm>
#include <bit>

#include "models/fs/writeback.hpp"

namespace kt::fs {

namespace {

constexpr Time kSecond = 1'000'000'000;
constexpr Time kBandwidthInterval = kSecond / 5;  // BANDWIDTH_INTERVAL
constexpr Time kMaxPause = kSecond / 5;           // MAX_PAUSE
constexpr Time kTargetPause = kSecond / 100;      // wb_min_pause()
constexpr double kBandwidthPeriod = 3e9;          // ns, of the average
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

// __wb_update_bandwidth(): what the disk has taken, and what all writers together may dirty.
void Writeback::update_bandwidth(Wb& wb, double pos_ratio) {
  const Time elapsed = machine_.now() - wb.bw_time_stamp;
  if (elapsed < kBandwidthInterval) return;
  const Pages written = memory_.node(wb.node).stats.written;
  const double seconds = static_cast<double>(elapsed) / 1e9;
  const double written_rate = static_cast<double>(written - wb.written_stamp) / seconds;
  const double dirty_rate = static_cast<double>(wb.dirtied - wb.dirtied_stamp) / seconds;
  const double weight = std::min(1.0, static_cast<double>(elapsed) / kBandwidthPeriod);
  const double bandwidth = static_cast<double>(wb.write_bandwidth) * (1 - weight) +
                           written_rate * weight;
  const double task_rate = static_cast<double>(wb.dirty_ratelimit) * pos_ratio;
  const double balanced = task_rate * bandwidth / std::max(dirty_rate, 1.0);
  wb.write_bandwidth = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(bandwidth));
  wb.dirty_ratelimit = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(balanced), 1,
                                                 wb.write_bandwidth);
  wb.bw_time_stamp = machine_.now();
  wb.written_stamp = written;
  wb.dirtied_stamp = wb.dirtied;
}

Co<> Writeback::balance_dirty_pages(Wb& wb, Dirtier& self) {
  Task& current = workqueues_.scheduler().current();
  for (;;) {
    const DirtyLimits limit = limits();
    const Pages pages = dirty();
    // wb_start_background_writeback()
    if (pages > limit.background && !wb.running) co_await wb_wakeup(wb);
    if (pages <= limit.freerun()) {
      self.paused_when = machine_.now();
      self.nr_dirtied = 0;
      self.nr_dirtied_pause = std::max(kPollThreshold, poll_interval(limit));
      co_return;
    }
    // pos_ratio_polynom(): 2 with little dirty, 1 at the set point, 0 at the limit.
    const auto setpoint = static_cast<double>((limit.freerun() + limit.limit) / 2);
    const double x = (setpoint - static_cast<double>(pages)) /
                     std::max(1.0, static_cast<double>(limit.limit) - setpoint);
    const double pos_ratio = std::clamp(1 + x * x * x, 0.0, 2.0);
    update_bandwidth(wb, pos_ratio);
    const double rate = static_cast<double>(wb.dirty_ratelimit) * pos_ratio;
    const bool stop = rate < 1;
    Time period = stop ? kMaxPause
                       : static_cast<Time>(static_cast<double>(self.nr_dirtied) * 1e9 / rate);
    Time pause = stop ? kMaxPause : period - (machine_.now() - self.paused_when);
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
    const double target = static_cast<double>(wb.dirty_ratelimit) *
                          static_cast<double>(kTargetPause) / 1e9;
    self.nr_dirtied_pause = std::max(kPollThreshold, static_cast<Pages>(target));
    if (!stop || current.fatal_signal) co_return;
  }
}

}  // namespace kt::fs
