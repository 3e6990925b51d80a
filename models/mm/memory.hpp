// The page allocator and reclaim (mm/page_alloc.c, mm/vmscan.c): nodes with free pages, page cache
// and watermarks; allocations that take, wake kswapd, reclaim directly or fail; kswapd; throttling
// of reclaimers that find only pages under writeback; the OOM killer (mm/oom_kill.c). Pages have no
// addresses: only how many there are, where, and how many of them a user task has, is known.
//
// Whoever allocates runs in a task unless its flags forbid to sleep. The page cache is one list for
// each node: reclaim meets clean pages first, then those under writeback, then the dirty ones (the
// kernel rotates what it cannot free to the other end).
#pragma once

#include <deque>
#include <utility>

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

/// Somebody that the OOM killer has killed.
struct OomVictim {
  Task* task = nullptr;
  Time at = 0;
  Pages pages = 0;    ///< what it had
  bool skip = false;  ///< MMF_OOM_SKIP: there is nothing left to get from it
  timers::KernelTimer reaper_timer;
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
  /// anywhere; with it, small blocks are had at last, or somebody is killed for them. If nobody can
  /// be killed the machine is out of memory: sim::Defect. mm/page_alloc.c: __alloc_pages
  Co<bool> alloc(std::uint64_t bytes, Gfp gfp, int node);
  /// Gives back what alloc() took: to `node`, or (-1) to the nearest nodes that gave out so much.
  /// False, and no effect: more than was taken.
  Co<bool> free(std::uint64_t bytes, int node);

  /// What a hog outside the scenario does: gives back what it holds, then takes at once all that is
  /// free above the low or the min watermark of every node. What is freed later is free for all.
  /// Gives it back `duration` ns later (sim::kNever: not by itself).
  void pressure(Level level, Time duration);

  /// `pages` more of dirty page cache, preferably on the node: on which node they are, or -1: no
  /// memory. In a task. mm/filemap.c: __filemap_get_folio, mm/page-writeback.c: folio_mark_dirty
  Co<int> grow_page_cache(Pages pages, int node);

  /// The kswapd threads, in the order of the nodes, asleep since boot (empty: none).
  void set_kswapds(const std::vector<Task*>& threads);
  /// The thread oom_reaper, asleep since boot. Without it a victim's memory comes back when it ends.
  void set_oom_reaper(Task& thread);
  /// Who was killed, in order.
  [[nodiscard]] const std::deque<OomVictim>& oom_victims() const { return oom_victims_; }

  /// Nobody is killed from now on, and allocations fail that would have to; waits until those that
  /// were killed have exited. False, and it is as before: `timeout` jiffies have passed, or a
  /// signal came. mm/oom_kill.c: oom_killer_disable
  Co<bool> oom_killer_disable(timers::Jiffies timeout);
  /// mm/oom_kill.c: oom_killer_enable
  void oom_killer_enable() { oom_killer_disabled_ = false; }
  /// Victims that have not exited.
  [[nodiscard]] int oom_victims_alive() const { return nr_oom_victims_; }
  /// While devices sleep no allocation waits for them; kernel/power/main.c: pm_restrict_gfp_mask.
  void pm_restrict_gfp_mask() { gfp_allowed_mask_ = ~(kGfpIo | kGfpFs); }
  void pm_restore_gfp_mask() { gfp_allowed_mask_ = ~Gfp{0}; }

  /// Whether the counters that this CPU keeps of its own have changed since the last call
  /// (per_cpu_zonestat).
  [[nodiscard]] bool take_counters_changed(int cpu) {
    return std::exchange(counters_changed_[static_cast<std::size_t>(cpu)], std::uint8_t{0}) != 0;
  }

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
  void note_counters() {
    counters_changed_[static_cast<std::size_t>(machine_.this_cpu().id())] = 1;
  }
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
  Co<Node*> may_oom(Request request, bool& progress);

  // oom_kill.cpp
  [[nodiscard]] Pages& held(const Task& p, int node);
  [[nodiscard]] Pages held(const Task& p);
  Co<> exit_mmap(Task& p);
  Co<> exit_mm(Task& p);
  static Co<> exit_mm(void* self, Task& p);
  [[nodiscard]] OomVictim* victim_of(const Task& p);
  Co<bool> out_of_memory(Request request);
  [[nodiscard]] Task* select_bad_process(bool& aborted);
  Co<> oom_kill_process(Task& p);
  Co<> mark_oom_victim(Task& p);
  static Co<> wake_oom_reaper(timers::Timers& timers, timers::KernelTimer& timer);
  static Co<int> oom_reaper(kthread::Kthreads& kthreads, Task& self, void* memory);

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
  std::vector<std::uint8_t> counters_changed_;  // of each CPU
  std::vector<Pages> held_;             // of user tasks: by PID, then by node
  Gfp gfp_allowed_mask_ = ~Gfp{0};
  bool oom_lock_ = false;
  bool oom_killer_disabled_ = false;
  int nr_oom_victims_ = 0;
  locking::WaitQueue oom_lock_wait_;  // who does not only try
  locking::WaitQueue oom_victims_wait_;
  std::deque<OomVictim> oom_victims_;
  std::deque<OomVictim*> oom_reaper_list_;
  Task* oom_reaper_ = nullptr;
  std::uint32_t oom_timer_name_ = 0;
};

}  // namespace kt::mm
