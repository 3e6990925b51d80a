// The queued entities of one fair run queue, ordered by virtual deadline, equal deadlines first in,
// first out, with the least vruntime of every subtree kept in its root. Insert and erase are O(log
// n) expected; nothing allocates. A treap: its priorities come from a counter, so the same calls
// give the same shape, and no answer depends on the shape. Keys (deadline, vruntime) must not
// change inside. kernel/sched/fair.c: __enqueue_entity, __dequeue_entity (there an augmented
// red-black tree)
#pragma once

#include <cstdint>

#include "models/sched/entity.hpp"

namespace kt::sched {

class DeadlineTree {
 public:
  /// Puts se in behind all entities of the same deadline. It must be in no tree.
  void insert(Entity& se);
  /// Takes se out. It must be in this tree.
  void erase(Entity& se);

  [[nodiscard]] bool empty() const { return root_ == nullptr; }
  [[nodiscard]] Entity* root() const { return root_; }
  /// The earliest deadline, or null.
  [[nodiscard]] Entity* first() const { return leftmost_; }
  /// The entity after se in deadline order, or null. O(log n).
  [[nodiscard]] static Entity* next(Entity& se);

 private:
  void rotate_up(Entity& child);
  void replace_child(Entity* parent, Entity& old_child, Entity* new_child);

  Entity* root_ = nullptr;
  Entity* leftmost_ = nullptr;
  std::uint32_t sequence_ = 0;
};

}  // namespace kt::sched
