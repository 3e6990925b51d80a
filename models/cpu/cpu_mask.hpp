// A set of CPUs (struct cpumask), sized to the machine. Up to 256 CPUs it lives in the object;
// beyond that in one heap block, made when the mask is made: assigning between masks of one size
// and every other operation allocates nothing. Operations on two masks need masks of the same size.
// Iteration is by words and in ascending order: `for (int cpu : mask)`.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace kt::cpu {

class CpuMask {
 public:
  /// No CPU of a machine with `nr_cpus` CPUs. The default is a machine with none.
  explicit CpuMask(int nr_cpus = 0);
  CpuMask(const CpuMask& other);
  CpuMask(CpuMask&& other) noexcept;
  CpuMask& operator=(const CpuMask& other);
  CpuMask& operator=(CpuMask&& other) noexcept;
  ~CpuMask() = default;

  /// All CPUs; one CPU; a Linux cpulist such as "0-3,8" ("" is none).
  static CpuMask all(int nr_cpus);
  static CpuMask of(int nr_cpus, int cpu);
  /// Throws sim::UserError on bad syntax or a CPU that the machine does not have.
  static CpuMask parse(int nr_cpus, std::string_view cpulist);

  [[nodiscard]] int nr_cpus() const { return nr_cpus_; }
  [[nodiscard]] bool test(int cpu) const { return word(cpu) >> bit(cpu) & 1U; }
  void set(int cpu) { words()[index(cpu)] |= std::uint64_t{1} << bit(cpu); }
  void clear(int cpu) { words()[index(cpu)] &= ~(std::uint64_t{1} << bit(cpu)); }
  void assign(int cpu, bool member) { member ? set(cpu) : clear(cpu); }
  void clear_all();
  void set_all();

  [[nodiscard]] bool empty() const;
  [[nodiscard]] int count() const;
  /// The lowest member, or -1.
  [[nodiscard]] int first() const { return next(0); }
  /// The lowest member that is `from` or above, or -1. `from` may be nr_cpus().
  [[nodiscard]] int next(int from) const;
  /// As next(), but going on from CPU 0: -1 only if empty.
  [[nodiscard]] int next_wrap(int from) const;
  /// The same over this mask and another, without a temporary; and over this without the other.
  [[nodiscard]] int first_and(const CpuMask& other) const { return next_and(other, 0); }
  [[nodiscard]] int next_and(const CpuMask& other, int from) const;
  [[nodiscard]] int next_and_wrap(const CpuMask& other, int from) const;
  [[nodiscard]] int next_andnot(const CpuMask& other, int from) const;
  [[nodiscard]] int count_and(const CpuMask& other) const;

  [[nodiscard]] bool intersects(const CpuMask& other) const;
  [[nodiscard]] bool subset_of(const CpuMask& other) const;
  bool operator==(const CpuMask& other) const;
  CpuMask& operator&=(const CpuMask& other);
  CpuMask& operator|=(const CpuMask& other);
  /// Removes the members of `other`.
  CpuMask& operator-=(const CpuMask& other);
  friend CpuMask operator&(CpuMask a, const CpuMask& b) { return a &= b; }
  friend CpuMask operator|(CpuMask a, const CpuMask& b) { return a |= b; }

  /// As Linux prints it with %*pbl: "0-3,8"; "" if empty.
  [[nodiscard]] std::string to_list() const;
  /// Any order that is total over masks of one size, for maps.
  [[nodiscard]] bool less(const CpuMask& other) const;

  class Iterator {
   public:
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    Iterator(const std::uint64_t* words, std::size_t count) : words_(words), count_(count) {
      if (count_ > 0) left_ = words_[0];
      skip();
    }
    int operator*() const { return static_cast<int>(position_ * kBits) + std::countr_zero(left_); }
    Iterator& operator++() {
      left_ &= left_ - 1;
      skip();
      return *this;
    }
    bool operator!=(std::nullptr_t) const { return position_ < count_; }

   private:
    void skip() {
      while (left_ == 0 && position_ < count_)
        if (++position_ < count_) left_ = words_[position_];
    }
    const std::uint64_t* words_;
    std::size_t count_;
    std::size_t position_ = 0;
    std::uint64_t left_ = 0;
  };
  /// A member cleared or set during the loop in the 64 CPUs that it is at is not noticed.
  [[nodiscard]] Iterator begin() const { return {words(), size()}; }
  [[nodiscard]] std::nullptr_t end() const { return nullptr; }

 private:
  static constexpr std::size_t kBits = 64;
  static constexpr std::size_t kInline = 4;
  static std::size_t index(int cpu) { return static_cast<std::size_t>(cpu) / kBits; }
  static std::size_t bit(int cpu) { return static_cast<std::size_t>(cpu) % kBits; }
  [[nodiscard]] std::size_t size() const {
    return (static_cast<std::size_t>(nr_cpus_) + kBits - 1) / kBits;
  }
  [[nodiscard]] std::uint64_t word(int cpu) const { return words()[index(cpu)]; }
  [[nodiscard]] const std::uint64_t* words() const { return heap_ ? heap_.get() : inline_; }
  [[nodiscard]] std::uint64_t* words() { return heap_ ? heap_.get() : inline_; }

  int nr_cpus_;
  std::uint64_t inline_[kInline] = {};
  std::unique_ptr<std::uint64_t[]> heap_;
};

}  // namespace kt::cpu
