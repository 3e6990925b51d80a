#include "models/sched/pelt.hpp"

#include <array>

namespace kt::sched {

namespace {

constexpr int kHalfLife = 32;         // periods
constexpr std::uint64_t kUnit = 1024;  // ns
constexpr std::uint32_t kPeriod = 1024;  // units
constexpr std::uint64_t kMaxSum = 47742;  // sum of 1024 y^n over all n, in units

constexpr std::uint64_t square_root(unsigned __int128 n) {
  unsigned __int128 low = 0;
  unsigned __int128 high = static_cast<unsigned __int128>(1) << 64;
  while (high - low > 1) {
    const unsigned __int128 middle = (low + high) / 2;
    (middle * middle <= n ? low : high) = middle;
  }
  return static_cast<std::uint64_t>(low);
}

// y^n in 32-bit fixed point for n below the half-life, y = 2^(-1/32).
constexpr std::array<std::uint64_t, kHalfLife> powers() {
  // Five square roots of 1/2 give y; 64-bit fixed point keeps the products exact enough.
  std::uint64_t y = std::uint64_t{1} << 63;
  for (int i = 0; i < 5; ++i) y = square_root(static_cast<unsigned __int128>(y) << 64);
  std::array<std::uint64_t, kHalfLife> table{};
  unsigned __int128 value = ~std::uint64_t{0};
  for (auto& entry : table) {
    entry = static_cast<std::uint64_t>(value) >> 32;
    value = (value * y) >> 64;
  }
  return table;
}
constexpr auto kPowers = powers();

std::uint64_t decay(std::uint64_t value, std::uint64_t periods) {
  const std::uint64_t halvings = periods / kHalfLife;
  if (halvings > 62) return 0;
  const unsigned __int128 product =
      static_cast<unsigned __int128>(value >> halvings) * kPowers[periods % kHalfLife];
  return static_cast<std::uint64_t>(product >> 32);
}

}  // namespace

void Pelt::start(sim::Time now, std::uint64_t value) {
  contribution_ = 0;
  last_ = now;
  sum_ = value * (kMaxSum - kPeriod);
}

void Pelt::accumulate(sim::Time now, std::uint64_t value) {
  const std::uint64_t units = static_cast<std::uint64_t>(now - last_) / kUnit;
  if (units == 0) return;
  last_ += static_cast<sim::Time>(units * kUnit);
  const std::uint64_t total = contribution_ + units;
  const std::uint64_t periods = total / kPeriod;
  if (periods == 0) {
    sum_ += units * value;
  } else {
    // What is left of the old period, then whole periods, then the part of the new one.
    const std::uint64_t head = kPeriod - contribution_;
    const std::uint64_t tail = total % kPeriod;
    const std::uint64_t whole = kMaxSum - decay(kMaxSum, periods) - kPeriod;
    sum_ = decay(sum_, periods) + value * (decay(head, periods) + whole + tail);
  }
  contribution_ = static_cast<std::uint32_t>(total % kPeriod);
}

std::uint64_t Pelt::average() const { return sum_ / (kMaxSum - kPeriod + contribution_); }

}  // namespace kt::sched
