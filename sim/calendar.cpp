#include "sim/calendar.hpp"

#include <algorithm>

#include "sim/error.hpp"

namespace sim {

EventId Calendar::at(Time when, Action action, void* object, std::uint64_t argument) {
  KT_ASSERT(when >= now_, "event armed in the past: {} < {}", when, now_);
  std::uint32_t index = free_;
  if (index == UINT32_MAX) {
    index = static_cast<std::uint32_t>(slots_.size());
    KT_ASSERT(index < kSlotMask, "more than {} pending events", kSlotMask);
    slots_.emplace_back();
  } else {
    free_ = static_cast<std::uint32_t>(slots_[index].argument);
  }
  const std::uint64_t sequence = next_sequence_++;
  slots_[index] = {action, object, argument, sequence};
  heap_.emplace_back();
  sift_up(heap_.size() - 1, {when, sequence << kSlotBits | index});
  if (when < next_hint_) next_hint_ = when;
  return {index, sequence};
}

bool Calendar::armed(EventId id) const {
  return id.slot < slots_.size() && slots_[id.slot].sequence == id.sequence &&
         slots_[id.slot].action != nullptr;
}

bool Calendar::cancel(EventId id) {
  if (!armed(id)) return false;
  slots_[id.slot].action = nullptr;
  ++cancelled_;
  if ((heap_[0].key & kSlotMask) == id.slot) {
    drop_cancelled_top();
  } else if (cancelled_ > 64 && cancelled_ > heap_.size() / 2) {
    compact();
  }
  return true;
}

Time Calendar::next_time() {
  return heap_.empty() ? kNever : heap_[0].time;
}

bool Calendar::step() {
  inline_run_ = 0;
  if (heap_.empty() || heap_[0].time > horizon_) return false;
  const Entry top = heap_[0];
  const auto index = static_cast<std::uint32_t>(top.key & kSlotMask);
  const Slot due = slots_[index];
  release(index);
  pop_top();
  drop_cancelled_top();
  now_ = top.time;
  ++dispatched_;
  due.action(due.object, due.argument);
  return true;
}

void Calendar::run_until(Time horizon) {
  set_horizon(horizon);
  while (!stopped_ && step()) {
  }
  if (!stopped_ && horizon != kNever) now_ = std::max(now_, horizon);
}

void Calendar::allow_inline(bool allowed) {
  inline_allowed_ = allowed;
  update_hint();
}

void Calendar::release(std::uint32_t slot) {
  slots_[slot].action = nullptr;
  slots_[slot].sequence = 0;
  slots_[slot].argument = free_;
  free_ = slot;
}

void Calendar::pop_top() {
  const Entry last = heap_.back();
  heap_.pop_back();
  if (!heap_.empty()) sift_down(0, last);
}

// Keeps the top of the heap live, so that next_time() is exact.
void Calendar::drop_cancelled_top() {
  while (!heap_.empty()) {
    const auto slot = static_cast<std::uint32_t>(heap_[0].key & kSlotMask);
    if (slots_[slot].action != nullptr) break;
    release(slot);
    --cancelled_;
    pop_top();
  }
  update_hint();
}

void Calendar::compact() {
  auto keep = heap_.begin();
  for (const Entry& entry : heap_) {
    const auto slot = static_cast<std::uint32_t>(entry.key & kSlotMask);
    if (slots_[slot].action != nullptr) {
      *keep++ = entry;
    } else {
      release(slot);
    }
  }
  heap_.erase(keep, heap_.end());
  cancelled_ = 0;
  if (heap_.size() > 1) {
    for (std::size_t i = (heap_.size() - 2) / 4 + 1; i-- > 0;) sift_down(i, heap_[i]);
  }
  update_hint();
}

void Calendar::sift_up(std::size_t position, Entry entry) {
  while (position > 0) {
    const std::size_t parent = (position - 1) / 4;
    if (!before(entry, heap_[parent])) break;
    heap_[position] = heap_[parent];
    position = parent;
  }
  heap_[position] = entry;
}

// The smallest of the up to four children that start at `first`. Which one it is cannot be
// predicted: the choice is arithmetic, since a mispredicted branch at each level would cost more
// than all comparisons together.
std::size_t Calendar::smallest_child(std::size_t first) const {
  const Entry* child = &heap_[first];
  const std::size_t count = heap_.size() - first;
  if (count >= 4) [[likely]] {
    const auto left = std::size_t{before(child[1], child[0])};
    const auto right = std::size_t{2} + std::size_t{before(child[3], child[2])};
    return first + left + (right - left) * std::size_t{before(child[right], child[left])};
  }
  std::size_t best = 0;
  for (std::size_t i = 1; i < count; ++i) {
    if (before(child[i], child[best])) best = i;
  }
  return first + best;
}

void Calendar::sift_down(std::size_t position, Entry entry) {
  const std::size_t size = heap_.size();
  for (std::size_t first = 1 + position * 4; first < size; first = 1 + position * 4) {
    const std::size_t best = smallest_child(first);
    if (!before(heap_[best], entry)) break;
    heap_[position] = heap_[best];
    position = best;
  }
  heap_[position] = entry;
}

}  // namespace sim
