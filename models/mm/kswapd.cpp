// kswapdN: mm/vmscan.c: frees page cache of its node until the high watermark is met, then sleeps.
#include <algorithm>

#include "models/mm/memory.hpp"

namespace kt::mm {

using trace::Event;

// mm/page_alloc.c: wake_all_kswapds, mm/vmscan.c: wakeup_kswapd
Co<> Memory::wake_all_kswapds(Request request) {
  for (Node* node : request.preferred->zonelist) {
    if (node->kswapd == nullptr) continue;
    node->kswapd_order = std::max(node->kswapd_order, request.order);
    if (node->kswapd_wait.head == nullptr) continue;  // it is at work
    if (node->kswapd_failures >= kMaxReclaimRetries || node->balanced(request.order)) continue;
    machine_.this_cpu().trace(Event::kVmscanWakeupKswapd, static_cast<std::uint32_t>(node->id),
                              request.order, request.gfp);
    co_await waits_.wake_up(node->kswapd_wait, sched::kTaskInterruptible, 1);
  }
}

bool Memory::allow_direct_reclaim(const Node& node) {
  if (node.kswapd == nullptr || node.kswapd_failures >= kMaxReclaimRetries) return true;
  return node.reclaimable() == 0 || node.free > node.marks.min / 2;
}

void Memory::set_kswapds(const std::vector<Task*>& threads) {
  for (std::size_t i = 0; i < threads.size(); ++i) {
    Node& node = nodes_[i];
    node.kswapd = threads[i];
    kswapds_.push_back({this, &node});
    node.kswapd->kthread->function = &kswapd;
    node.kswapd->kthread->data = &kswapds_.back();
    // Asleep in kswapd_try_to_sleep().
    node.boot_sleep.task = node.kswapd;
    node.boot_sleep.linked = true;
    node.kswapd_wait.head = node.kswapd_wait.tail = &node.boot_sleep;
  }
}

Co<int> Memory::kswapd(kthread::Kthreads&, Task& self, void* data) {
  const Kswapd& own = *static_cast<Kswapd*>(data);
  co_await own.memory->kswapd_loop(*own.node, self);
  co_return 0;
}

// Begins where it has slept since boot.
Co<> Memory::kswapd_loop(Node& node, Task& self) {
  bool was_frozen = false;
  self.flags |= sched::kPfMemalloc | sched::kPfKswapd;
  co_await waits_.finish_wait(node.kswapd_wait, node.boot_sleep);
  for (;;) {
    const unsigned alloc_order = std::exchange(node.kswapd_order, 0);
    const bool stops = co_await kthreads_.kthread_freezable_should_stop(was_frozen);
    if (stops) co_return;
    unsigned reclaim_order = node.kswapd_order;
    if (!was_frozen) {  // else somebody only wanted it in the refrigerator
      machine_.this_cpu().trace(Event::kVmscanKswapdWake, static_cast<std::uint32_t>(node.id),
                                alloc_order);
      ++node.stats.kswapd_wakes;
      reclaim_order = co_await balance_pgdat(node, alloc_order);
      if (reclaim_order >= alloc_order) reclaim_order = node.kswapd_order;
    }
    co_await kswapd_try_to_sleep(node, reclaim_order);
  }
}

// The order for which it has reclaimed in the end.
Co<unsigned> Memory::balance_pgdat(Node& node, unsigned order) {
  ScanControl sc;
  sc.kswapd = true;
  sc.order = order;
  sc.nr_to_reclaim = std::max(node.marks.high, kSwapClusterMax);
  for (sc.priority = kDefPriority; sc.priority >= 1;) {
    if (node.balanced(sc.order)) {
      node.stats.kswapd_pages += sc.nr_reclaimed;
      co_return sc.order;
    }
    const Pages before = sc.nr_reclaimed;
    sc.nr_scanned = 0;
    co_await shrink_node(node, sc);  // kswapd_shrink_node()
    if (sc.nr_reclaimed >= Pages{2} << sc.order) sc.order = 0;
    bool was_frozen = false;
    const bool stops = co_await kthreads_.kthread_freezable_should_stop(was_frozen);
    if (was_frozen || stops) break;
    const Pages reclaimed = sc.nr_reclaimed - before;
    const bool raise_priority = std::max(sc.nr_scanned, reclaimed) < sc.nr_to_reclaim;
    if (node.pfmemalloc_wait.head != nullptr && allow_direct_reclaim(node)) {
      co_await waits_.wake_up(node.pfmemalloc_wait, sched::kTaskNormal, 0);
    }
    if (raise_priority || reclaimed == 0) --sc.priority;
  }
  if (sc.nr_reclaimed == 0) ++node.kswapd_failures;
  node.stats.kswapd_pages += sc.nr_reclaimed;
  co_return sc.order;
}

// Whether it may sleep: the node is balanced, or a hopeless case.
Co<bool> Memory::prepare_kswapd_sleep(Node& node, unsigned order) {
  if (node.pfmemalloc_wait.head != nullptr) {
    co_await waits_.wake_up(node.pfmemalloc_wait, sched::kTaskNormal, 0);
  }
  if (node.kswapd_failures >= kMaxReclaimRetries) co_return true;
  if (!node.balanced(order)) co_return false;
  node.congested = node.writeback_flag = false;
  co_return true;
}

// First for a tenth of a second, in case memory gets short again at once, then until it is woken.
// kcompactd would be woken in between if memory could be fragmented.
Co<> Memory::kswapd_try_to_sleep(Node& node, unsigned reclaim_order) {
  Task& self = *node.kswapd;
  locking::WaitEntry entry;
  timers::Jiffies remaining = 0;
  co_await waits_.prepare_to_wait(node.kswapd_wait, entry, sched::kTaskInterruptible, false);
  bool may_sleep = co_await prepare_kswapd_sleep(node, reclaim_order);
  if (may_sleep) {
    remaining = co_await timers_.schedule_timeout(timers_.ticks().from_time(100'000'000));
    if (remaining != 0) node.kswapd_order = std::max(node.kswapd_order, reclaim_order);
    co_await waits_.finish_wait(node.kswapd_wait, entry);
    co_await waits_.prepare_to_wait(node.kswapd_wait, entry, sched::kTaskInterruptible, false);
  }
  may_sleep = false;
  if (remaining == 0) may_sleep = co_await prepare_kswapd_sleep(node, reclaim_order);
  if (may_sleep) {
    machine_.this_cpu().trace(Event::kVmscanKswapdSleep, static_cast<std::uint32_t>(node.id));
    if (!kthread::Kthreads::should_stop(self)) co_await scheduler_.schedule();
  }
  co_await waits_.finish_wait(node.kswapd_wait, entry);
}

}  // namespace kt::mm
