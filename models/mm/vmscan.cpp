// Reclaim: mm/vmscan.c. What is scanned costs time, page by page; clean page cache becomes free,
// dirty page cache is handed to writeback, and who finds nothing else waits for it.
#include <algorithm>

#include "models/mm/memory.hpp"

namespace kt::mm {

using trace::Event;

/// What one shrink_node() has met, in pages (struct scan_control: nr).
struct Memory::Scan {
  Pages taken = 0;
  Pages dirty = 0;  ///< not under writeback
  Pages writeback = 0;
  Pages immediate = 0;  ///< under writeback and met again by kswapd
  Pages reclaimed = 0;
};

// Small processes wait until kswapd has got ahead when half of the reserve is gone. True: killed
// meanwhile.
Co<bool> Memory::throttle_direct_reclaim(Request request) {
  const Task& current = scheduler_.current();
  if (current.is_kthread() || current.fatal_signal) co_return false;
  Node& node = *request.preferred;
  if (allow_direct_reclaim(node)) co_return false;
  if (node.kswapd_wait.head != nullptr) {
    co_await waits_.wake_up(node.kswapd_wait, sched::kTaskInterruptible, 1);
  }
  const locking::Condition allowed{
      [](const void* object) { return allow_direct_reclaim(*static_cast<const Node*>(object)); },
      &node};
  if ((request.gfp & kGfpFs) == 0) {  // it may hold what kswapd waits for
    const timers::Jiffies second = timers_.ticks().from_time(1'000'000'000);
    co_await waits_.wait_event(node.pfmemalloc_wait, allowed, sched::kTaskInterruptible, false,
                               second);
  } else {
    co_await waits_.wait_event(node.pfmemalloc_wait, allowed, sched::kTaskKillable, false,
                               timers::kMaxScheduleTimeout);
  }
  co_return current.fatal_signal;
}

Co<Pages> Memory::try_to_free_pages(Request request) {
  const bool killed = co_await throttle_direct_reclaim(request);
  if (killed) co_return 1;  // it is to allocate from the reserve, and exit
  machine_.this_cpu().trace(Event::kVmscanDirectReclaimBegin, request.order, request.gfp);
  ScanControl sc;
  sc.order = request.order;
  co_await do_try_to_free_pages(*request.preferred, sc);
  machine_.this_cpu().trace(Event::kVmscanDirectReclaimEnd, sc.nr_reclaimed);
  request.preferred->stats.direct_pages += sc.nr_reclaimed;
  co_return sc.nr_reclaimed;
}

// All nodes in order, a little of each list, then twice as much, and so on: shrink_zones().
Co<> Memory::do_try_to_free_pages(Node& first, ScanControl& sc) {
  for (; sc.priority >= 0; --sc.priority) {
    sc.nr_scanned = 0;
    for (Node* node : first.zonelist) {
      const bool something = node->congested || node->reclaimable() >> sc.priority != 0;
      if (something) co_await shrink_node(*node, sc);
    }
    if (sc.nr_reclaimed > sc.nr_scanned >> 3) {  // consider_reclaim_throttle()
      if (first.noprogress_wait.head != nullptr) {
        co_await waits_.wake_up(first.noprogress_wait, sched::kTaskNormal, 1);
      }
    } else if (sc.priority == 1 && sc.nr_reclaimed == 0) {
      co_await reclaim_throttle(first, Throttle::kNoprogress);
    }
    if (sc.nr_reclaimed >= sc.nr_to_reclaim) co_return;
  }
}

// mm/vmscan.c: shrink_node, shrink_lruvec: in batches of SWAP_CLUSTER_MAX.
Co<> Memory::shrink_node(Node& node, ScanControl& sc) {
  Pages left = node.reclaimable() >> sc.priority;
  Scan scan;
  while (left > 0) {
    const Pages batch = std::min(left, kSwapClusterMax);
    left -= batch;
    co_await shrink_batch(node, sc, scan, batch);
    co_await scheduler_.cond_resched();
    // The first pass of a direct reclaim is proportional: it scans all it has set out to.
    const bool proportional = !sc.kswapd && sc.priority == kDefPriority;
    if (sc.nr_reclaimed >= sc.nr_to_reclaim && !proportional) break;
  }
  co_await after_scan(node, sc, scan);
}

// mm/vmscan.c: shrink_inactive_list
Co<> Memory::shrink_batch(Node& node, ScanControl& sc, Scan& scan, Pages batch) {
  const auto not_met = [](Pages pages, Pages met) { return pages > met ? pages - met : 0; };
  const Pages clean = std::min(batch, node.clean);
  const Pages writeback = std::min(batch - clean, not_met(node.writeback, scan.writeback));
  const Pages dirty = std::min(batch - clean - writeback, not_met(node.dirty, scan.dirty));
  const Pages taken = clean + writeback + dirty;
  node.clean -= clean;  // isolated
  const cpu::CostTable& costs = machine_.costs();
  co_await machine_.run(static_cast<Time>(taken) * costs.reclaim_scan +
                        static_cast<Time>(clean) * costs.reclaim_page);
  node.free += clean;
  scan.taken += taken;
  scan.dirty += dirty;
  scan.writeback += writeback;
  if (sc.kswapd && node.writeback_flag) scan.immediate += writeback;
  scan.reclaimed += clean;
  sc.nr_scanned += taken;
  sc.nr_reclaimed += clean;
  if (dirty > 0 && dirty == taken) co_await wakeup_flusher(node);
}

// The second half of shrink_node(): who has met too many pages under writeback waits.
Co<> Memory::after_scan(Node& node, ScanControl& sc, const Scan& scan) {
  if (scan.reclaimed > 0) node.kswapd_failures = 0;
  if (sc.kswapd) {
    if (scan.writeback > 0 && scan.writeback == scan.taken) node.writeback_flag = true;
    if (scan.writeback > 0 && scan.dirty == 0) node.congested = true;
    if (scan.immediate > 0) co_await reclaim_throttle(node, Throttle::kWriteback);
  } else if (node.congested) {
    co_await reclaim_throttle(node, Throttle::kCongested);
  }
}

bool Memory::skip_throttle_noprogress(const Node& node) {
  if (node.kswapd_failures >= kMaxReclaimRetries) return true;
  return 2 * (node.dirty + node.writeback) <= node.reclaimable();
}

// Kernel threads but kswapd do not wait here: reclaim may need them to get ahead.
Co<> Memory::reclaim_throttle(Node& node, Throttle reason) {
  const Task& current = scheduler_.current();
  const bool kthread = current.is_kthread() && (current.flags & sched::kPfKswapd) == 0;
  const bool writeback = reason == Throttle::kWriteback;
  if (kthread || (!writeback && skip_throttle_noprogress(node))) {
    co_await scheduler_.cond_resched();
    co_return;
  }
  const timers::Ticks& ticks = timers_.ticks();
  const timers::Jiffies timeout = writeback ? ticks.from_time(100'000'000) : 1;
  if (writeback && ++node.throttled_tasks == 1) node.throttled_written = 0;
  locking::WaitQueue& queue = writeback ? node.writeback_wait : node.noprogress_wait;
  locking::WaitEntry entry;
  co_await waits_.prepare_to_wait(queue, entry, sched::kTaskUninterruptible, false);
  const timers::Jiffies left = co_await timers_.schedule_timeout(timeout);
  co_await waits_.finish_wait(queue, entry);
  if (writeback) --node.throttled_tasks;
  const auto usec = [&ticks](timers::Jiffies jiffies) {
    return static_cast<std::uint32_t>(static_cast<Time>(jiffies) * ticks.period / 1000);
  };
  machine_.this_cpu().trace(Event::kVmscanThrottled, static_cast<std::uint32_t>(node.id),
                            cpu::pack(usec(timeout), usec(timeout - left)),
                            static_cast<std::uint32_t>(reason));
}

// mm/vmscan.c: wakeup_flusher_threads(WB_REASON_VMSCAN)
Co<> Memory::wakeup_flusher(Node& node) {
  if (writeback_hook.start == nullptr || node.flusher_woken) co_return;
  node.flusher_woken = true;
  co_await writeback_hook.start(writeback_hook.object, scheduler_, node.id);
}

Pages Memory::begin_writeback(int id, Pages most) {
  Node& node = nodes_[static_cast<std::size_t>(id)];
  const Pages pages = std::min(most, node.dirty);
  node.dirty -= pages;
  node.writeback += pages;
  if (pages == 0) node.flusher_woken = false;
  return pages;
}

// mm/vmscan.c: __acct_reclaim_writeback
Co<> Memory::end_writeback(int id, Pages pages) {
  Node& node = nodes_[static_cast<std::size_t>(id)];
  node.writeback -= pages;
  node.clean += pages;
  node.stats.written += pages;
  if (node.throttled_tasks == 0) co_return;
  node.throttled_written += pages;
  if (node.throttled_written > kSwapClusterMax * node.throttled_tasks) {
    co_await waits_.wake_up(node.writeback_wait, sched::kTaskNormal, 1);
  }
}

}  // namespace kt::mm
