#include "models/sched/deadline_tree.hpp"

#include "models/sched/virtual_time.hpp"

namespace kt::sched {

namespace {

// A mixing permutation of 32 bits: distinct sequence numbers get distinct priorities.
std::uint32_t mixed(std::uint32_t x) {
  x ^= x >> 16;
  x *= 0x7feb352dU;
  x ^= x >> 15;
  x *= 0x846ca68bU;
  return x ^ (x >> 16);
}

std::uint64_t min_vruntime_of(const Entity& se) {
  std::uint64_t least = se.vruntime;
  if (se.left != nullptr && before(se.left->min_vruntime, least)) least = se.left->min_vruntime;
  if (se.right != nullptr && before(se.right->min_vruntime, least)) least = se.right->min_vruntime;
  return least;
}

}  // namespace

void DeadlineTree::replace_child(Entity* parent, Entity& old_child, Entity* new_child) {
  if (parent == nullptr) {
    root_ = new_child;
  } else if (parent->left == &old_child) {
    parent->left = new_child;
  } else {
    parent->right = new_child;
  }
  if (new_child != nullptr) new_child->parent = parent;
}

void DeadlineTree::rotate_up(Entity& child) {
  Entity& parent = *child.parent;
  Entity* moved = nullptr;
  replace_child(parent.parent, parent, &child);
  if (parent.left == &child) {
    moved = child.right;
    parent.left = moved;
    child.right = &parent;
  } else {
    moved = child.left;
    parent.right = moved;
    child.left = &parent;
  }
  if (moved != nullptr) moved->parent = &parent;
  parent.parent = &child;
  child.min_vruntime = parent.min_vruntime;
  parent.min_vruntime = min_vruntime_of(parent);
}

void DeadlineTree::insert(Entity& se) {
  se.left = nullptr;
  se.right = nullptr;
  se.min_vruntime = se.vruntime;
  se.heap_priority = mixed(++sequence_);

  Entity* parent = nullptr;
  Entity** link = &root_;
  bool leftmost = true;
  while (*link != nullptr) {
    parent = *link;
    if (before(se.vruntime, parent->min_vruntime)) parent->min_vruntime = se.vruntime;
    if (before(se.deadline, parent->deadline)) {
      link = &parent->left;
    } else {
      link = &parent->right;
      leftmost = false;
    }
  }
  se.parent = parent;
  *link = &se;
  if (leftmost) leftmost_ = &se;

  while (se.parent != nullptr && se.parent->heap_priority < se.heap_priority) rotate_up(se);
}

void DeadlineTree::erase(Entity& se) {
  if (leftmost_ == &se) leftmost_ = next(se);
  while (se.left != nullptr && se.right != nullptr) {
    rotate_up(se.left->heap_priority > se.right->heap_priority ? *se.left : *se.right);
  }
  Entity* ancestor = se.parent;
  replace_child(ancestor, se, se.left != nullptr ? se.left : se.right);
  while (ancestor != nullptr) {
    const std::uint64_t least = min_vruntime_of(*ancestor);
    if (least == ancestor->min_vruntime) break;
    ancestor->min_vruntime = least;
    ancestor = ancestor->parent;
  }
}

Entity* DeadlineTree::next(Entity& se) {
  Entity* node = &se;
  if (node->right != nullptr) {
    node = node->right;
    while (node->left != nullptr) node = node->left;
    return node;
  }
  while (node->parent != nullptr && node->parent->right == node) node = node->parent;
  return node->parent;
}

}  // namespace kt::sched
