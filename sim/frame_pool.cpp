#include "sim/frame_pool.hpp"

#include <cstdint>
#include <new>

namespace sim {

void FramePool::BlockDeleter::operator()(BlockHeader* block) const {
  ::operator delete(block, std::align_val_t{kBlock});
}

void* FramePool::allocate(std::size_t size) {
  const std::size_t size_class = class_of(size);
  if (size_class >= kClasses) return ::operator new(size);
  in_use_ += size_class * kGranule;
  if (Free* recycled = free_[size_class]; recycled != nullptr) {
    free_[size_class] = recycled->next;
    return recycled;
  }
  return carve(size_class * kGranule);
}

void FramePool::free(void* memory, std::size_t size) {
  const std::size_t size_class = class_of(size);
  if (size_class >= kClasses) {
    ::operator delete(memory);
    return;
  }
  const auto block = reinterpret_cast<std::uintptr_t>(memory) & ~(std::uintptr_t{kBlock} - 1);
  FramePool* pool = reinterpret_cast<BlockHeader*>(block)->pool;
  pool->in_use_ -= size_class * kGranule;
  Free* recycled = static_cast<Free*>(memory);
  recycled->next = pool->free_[size_class];
  pool->free_[size_class] = recycled;
}

void* FramePool::carve(std::size_t bytes) {
  if (fresh_left_ < bytes) {
    auto* block = static_cast<BlockHeader*>(::operator new(kBlock, std::align_val_t{kBlock}));
    block->pool = this;
    blocks_.emplace_back(block);
    fresh_ = reinterpret_cast<std::byte*>(block + 1);
    fresh_left_ = kBlock - sizeof(BlockHeader);
  }
  void* memory = fresh_;
  fresh_ += bytes;
  fresh_left_ -= bytes;
  return memory;
}

}  // namespace sim
