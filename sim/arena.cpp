#include "sim/arena.hpp"

#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "sim/error.hpp"

namespace sim {

namespace {

Arena* in_use = nullptr;      // where new allocates
Arena* protecting = nullptr;  // whose pages may be write protected
struct sigaction before_us {};

void on_fault(int signal, siginfo_t* info, void* context) {
  if (protecting != nullptr && protecting->written(info->si_addr)) return;
  // Not ours: as if we had never been here.
  if ((before_us.sa_flags & SA_SIGINFO) != 0 && before_us.sa_sigaction != nullptr) {
    before_us.sa_sigaction(signal, info, context);
    return;
  }
  ::signal(signal, SIG_DFL);
}

// Sizes are rounded to multiples of 16 up to 512, then to powers of two.
constexpr std::size_t kGranule = 16;
constexpr std::size_t kFine = 512;

std::size_t class_of(std::size_t size) {
  if (size <= kFine) return (size + kGranule - 1) / kGranule;
  return kFine / kGranule + static_cast<std::size_t>(std::bit_width(size - 1)) - 9;
}

std::size_t size_of(std::size_t size_class) {
  if (size_class <= kFine / kGranule) return size_class * kGranule;
  return std::size_t{1} << (size_class - kFine / kGranule + 9);
}

}  // namespace

struct alignas(kGranule) Arena::Tag {
  std::uint32_t size_class;
  std::uint32_t once;  // over-aligned or exactly as large as wanted: not used again
};

Arena::Arena(std::size_t capacity, Numbers together)
    : capacity_(capacity), together_(std::move(together)) {
  void* memory = ::mmap(nullptr, capacity_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  begin_ = static_cast<std::byte*>(memory);
  head_ = new (begin_) Head{};
  head_->together = begin_ + (sizeof(Head) + kGranule - 1) / kGranule * kGranule;
  head_->fresh = together_.empty() ? head_->together : begin_ + kTogether;
}

Arena::~Arena() {
  if (protecting == this) {
    protecting = nullptr;
    ::sigaction(SIGSEGV, &before_us, nullptr);
  }
  ::munmap(begin_, capacity_);
}

Arena::Use::Use(Arena* arena) : before_(std::exchange(in_use, arena)) {}
Arena::Use::~Use() {
  in_use = before_;
}

bool Arena::lies_together(std::size_t size, std::size_t alignment) const {
  return made_.size() < together_.size() && together_[made_.size()] && size <= kPage &&
         head_->together + sizeof(Tag) + alignment + size <= begin_ + kTogether;
}

void Arena::remember(std::byte* memory, std::size_t size) {
  if (!image_.empty()) return;
  const Use heap(nullptr);
  made_.push_back({memory, size});
}

void* Arena::allocate(std::size_t size, std::size_t alignment) {
  const std::size_t size_class = class_of(size == 0 ? 1 : size);
  // What changes of something large is mostly its beginning: as few pages as that takes.
  if (image_.empty() && size > kPage) alignment = std::max(alignment, kPage);
  const bool aligned = alignment > kGranule;
  const bool together = lies_together(size, alignment);
  if (!aligned && !together) {
    if (Free* recycled = head_->free[size_class]; recycled != nullptr) {
      head_->free[size_class] = recycled->next;
      remember(reinterpret_cast<std::byte*>(recycled), size);
      return recycled;
    }
  }
  std::byte*& fresh = together ? head_->together : head_->fresh;
  std::byte* memory = fresh + sizeof(Tag);
  if (aligned) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    memory += (alignment - address % alignment) % alignment;
  }
  const bool once = aligned || together;
  const std::size_t exactly = (size + kGranule - 1) / kGranule * kGranule;
  std::byte* const end = memory + (once ? exactly : size_of(size_class));
  if (end > begin_ + capacity_) throw std::bad_alloc();
  fresh = end;
  new (memory - sizeof(Tag)) Tag{static_cast<std::uint32_t>(size_class), once ? 1U : 0U};
  remember(memory, size);
  return memory;
}

void Arena::free(void* memory) {
  const Tag& tag = *(reinterpret_cast<Tag*>(memory) - 1);
  if (tag.once != 0) return;
  Free* recycled = static_cast<Free*>(memory);
  recycled->next = head_->free[tag.size_class];
  head_->free[tag.size_class] = recycled;
}

void Arena::keep() {
  KT_ASSERT(image_.empty() && protecting == nullptr, "one arena is kept, once");
  const Use heap(nullptr);
  const auto used = static_cast<std::size_t>(head_->fresh - begin_);
  const std::size_t bytes = (used + kPage - 1) / kPage * kPage;
  // What is made from here on lies behind: a rewind need not put back what it held.
  head_->fresh = begin_ + bytes;
  std::ranges::fill(head_->free, nullptr);
  image_.assign(begin_, begin_ + bytes);
  changed_.reserve(bytes / kPage);  // the signal handler must not allocate
  protecting = this;
  struct sigaction action {};
  action.sa_sigaction = &on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  ::sigaction(SIGSEGV, &action, &before_us);
  if (::mprotect(begin_, bytes, PROT_READ) != 0) throw std::bad_alloc();
}

bool Arena::written(void* address) {
  if (!contains(address)) return false;
  const auto page = static_cast<std::size_t>(static_cast<std::byte*>(address) - begin_) / kPage;
  if (page * kPage >= image_.size()) return false;
  changed_.push_back(static_cast<std::uint32_t>(page));
  return ::mprotect(begin_ + page * kPage, kPage, PROT_READ | PROT_WRITE) == 0;
}

void Arena::rewind() {
  for (const std::uint32_t page : changed_) {
    std::memcpy(begin_ + std::size_t{page} * kPage, image_.data() + std::size_t{page} * kPage,
                kPage);
  }
}

void Arena::look() {
  const Use heap(nullptr);
  std::vector<bool> changed(image_.size() / kPage);
  for (const std::uint32_t page : changed_) changed[page] = true;
  seen_changed_.resize(made_.size());
  for (std::size_t i = 0; i < made_.size(); ++i) {
    const auto& [memory, size] = made_[i];
    const auto at = static_cast<std::size_t>(memory - begin_);
    const bool written = changed[at / kPage] || changed[(at + size - 1) / kPage] || size > kPage;
    if (written && std::memcmp(memory, image_.data() + at, size) != 0) seen_changed_[i] = true;
  }
}

void Arena::save(Mark& mark) const {
  const Use heap(nullptr);
  mark.pages.resize(changed());
  for (std::size_t i = 0; i < changed_.size(); ++i)
    std::memcpy(mark.pages.data() + i * kPage, begin_ + std::size_t{changed_[i]} * kPage, kPage);
  const std::byte* const kept_end = begin_ + image_.size();
  mark.behind.clear();
  if (head_->fresh > kept_end)
    mark.behind.assign(kept_end, static_cast<const std::byte*>(head_->fresh));
}

// Pages that were changed for the first time since lie behind the others in the list.
void Arena::rewind_to(const Mark& mark) {
  for (std::size_t i = 0; i < changed_.size(); ++i) {
    const std::size_t at = std::size_t{changed_[i]} * kPage;
    const std::byte* const page =
        i * kPage < mark.pages.size() ? mark.pages.data() + i * kPage : image_.data() + at;
    std::memcpy(begin_ + at, page, kPage);
  }
  std::ranges::copy(mark.behind, begin_ + image_.size());
}

namespace {

void* get(std::size_t size, std::size_t alignment) {
  if (in_use != nullptr) [[unlikely]]
    return in_use->allocate(size, alignment);
  if (size == 0) size = 1;
  void* memory =
      alignment <= kGranule
          ? std::malloc(size)
          : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

// Memory of an arena that is not in use any more is nobody's to free.
Arena* owner_of(void* memory) {
  if (in_use != nullptr && in_use->contains(memory)) return in_use;
  if (protecting != nullptr && protecting->contains(memory)) return protecting;
  return nullptr;
}

void give_back(void* memory) {
  if (memory == nullptr) return;
  if (Arena* arena = owner_of(memory); arena != nullptr) [[unlikely]] {
    arena->free(memory);
  } else {
    std::free(memory);
  }
}

}  // namespace

}  // namespace sim

void* operator new(std::size_t size) {
  return sim::get(size, 0);
}
void* operator new[](std::size_t size) {
  return sim::get(size, 0);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return sim::get(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return sim::get(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return sim::get(size, 0);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* memory) noexcept {
  sim::give_back(memory);
}
void operator delete[](void* memory) noexcept {
  sim::give_back(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  sim::give_back(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  sim::give_back(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  sim::give_back(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  sim::give_back(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  sim::give_back(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  sim::give_back(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  sim::give_back(memory);
}
