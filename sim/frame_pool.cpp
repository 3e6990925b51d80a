#include "sim/frame_pool.hpp"

#include <new>

namespace sim {

void* FramePool::allocate(std::size_t size) {
  const std::size_t total = size + sizeof(Header);
  const std::size_t size_class = (total + kGranule - 1) / kGranule;
  in_use_ += size_class * kGranule;
  Header* header = nullptr;
  if (size_class >= kClasses) {
    header = static_cast<Header*>(::operator new(size_class * kGranule));
  } else if (Free* recycled = free_[size_class]; recycled != nullptr) {
    free_[size_class] = recycled->next;
    header = reinterpret_cast<Header*>(recycled);
  } else {
    header = carve(size_class);
  }
  header->pool = this;
  header->size_class = size_class;
  return header + 1;
}

void FramePool::free(void* memory) {
  Header* header = static_cast<Header*>(memory) - 1;
  FramePool* pool = header->pool;
  const std::size_t size_class = header->size_class;
  pool->in_use_ -= size_class * kGranule;
  if (size_class >= kClasses) {
    ::operator delete(header);
    return;
  }
  Free* recycled = reinterpret_cast<Free*>(header);
  recycled->next = pool->free_[size_class];
  pool->free_[size_class] = recycled;
}

FramePool::Header* FramePool::carve(std::size_t size_class) {
  const std::size_t bytes = size_class * kGranule;
  if (fresh_left_ < bytes) {
    blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(kBlock));
    fresh_ = blocks_.back().get();
    fresh_left_ = kBlock;
  }
  auto* header = reinterpret_cast<Header*>(fresh_);
  fresh_ += bytes;
  fresh_left_ -= bytes;
  return header;
}

}  // namespace sim
