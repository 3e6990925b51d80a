// Memory whose contents can be put back: everything that is allocated while an arena is in use lies
// in it, and rewind() restores all of it to how it was at keep(). That is how an exploration runs
// one machine a million times: build it once, keep, run, look, rewind. No destructor runs for what
// rewind() takes back; who rewinds must hold no pointer to what was made since.
//
// The pages that a run has written are found by write protection, the first time that each is
// written; from then on they are copied back at every rewind, untold. So a rewind costs as much as
// a run changes, and nothing of the machine has to know how to be reset.
//
// What a rewind costs is pages, so what runs change should lie together. Which allocations that are
// shows when the same is built a second time: look() remembers them by their number, and an arena
// that is told them puts them side by side.
//
// Which arena is in use is a property of the process, as the allocator is (operator new asks it).
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace sim {

class Arena {
 public:
  static constexpr std::size_t kCapacity = std::size_t{4} << 30;
  /// Allocations before keep(), by their number.
  using Numbers = std::vector<bool>;
  /// Reserves `capacity` bytes of addresses; memory is taken as it is used. `together`: which
  /// allocations are to lie side by side. Throws std::bad_alloc.
  explicit Arena(std::size_t capacity = kCapacity, Numbers together = {});
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// While one lives, new allocates in the arena; null: on the heap, as usual.
  class Use {
   public:
    explicit Use(Arena* arena);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    Arena* before_;
  };

  /// From here on rewind() comes back to this moment. Once.
  void keep();
  void rewind();

  /// Notes which allocations are not as they were at keep().
  void look();
  [[nodiscard]] const Numbers& seen_changed() const { return seen_changed_; }

  /// A later moment: what was changed by then.
  struct Mark {
    std::vector<std::byte> pages;
    std::vector<std::byte> behind;  ///< what was allocated since keep(), behind all that was kept
  };
  void save(Mark& mark) const;
  /// Comes back to the moment at which the mark was saved, from any later or earlier one.
  void rewind_to(const Mark& mark);

  [[nodiscard]] bool contains(const void* memory) const {
    return memory >= begin_ && memory < begin_ + capacity_;
  }
  /// Bytes in use at keep(), and how much of that runs have changed so far.
  [[nodiscard]] std::size_t kept() const { return image_.size(); }
  [[nodiscard]] std::size_t changed() const { return changed_.size() * kPage; }

  void* allocate(std::size_t size, std::size_t alignment);
  void free(void* memory);

  /// The first write to a protected page: from the signal handler. False if it is none of ours.
  bool written(void* address);

 private:
  static constexpr std::size_t kTogether = std::size_t{256} << 10;  // for what lies side by side
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kClasses = 64;
  struct Free {
    Free* next;
  };
  // What the allocator knows lies in the arena itself, so that it is put back too.
  struct Head {
    std::byte* together;
    std::byte* fresh;
    Free* free[kClasses];
  };
  struct Tag;  // in front of each allocation
  struct Made {
    std::byte* memory;
    std::size_t size;
  };
  [[nodiscard]] bool lies_together(std::size_t size, std::size_t alignment) const;
  void remember(std::byte* memory, std::size_t size);

  std::byte* begin_ = nullptr;
  std::size_t capacity_;
  Head* head_ = nullptr;
  Numbers together_;
  Numbers seen_changed_;
  std::vector<Made> made_;              // before keep()
  std::vector<std::byte> image_;        // all of it, at keep()
  std::vector<std::uint32_t> changed_;  // pages that a run has written, in order of discovery
};

}  // namespace sim
