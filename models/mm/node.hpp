// The memory of one NUMA node (pg_data_t with one zone): how many of its pages are free, hold page
// cache that can be reclaimed, or are in use, its watermarks, and who waits for its memory. Memory
// is not fragmented: a block of any order is there if enough pages are free.
#pragma once

#include <vector>

#include "models/locking/wait.hpp"
#include "models/mm/watermarks.hpp"

namespace kt::mm {

/// What a node holds at t = 0, in bytes; what is neither free nor cache is in use for good.
struct NodeConfig {
  std::uint64_t memory = 0;
  std::uint64_t free = 0;
  std::uint64_t cache = 0;  ///< page cache that can be reclaimed
  std::uint64_t dirty = 0;  ///< the part of it that has to be written back first
};

/// A quarter of the memory is clean page cache, the rest is free.
constexpr NodeConfig default_node(std::uint64_t memory) {
  const std::uint64_t cache = memory / 4 / kPageSize * kPageSize;
  return {memory, memory - cache, cache, 0};
}

struct NodeStats {
  std::uint64_t allocations = 0;      ///< blocks that the node gave
  std::uint64_t failures = 0;         ///< of allocations that preferred it
  std::uint64_t direct_reclaims = 0;  ///< by allocators that preferred it
  sim::Time direct_time = 0;          ///< ns in them
  Pages direct_pages = 0;             ///< freed by allocators
  std::uint64_t kswapd_wakes = 0;     ///< rounds of kswapd
  Pages kswapd_pages = 0;             ///< freed by kswapd
  Pages written = 0;                  ///< written back
};

struct Node {
  int id = 0;
  Pages managed = 0;
  Pages free = 0;
  Pages clean = 0;      ///< page cache that is freed at once
  Pages dirty = 0;      ///< page cache that nobody writes back yet
  Pages writeback = 0;  ///< page cache on its way to the disk
  Pages allocated = 0;  ///< given out by Memory::alloc(), and not freed
  Pages hogged = 0;     ///< taken by Memory::pressure()
  Watermarks marks;
  std::vector<Node*> zonelist;  ///< fallback order of allocations, itself first

  locking::WaitQueue kswapd_wait;
  locking::WaitQueue pfmemalloc_wait;
  locking::WaitQueue writeback_wait;   ///< reclaim_wait[VMSCAN_THROTTLE_WRITEBACK]
  locking::WaitQueue noprogress_wait;  ///< reclaim_wait[VMSCAN_THROTTLE_NOPROGRESS]
  locking::WaitEntry boot_sleep;       ///< kswapd's, until its first wakeup
  sched::Task* kswapd = nullptr;       ///< null: the machine was booted without
  unsigned kswapd_order = 0;
  int kswapd_failures = 0;
  bool writeback_flag = false;  ///< PGDAT_WRITEBACK
  bool congested = false;       ///< LRUVEC_NODE_CONGESTED
  Pages throttled_tasks = 0;    ///< nr_writeback_throttled
  Pages throttled_written = 0;  ///< NR_THROTTLED_WRITTEN since the first of them
  bool flusher_woken = false;   ///< from WritebackHook::start until begin_writeback() finds nothing
  NodeStats stats;

  /// mm/vmscan.c: zone_reclaimable_pages
  [[nodiscard]] Pages reclaimable() const { return clean + dirty + writeback; }
  /// mm/vmscan.c: pgdat_balanced
  [[nodiscard]] bool balanced(unsigned order) const {
    return free >= (Pages{1} << order) && free - ((Pages{1} << order) - 1) > marks.high;
  }
};

}  // namespace kt::mm
