#include "models/sched/rt_rq.hpp"

#include <bit>

#include "sim/error.hpp"

namespace kt::sched {

void RtRq::enqueue(Task& p, bool head) {
  KT_ASSERT(!p.rt.on_list, "pid {} queued twice", p.pid);
  const auto prio = static_cast<std::size_t>(p.prio);
  List& list = lists_[prio];
  p.rt.previous = head ? nullptr : list.tail;
  p.rt.next = head ? list.head : nullptr;
  (p.rt.previous != nullptr ? p.rt.previous->rt.next : list.head) = &p;
  (p.rt.next != nullptr ? p.rt.next->rt.previous : list.tail) = &p;
  p.rt.on_list = true;
  bitmap_[prio / 64] |= std::uint64_t{1} << prio % 64;
  ++nr_running_;
  rr_nr_running_ += p.policy == Policy::kRr ? 1 : 0;
}

void RtRq::dequeue(Task& p) {
  KT_ASSERT(p.rt.on_list, "pid {} is not queued", p.pid);
  const auto prio = static_cast<std::size_t>(p.prio);
  List& list = lists_[prio];
  (p.rt.previous != nullptr ? p.rt.previous->rt.next : list.head) = p.rt.next;
  (p.rt.next != nullptr ? p.rt.next->rt.previous : list.tail) = p.rt.previous;
  p.rt.on_list = false;
  if (list.head == nullptr) bitmap_[prio / 64] &= ~(std::uint64_t{1} << prio % 64);
  --nr_running_;
  rr_nr_running_ -= p.policy == Policy::kRr ? 1 : 0;
}

void RtRq::requeue(Task& p, bool head) {
  if (!p.rt.on_list) return;
  dequeue(p);
  enqueue(p, head);
}

int RtRq::next_prio(int from) const {
  auto word = static_cast<std::size_t>(from) / 64;
  if (word >= bitmap_.size()) return kMaxRtPrio;
  std::uint64_t bits = bitmap_[word] & (~std::uint64_t{0} << from % 64);
  while (bits == 0) {
    if (++word == bitmap_.size()) return kMaxRtPrio;
    bits = bitmap_[word];
  }
  return static_cast<int>(word * 64) + std::countr_zero(bits);
}

int RtRq::highest_prio() const { return next_prio(0); }

Task* RtRq::first() const {
  const int prio = highest_prio();
  return prio == kMaxRtPrio ? nullptr : lists_[static_cast<std::size_t>(prio)].head;
}

bool RtRq::alone_at_prio(const Task& p) const {
  const List& list = lists_[static_cast<std::size_t>(p.prio)];
  return list.head == list.tail;
}

Task* RtRq::pushable(int cpu) const {
  for (int prio = next_prio(0); prio < kMaxRtPrio; prio = next_prio(prio + 1)) {
    for (Task* p = lists_[static_cast<std::size_t>(prio)].head; p != nullptr; p = p->rt.next) {
      if (p->on_cpu || p->nr_cpus_allowed <= 1 || p->migration_disabled != 0) continue;
      if (cpu < 0 || p->cpus_ptr->test(cpu)) return p;
    }
  }
  return nullptr;
}

}  // namespace kt::sched
