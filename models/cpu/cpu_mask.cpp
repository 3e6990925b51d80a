#include "models/cpu/cpu_mask.hpp"

#include <algorithm>
#include <charconv>

#include "sim/error.hpp"

namespace kt::cpu {

namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};

/// The lowest bit set in word(i) for i from from/64 on, without the bits below `from`; -1 if none.
template <class Word>
int scan(int from, std::size_t size, Word word) {
  auto i = static_cast<std::size_t>(from) / 64;
  if (i >= size) return -1;
  std::uint64_t bits = word(i) & kAll << (static_cast<std::size_t>(from) % 64);
  while (bits == 0) {
    if (++i == size) return -1;
    bits = word(i);
  }
  return static_cast<int>(i * 64) + std::countr_zero(bits);
}

/// A decimal number at the front of `text`, which is cut off; -1 if there is none.
int take_number(std::string_view& text) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value < 0) return -1;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

}  // namespace

CpuMask::CpuMask(int nr_cpus) : nr_cpus_(nr_cpus) {
  if (size() > kInline) heap_ = std::make_unique<std::uint64_t[]>(size());
}

CpuMask::CpuMask(const CpuMask& other) : CpuMask(other.nr_cpus_) {
  std::copy_n(other.words(), size(), words());
}

CpuMask::CpuMask(CpuMask&& other) noexcept
    : nr_cpus_(other.nr_cpus_), heap_(std::move(other.heap_)) {
  std::copy_n(other.inline_, kInline, inline_);
  other.nr_cpus_ = 0;
}

CpuMask& CpuMask::operator=(const CpuMask& other) {
  if (size() != other.size()) {
    heap_ = other.heap_ ? std::make_unique<std::uint64_t[]>(other.size()) : nullptr;
  }
  nr_cpus_ = other.nr_cpus_;
  std::copy_n(other.words(), size(), words());
  return *this;
}

CpuMask& CpuMask::operator=(CpuMask&& other) noexcept {
  nr_cpus_ = other.nr_cpus_;
  heap_.swap(other.heap_);
  std::copy_n(other.inline_, kInline, inline_);
  other.heap_.reset();
  other.nr_cpus_ = 0;
  return *this;
}

CpuMask CpuMask::all(int nr_cpus) {
  CpuMask mask(nr_cpus);
  mask.set_all();
  return mask;
}

CpuMask CpuMask::of(int nr_cpus, int cpu) {
  CpuMask mask(nr_cpus);
  mask.set(cpu);
  return mask;
}

// lib/bitmap-str.c: bitmap_parselist, without its groups ("0-7:1/2")
CpuMask CpuMask::parse(int nr_cpus, std::string_view cpulist) {
  CpuMask mask(nr_cpus);
  std::string_view left = cpulist;
  while (!left.empty()) {
    const int low = take_number(left);
    int high = low;
    if (low >= 0 && left.starts_with('-')) {
      left.remove_prefix(1);
      high = take_number(left);
    }
    const bool more = left.starts_with(',');
    if (more) left.remove_prefix(1);
    if (low < 0 || high < low || more == left.empty())
      throw sim::UserError(
          fmt::format("bad CPU list \"{}\": expected a list such as \"0-3,8\"", cpulist));
    if (high >= nr_cpus)
      throw sim::UserError(
          fmt::format("bad CPU list \"{}\": CPU {} does not exist, expected 0 to {}", cpulist, high,
                      nr_cpus - 1));
    for (int cpu = low; cpu <= high; ++cpu) mask.set(cpu);
  }
  return mask;
}

void CpuMask::clear_all() {
  std::fill_n(words(), size(), 0);
}

void CpuMask::set_all() {
  std::fill_n(words(), size(), kAll);
  if (bit(nr_cpus_) != 0) words()[size() - 1] = ~(kAll << bit(nr_cpus_));
}

bool CpuMask::empty() const {
  return std::all_of(words(), words() + size(), [](std::uint64_t word) { return word == 0; });
}

int CpuMask::count() const {
  int total = 0;
  for (std::size_t i = 0; i < size(); ++i) total += std::popcount(words()[i]);
  return total;
}

int CpuMask::next(int from) const {
  const std::uint64_t* mine = words();
  return scan(from, size(), [mine](std::size_t i) { return mine[i]; });
}

int CpuMask::next_wrap(int from) const {
  const int cpu = next(from);
  return cpu >= 0 ? cpu : next(0);
}

int CpuMask::next_and(const CpuMask& other, int from) const {
  const std::uint64_t* mine = words();
  const std::uint64_t* theirs = other.words();
  return scan(from, size(), [mine, theirs](std::size_t i) { return mine[i] & theirs[i]; });
}

int CpuMask::next_and_wrap(const CpuMask& other, int from) const {
  const int cpu = next_and(other, from);
  return cpu >= 0 ? cpu : next_and(other, 0);
}

int CpuMask::next_andnot(const CpuMask& other, int from) const {
  const std::uint64_t* mine = words();
  const std::uint64_t* theirs = other.words();
  return scan(from, size(), [mine, theirs](std::size_t i) { return mine[i] & ~theirs[i]; });
}

int CpuMask::count_and(const CpuMask& other) const {
  int total = 0;
  for (std::size_t i = 0; i < size(); ++i) total += std::popcount(words()[i] & other.words()[i]);
  return total;
}

bool CpuMask::intersects(const CpuMask& other) const {
  return next_and(other, 0) >= 0;
}

bool CpuMask::subset_of(const CpuMask& other) const {
  return next_andnot(other, 0) < 0;
}

bool CpuMask::operator==(const CpuMask& other) const {
  return nr_cpus_ == other.nr_cpus_ && std::equal(words(), words() + size(), other.words());
}

CpuMask& CpuMask::operator&=(const CpuMask& other) {
  for (std::size_t i = 0; i < size(); ++i) words()[i] &= other.words()[i];
  return *this;
}

CpuMask& CpuMask::operator|=(const CpuMask& other) {
  for (std::size_t i = 0; i < size(); ++i) words()[i] |= other.words()[i];
  return *this;
}

CpuMask& CpuMask::operator-=(const CpuMask& other) {
  for (std::size_t i = 0; i < size(); ++i) words()[i] &= ~other.words()[i];
  return *this;
}

std::string CpuMask::to_list() const {
  std::string text;
  for (int cpu = first(); cpu >= 0;) {
    int last = cpu;
    while (last + 1 < nr_cpus_ && test(last + 1)) ++last;
    if (!text.empty()) text += ',';
    text += last > cpu ? fmt::format("{}-{}", cpu, last) : fmt::format("{}", cpu);
    cpu = next(last + 1);
  }
  return text;
}

bool CpuMask::less(const CpuMask& other) const {
  return std::lexicographical_compare(words(), words() + size(), other.words(),
                                      other.words() + other.size());
}

}  // namespace kt::cpu
