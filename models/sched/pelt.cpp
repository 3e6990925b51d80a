#include "models/sched/pelt.hpp"

#include <algorithm>
#include <array>

namespace kt::sched {

namespace {

constexpr int kHalfLife = 32;  // periods

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

std::uint64_t subtract(std::uint64_t from, std::uint64_t part) {
  return from - std::min(from, part);
}

}  // namespace

template <class Sum>
void LoadAvg<Sum>::start(sim::Time now, const Signals& averages) {
  contribution_ = 0;
  last_ = now;
  load_ = static_cast<Sum>(averages.load * divider());
  runnable_ = static_cast<Sum>(averages.runnable * divider());
  util_ = static_cast<Sum>(averages.util * divider());
}

// What is left of the old period, then whole periods, then the part of the new one.
template <class Sum>
void LoadAvg<Sum>::end_periods(std::uint64_t total, const Signals& value) {
  const std::uint64_t periods = total / kPeriod;
  const std::uint64_t head = kPeriod - contribution_;
  const std::uint64_t tail = total % kPeriod;
  const std::uint64_t whole = kMaxSum - decay(kMaxSum, periods) - kPeriod;
  const std::uint64_t units = decay(head, periods) + whole + tail;
  load_ = static_cast<Sum>(decay(load_, periods) + value.load * units);
  runnable_ = static_cast<Sum>(decay(runnable_, periods) + value.runnable * units);
  util_ = static_cast<Sum>(decay(util_, periods) + value.util * units);
  contribution_ = static_cast<std::uint32_t>(tail);
}

template class LoadAvg<std::uint64_t>;
template class LoadAvg<std::uint32_t>;

void attach_load(QueueLoad& queue, TaskLoad& task, std::uint64_t weight) {
  const Signals averages{task.load(), task.runnable(), task.util()};
  task.last_ = queue.last_;
  task.contribution_ = queue.contribution_;
  const std::uint64_t divider = queue.divider();
  task.load_ = static_cast<std::uint32_t>(averages.load * divider);
  task.runnable_ = static_cast<std::uint32_t>(averages.runnable * divider);
  task.util_ = static_cast<std::uint32_t>(averages.util * divider);
  queue.load_ += task.load_ * weight / 1024;
  queue.runnable_ += task.runnable_;
  queue.util_ += task.util_;
}

void detach_load(QueueLoad& queue, const TaskLoad& task, std::uint64_t weight) {
  queue.load_ = subtract(queue.load_, task.load_ * weight / 1024);
  queue.runnable_ = subtract(queue.runnable_, task.runnable_);
  queue.util_ = subtract(queue.util_, task.util_);
}

}  // namespace kt::sched
