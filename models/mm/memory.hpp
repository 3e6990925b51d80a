// The page allocator and reclaim (mm/page_alloc.c, mm/vmscan.c): nodes with free pages, page cache
// and watermarks; allocations that take, wake kswapd, reclaim directly or fail; kswapd; throttling
// of reclaimers that find only pages under writeback. Pages have no addresses: only how many there
// are, and where, is known.
//
// Whoever allocates runs in a task unless its flags forbid to sleep. The page cache is one list for
// each node: reclaim meets clean pages first, then those under writeback, then the dirty ones (the
// kernel rotates what it cannot free to the other end).
#pragma once

#include <deque>

#include "models/kthread/kthread.hpp"
#include "models/mm/gfp.hpp"
#include "models/mm/node.hpp"

namespace kt::mm {

using sched::Task;
using sim::Co;
using sim::Time;

/// Who writes dirty pages back. `start` is called (from any context that allocates) when reclaim
/// wants the dirty pages of a node written; see Memory::begin_writeback(). Null: nobody.
struct WritebackHook {
  void* object = nullptr;
  Co<> (*start)(void* object, sched::Scheduler& scheduler, int node) = nullptr;
};

/// How far Memory::pressure() takes free pages away.
enum class Level : std::uint8_t { kNone, kLow, kMin };

class Memory {
 public:
  /// One entry for each node of the machine's topology.
  Memory(kthread::Kthreads& kthreads, locking::Waits& waits, const std::vector<NodeConfig>& nodes);
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

  /// Takes a block of pages that holds `bytes` (at most 4 MiB), preferably from `node` (-1: that of
  /// this CPU). False: no memory. Without kGfpDirectReclaim it never sleeps and may be called
  /// anywhere; with it, small blocks are had at last or the machine is out of memory: sim::Defect,
  /// as there is no OOM killer. mm/page_alloc.c: __alloc_pages
  Co<bool> alloc(std::uint64_t bytes, Gfp gfp, int node);
  /// Gives back what alloc() took: to `node`, or (-1) to the nearest nodes that gave out so much.
  /// False, and no effect: more than was taken.
  Co<bool> free(std::uint64_t bytes, int node);

  /// What a hog outside the scenario does: gives back what it holds, then takes at once all that is
  /// free above the low or the min watermark of every node. What is freed later is free for all.
  /// Gives it back `duration` ns later (sim::kNever: not by itself).
  void pressure(Level level, Time duration);

  /// The kswapd threads, in the order of the nodes, asleep since boot (empty: none).
  void set_kswapds(const std::vector<Task*>& threads);

  // Writeback: who serves the hook takes dirty pages, writes them and says so, until none is left.
  WritebackHook writeback_hook;
  /// Up to `most` dirty pages of the node are under writeback from now on. How many; 0: all done,
  /// and the hook may be called again.
  Pages begin_writeback(int node, Pages most);
  /// They are clean. From any context. mm/filemap.c: folio_end_writeback
  Co<> end_writeback(int node, Pages pages);

  [[nodiscard]] const Node& node(int id) const { return nodes_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] int nr_nodes() const { return static_cast<int>(nodes_.size()); }

 private:
  struct Request {
    Gfp gfp = 0;
    unsigned order = 0;
    Pages pages = 1;  ///< 1 << order, or more single pages at once
    Node* preferred = nullptr;
  };
  struct ScanControl {
    unsigned order = 0;
    int priority = kDefPriority;
    Pages nr_to_reclaim = kSwapClusterMax;
    Pages nr_scanned = 0;
    Pages nr_reclaimed = 0;
    bool kswapd = false;
  };
  struct Scan;
  enum class Throttle : std::uint8_t { kWriteback, kCongested, kNoprogress };

  // memory.cpp
  void build_zonelists();
  [[nodiscard]] Node& local_node();
  void release_hog();
  static void hog_ends(void* self, std::uint64_t generation);
  static Co<int> allocate_thread(void* self, kthread::Kthreads& kthreads);
  static void release_thread(void* self, int node);

  // page_alloc.cpp
  Node* get_page_from_freelist(const Request& request, unsigned alloc_flags);
  [[nodiscard]] static bool watermark_ok(const Node& node, const Request& request,
                                         unsigned alloc_flags, Pages available);
  [[nodiscard]] unsigned gfp_to_alloc_flags(const Request& request);
  [[nodiscard]] bool pfmemalloc_allowed();
  Co<Node*> alloc_pages(Request request);
  Co<Node*> alloc_slowpath(Request request);
  Co<Node*> retry_loop(Request request, unsigned alloc_flags);
  Co<Pages> direct_reclaim(Request request);
  Co<bool> should_reclaim_retry(Request request, unsigned alloc_flags, bool progress, int& loops);
  [[noreturn]] void out_of_memory(const Request& request);

  // vmscan.cpp
  Co<bool> throttle_direct_reclaim(Request request);
  Co<Pages> try_to_free_pages(Request request);
  Co<> do_try_to_free_pages(Node& first, ScanControl& sc);
  Co<> shrink_node(Node& node, ScanControl& sc);
  Co<> shrink_batch(Node& node, ScanControl& sc, Scan& scan, Pages batch);
  Co<> after_scan(Node& node, ScanControl& sc, const Scan& scan);
  Co<> reclaim_throttle(Node& node, Throttle reason);
  [[nodiscard]] static bool skip_throttle_noprogress(const Node& node);
  Co<> wakeup_flusher(Node& node);

  // kswapd.cpp
  Co<> wake_all_kswapds(Request request);
  [[nodiscard]] static bool allow_direct_reclaim(const Node& node);
  Co<> kswapd_loop(Node& node, Task& self);
  Co<unsigned> balance_pgdat(Node& node, unsigned order);
  Co<> kswapd_try_to_sleep(Node& node, unsigned reclaim_order);
  Co<bool> prepare_kswapd_sleep(Node& node, unsigned order);
  static Co<int> kswapd(kthread::Kthreads& kthreads, Task& self, void* data);
  struct Kswapd {
    Memory* memory = nullptr;
    Node* node = nullptr;
  };

  kthread::Kthreads& kthreads_;
  sched::Scheduler& scheduler_;
  timers::Timers& timers_;
  cpu::Machine& machine_;
  locking::Waits& waits_;
  std::deque<Node> nodes_;
  std::deque<Kswapd> kswapds_;
  std::uint64_t hog_generation_ = 0;
};

}  // namespace kt::mm
