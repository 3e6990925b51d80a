// Memory for coroutine frames: free lists by size class, filled from blocks that are given back
// together when the pool dies. One pool a machine; not thread safe. A block knows its pool and is
// aligned to its size, so that a frame needs no header and can be freed from anywhere.
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
  /// `size` as it was asked for.
  static void free(void* memory, std::size_t size);

  /// Bytes in frames that are in use now; frames beyond the largest class are not counted.
  [[nodiscard]] std::size_t in_use() const { return in_use_; }

 private:
  static constexpr std::size_t kGranule = 16;
  static constexpr std::size_t kClasses = 256;  // larger frames go to the heap
  static constexpr std::size_t kBlock = 64 * 1024;
  struct alignas(std::max_align_t) BlockHeader {
    FramePool* pool;
  };
  struct BlockDeleter {
    void operator()(BlockHeader* block) const;
  };
  struct Free {
    Free* next;
  };
  static std::size_t class_of(std::size_t size) { return (size + kGranule - 1) / kGranule; }
  void* carve(std::size_t bytes);

  std::array<Free*, kClasses> free_{};
  std::vector<std::unique_ptr<BlockHeader, BlockDeleter>> blocks_;
  std::byte* fresh_ = nullptr;
  std::size_t fresh_left_ = 0;
  std::size_t in_use_ = 0;
};

}  // namespace sim
