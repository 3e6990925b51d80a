// The allocator: mm/page_alloc.c.
#include "models/mm/memory.hpp"

namespace kt::mm {

namespace {

// mm/internal.h: ALLOC_*
constexpr unsigned kAllocWmarkMin = 0;
constexpr unsigned kAllocWmarkLow = 1;
constexpr unsigned kAllocWmarkHigh = 2;
constexpr unsigned kAllocNoWatermarks = 4;
constexpr unsigned kAllocWmarkMask = kAllocNoWatermarks - 1;
constexpr unsigned kAllocNonBlock = 0x10;
constexpr unsigned kAllocMinReserve = 0x20;
constexpr unsigned kAllocOom = 0x8;

Pages mark_of(const Node& node, unsigned alloc_flags) {
  switch (alloc_flags & kAllocWmarkMask) {
    case kAllocWmarkLow:
      return node.marks.low;
    case kAllocWmarkHigh:
      return node.marks.high;
    default:
      return node.marks.min;
  }
}

}  // namespace

// mm/page_alloc.c: __zone_watermark_ok: __GFP_HIGH may take half of what is below the mark, and a
// quarter of the other half too if it cannot block; who is to die half of what is left then.
bool Memory::watermark_ok(const Node& node, const Request& request, unsigned alloc_flags,
                          Pages available) {
  if (available < request.pages) return false;
  if ((alloc_flags & kAllocNoWatermarks) != 0) return true;
  Pages min = mark_of(node, alloc_flags);
  if ((alloc_flags & kAllocMinReserve) != 0) {
    min -= min / 2;
    if ((alloc_flags & kAllocNonBlock) != 0) min -= min / 4;
  }
  if ((alloc_flags & kAllocOom) != 0) min -= min / 2;
  return available - (request.pages - 1) > min;
}

// The first node in the order of distance that may give.
Node* Memory::get_page_from_freelist(const Request& request, unsigned alloc_flags) {
  for (Node* node : request.preferred->zonelist) {
    if ((request.gfp & kGfpThisnode) != 0 && node != request.preferred) break;
    if (!watermark_ok(*node, request, alloc_flags, node->free)) continue;
    node->free -= request.pages;
    ++node->stats.allocations;
    note_counters();
    return node;
  }
  return nullptr;
}

unsigned Memory::gfp_to_alloc_flags(const Request& request) {
  unsigned flags = kAllocWmarkMin;
  if ((request.gfp & kGfpHigh) != 0) flags |= kAllocMinReserve;
  if ((request.gfp & kGfpDirectReclaim) == 0) {
    flags |= kAllocNonBlock;
  } else if (scheduler_.current().sched_class == sched::Class::kRt) {
    flags |= kAllocMinReserve;
  }
  return flags;
}

// mm/page_alloc.c: __gfp_pfmemalloc_flags
bool Memory::pfmemalloc_allowed() {
  const cpu::Cpu& cpu = machine_.this_cpu();
  if (cpu.in_hardirq() || (cpu.in_interrupt() && !cpu.serving_softirq())) return false;
  return (scheduler_.current().flags & sched::kPfMemalloc) != 0;
}

Co<bool> Memory::alloc(std::uint64_t bytes, Gfp gfp, int node) {
  co_await machine_.run(machine_.costs().alloc_pages);
  const unsigned order = get_order(bytes);
  const Request request{gfp & gfp_allowed_mask_, order, Pages{1} << order,
                        node >= 0 ? &nodes_[static_cast<std::size_t>(node)] : &local_node()};
  const auto subject = static_cast<std::uint32_t>(scheduler_.current().pid);
  const bool denied = sim::choose(machine_.chooser, sim::Question::kAllocation, 2, subject) != 0;
  Node* from = nullptr;
  if (!denied && order <= kMaxPageOrder) from = co_await alloc_pages(request);
  if (from == nullptr) {
    ++request.preferred->stats.failures;
    co_return false;
  }
  from->allocated += request.pages;
  const Task& current = scheduler_.current();
  if (current.is_user() && !machine_.this_cpu().in_interrupt()) {
    held(current, from->id) += request.pages;
  }
  co_return true;
}

// mm/page_alloc.c: __alloc_pages
Co<Node*> Memory::alloc_pages(Request request) {
  Node* node = get_page_from_freelist(request, kAllocWmarkLow);
  if (node == nullptr) node = co_await alloc_slowpath(request);
  co_return node;
}

Co<Node*> Memory::alloc_slowpath(Request request) {
  const unsigned alloc_flags = gfp_to_alloc_flags(request);
  co_await machine_.run(machine_.costs().alloc_slowpath);
  if ((request.gfp & kGfpKswapdReclaim) != 0) co_await wake_all_kswapds(request);
  Node* node = get_page_from_freelist(request, alloc_flags);
  if (node != nullptr) co_return node;
  // Direct compaction comes first here; it is skipped when memory is short, and a costly block that
  // must not be retried for is then given up.
  const bool costly = request.order > kCostlyOrder;
  if (costly && (request.gfp & kGfpNoretry) != 0 && !pfmemalloc_allowed()) co_return nullptr;
  co_return co_await retry_loop(request, alloc_flags);
}

Co<Node*> Memory::retry_loop(Request request, unsigned alloc_flags) {
  const bool costly = request.order > kCostlyOrder;
  const bool may_fail = (request.gfp & kGfpRetryMayfail) != 0;
  int no_progress_loops = 0;
  for (;;) {
    co_await machine_.run(machine_.costs().alloc_slowpath);
    if ((request.gfp & kGfpKswapdReclaim) != 0) co_await wake_all_kswapds(request);
    if (pfmemalloc_allowed()) {
      alloc_flags |= kAllocNoWatermarks;
    } else if (victim_of(scheduler_.current()) != nullptr) {
      alloc_flags |= kAllocOom;
    }
    Node* node = get_page_from_freelist(request, alloc_flags);
    if (node != nullptr) co_return node;
    if ((request.gfp & kGfpDirectReclaim) == 0) co_return nullptr;
    if ((scheduler_.current().flags & sched::kPfMemalloc) != 0) co_return nullptr;

    const Pages progress = co_await direct_reclaim(request);
    if (progress > 0) node = get_page_from_freelist(request, alloc_flags);
    if (node != nullptr) co_return node;
    if ((request.gfp & kGfpNoretry) != 0) co_return nullptr;
    if (costly && !may_fail) co_return nullptr;
    const bool retry =
        co_await should_reclaim_retry(request, alloc_flags, progress > 0, no_progress_loops);
    if (retry) continue;

    bool killed = false;
    node = co_await may_oom(request, killed);
    if (node != nullptr) co_return node;
    if ((alloc_flags & kAllocOom) != 0 || !killed) co_return nullptr;
    no_progress_loops = 0;
  }
}

// mm/page_alloc.c: __alloc_pages_may_oom. One at a time; somebody may have freed a lot meanwhile.
Co<Node*> Memory::may_oom(Request request, bool& progress) {
  if (oom_lock_) {
    progress = true;
    co_await timers_.schedule_timeout_uninterruptible(1);
    co_return nullptr;
  }
  Node* node = get_page_from_freelist(request, kAllocWmarkHigh);
  if (node != nullptr) co_return node;
  const bool may_fail = (request.gfp & (kGfpRetryMayfail | kGfpThisnode)) != 0;
  if (request.order > kCostlyOrder || may_fail) co_return nullptr;
  if ((gfp_allowed_mask_ & kGfpIo) == 0) co_return nullptr;  // pm_suspended_storage()
  oom_lock_ = true;
  progress = co_await out_of_memory(request);
  oom_lock_ = false;
  if (oom_lock_wait_.head != nullptr) {
    co_await waits_.wake_up(oom_lock_wait_, sched::kTaskNormal, 1);
  }
  co_return nullptr;
}

// mm/page_alloc.c: __perform_reclaim
Co<Pages> Memory::direct_reclaim(Request request) {
  Task& current = scheduler_.current();
  const Time start = machine_.now();
  co_await scheduler_.cond_resched();
  current.flags |= sched::kPfMemalloc;
  const Pages reclaimed = co_await try_to_free_pages(request);
  current.flags &= ~std::uint32_t{sched::kPfMemalloc};
  co_await scheduler_.cond_resched();
  NodeStats& stats = request.preferred->stats;
  ++stats.direct_reclaims;
  stats.direct_time += machine_.now() - start;
  co_return reclaimed;
}

// False: out of memory, unless somebody else frees some.
Co<bool> Memory::should_reclaim_retry(Request request, unsigned alloc_flags, bool progress,
                                      int& loops) {
  loops = progress && request.order <= kCostlyOrder ? 0 : loops + 1;
  if (loops > kMaxReclaimRetries) co_return false;
  bool worthwhile = false;
  for (const Node* node : request.preferred->zonelist) {
    const Pages available = node->reclaimable() + node->free;
    worthwhile = worthwhile || watermark_ok(*node, request, alloc_flags, available);
  }
  // A worker must sleep here, or its pool would not see that it is stuck.
  if ((scheduler_.current().flags & sched::kPfWqWorker) != 0) {
    co_await timers_.schedule_timeout_uninterruptible(1);
  } else {
    co_await scheduler_.cond_resched();
  }
  co_return worthwhile;
}

}  // namespace kt::mm
