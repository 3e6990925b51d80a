// Set-up, freeing, the hog of memory_pressure, and the memory of threads.
#include "models/mm/memory.hpp"

#include <algorithm>
#include <cerrno>

#include "sim/error.hpp"

namespace kt::mm {

namespace {

// kernel/fork.c: dup_task_struct: 16 KiB of stack in single pages (CONFIG_VMAP_STACK), and struct
// task_struct, about 10 KiB of a slab.
constexpr Pages kThreadPages = 4 + 3;

}  // namespace

Memory::Memory(kthread::Kthreads& kthreads, locking::Waits& waits,
               const std::vector<NodeConfig>& nodes)
    : kthreads_(kthreads),
      scheduler_(kthreads.scheduler()),
      timers_(kthreads.timers()),
      machine_(scheduler_.machine()),
      waits_(waits) {
  Pages total = 0;
  for (const NodeConfig& node : nodes) total += node.memory / kPageSize;
  sim::NameTable& names = machine_.trace().names();
  for (const NodeConfig& config : nodes) {
    Node& node = nodes_.emplace_back();
    node.id = static_cast<int>(nodes_.size()) - 1;
    node.managed = config.memory / kPageSize;
    node.free = config.free / kPageSize;
    node.dirty = config.dirty / kPageSize;
    node.clean = config.cache / kPageSize - node.dirty;
    node.marks = watermarks(node.managed, total);
    node.kswapd_wait.name = names.intern("kswapd_wait");
    node.pfmemalloc_wait.name = names.intern("pfmemalloc_wait");
    node.writeback_wait.name = node.noprogress_wait.name = names.intern("reclaim_wait");
  }
  KT_ASSERT(nr_nodes() == machine_.topology().nr_nodes(), "{} nodes of memory on {} nodes",
            nr_nodes(), machine_.topology().nr_nodes());
  build_zonelists();
  counters_changed_.resize(static_cast<std::size_t>(machine_.nr_cpus()));
  oom_timer_name_ = names.intern("wake_oom_reaper");
  oom_lock_wait_.name = names.intern("oom_lock");
  oom_victims_wait_.name = names.intern("oom_victims_wait");
  kthreads.thread_memory = {this, &allocate_thread, &release_thread, &exit_mm};
}

// mm/page_alloc.c: build_zonelists, find_next_best_node: nearest first; of the equally near ones
// those that follow the node before those that precede it.
void Memory::build_zonelists() {
  const cpu::Topology& topology = machine_.topology();
  for (Node& node : nodes_) {
    for (int i = 0; i < nr_nodes(); ++i) {
      const int id = (node.id + i) % nr_nodes();
      node.zonelist.push_back(&nodes_[static_cast<std::size_t>(id)]);
    }
    std::stable_sort(node.zonelist.begin() + 1, node.zonelist.end(),
                     [&](const Node* a, const Node* b) {
                       return topology.distance(node.id, a->id) < topology.distance(node.id, b->id);
                     });
  }
}

Node& Memory::local_node() {
  const int node = machine_.topology().node_of(machine_.this_cpu().id());
  return nodes_[static_cast<std::size_t>(node)];
}

Co<bool> Memory::free(std::uint64_t bytes, int id) {
  co_await machine_.run(machine_.costs().free_pages);
  Pages left = Pages{1} << get_order(bytes);
  const bool anywhere = id < 0;
  Node& first = anywhere ? local_node() : nodes_[static_cast<std::size_t>(id)];
  Pages taken = 0;
  for (const Node* node : first.zonelist) {
    if (anywhere || node == &first) taken += node->allocated;
  }
  if (taken < left) co_return false;
  const Task& current = scheduler_.current();
  for (Node* node : first.zonelist) {
    const Pages pages = std::min(left, node->allocated);
    node->allocated -= pages;
    node->free += pages;
    left -= pages;
    if (current.is_user()) {
      Pages& own = held(current, node->id);
      own -= std::min(own, pages);
    }
    if (left == 0) break;
  }
  note_counters();
  co_return true;
}

Co<int> Memory::grow_page_cache(Pages pages, int id) {
  const Request request{kGfpKernel, 0, pages,
                        id >= 0 ? &nodes_[static_cast<std::size_t>(id)] : &local_node()};
  Node* node = co_await alloc_pages(request);
  if (node == nullptr) co_return -1;
  node->dirty += pages;
  co_return node->id;
}

void Memory::release_hog() {
  for (Node& node : nodes_) node.free += std::exchange(node.hogged, 0);
}

void Memory::pressure(Level level, Time duration) {
  release_hog();
  ++hog_generation_;
  if (level == Level::kNone) return;
  for (Node& node : nodes_) {
    const Pages mark = level == Level::kLow ? node.marks.low : node.marks.min;
    if (node.free <= mark) continue;
    node.hogged = node.free - mark;
    node.free = mark;
  }
  if (duration == sim::kNever) return;
  machine_.calendar().at(machine_.now() + duration, &hog_ends, this, hog_generation_);
}

void Memory::hog_ends(void* self, std::uint64_t generation) {
  Memory& memory = *static_cast<Memory*>(self);
  if (memory.hog_generation_ == generation) memory.release_hog();
}

// The node that has given, or -ENOMEM. What it costs while memory is plentiful is in the fork.
Co<int> Memory::allocate_thread(void* self, kthread::Kthreads&) {
  Memory& memory = *static_cast<Memory*>(self);
  const Request request{kGfpKernel, 0, kThreadPages, &memory.local_node()};
  const Node* node = co_await memory.alloc_pages(request);
  if (node == nullptr) ++request.preferred->stats.failures;
  co_return node != nullptr ? node->id : -ENOMEM;
}

void Memory::release_thread(void* self, int node) {
  static_cast<Memory*>(self)->nodes_[static_cast<std::size_t>(node)].free += kThreadPages;
}

}  // namespace kt::mm
