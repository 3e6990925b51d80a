// Memory for coroutine frames: free lists by size class, filled from blocks that are given back
// together when the pool dies. One pool a machine; not thread safe. A frame remembers its pool, so
// that it can be freed from anywhere.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace sim {

class FramePool {
 public:
  FramePool() = default;
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  /// Memory for `size` bytes, aligned as operator new aligns. Give it back with free().
  void* allocate(std::size_t size);
  static void free(void* memory);

  /// Bytes in frames that are in use now, headers included.
  [[nodiscard]] std::size_t in_use() const { return in_use_; }

 private:
  static constexpr std::size_t kGranule = 32;
  static constexpr std::size_t kClasses = 64;  // larger frames go to the heap
  static constexpr std::size_t kBlock = 64 * 1024;
  struct alignas(std::max_align_t) Header {
    FramePool* pool;
    std::size_t size_class;
  };
  struct Free {
    Free* next;
  };
  Header* carve(std::size_t size_class);

  std::array<Free*, kClasses> free_{};
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::byte* fresh_ = nullptr;
  std::size_t fresh_left_ = 0;
  std::size_t in_use_ = 0;
};

}  // namespace sim
