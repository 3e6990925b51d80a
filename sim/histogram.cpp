#include "sim/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sim {

namespace {

constexpr unsigned kSubBits = 5;  // 32 buckets an octave

}  // namespace

// A value below 64 is its own index; above, the five bits behind the highest one are the bucket.
std::size_t Histogram::index_of(Time value) {
  const auto bits = static_cast<std::uint64_t>(value);
  const auto width = static_cast<unsigned>(std::bit_width(bits));
  if (width <= kSubBits + 1) return bits;
  const unsigned shift = width - kSubBits - 1;
  return (std::size_t{shift} << kSubBits) + (bits >> shift);
}

Time Histogram::upper_of(std::size_t index) {
  const std::size_t octave = index >> kSubBits;
  if (octave <= 1) return static_cast<Time>(index);
  const std::size_t shift = octave - 1;
  const std::uint64_t lead = index - (shift << kSubBits);
  return static_cast<Time>(((lead + 1) << shift) - 1);
}

void Histogram::make_room(std::size_t index) {
  if (counts_.empty()) first_ = index;
  if (index < first_) {
    counts_.insert(counts_.begin(), first_ - index, 0);
    first_ = index;
  }
  if (index - first_ >= counts_.size()) counts_.resize(index - first_ + 1);
}

void Histogram::record(Time value) {
  value = std::max<Time>(value, 0);
  const std::size_t index = index_of(value);
  if (index - first_ >= counts_.size()) make_room(index);  // wraps below the first
  ++counts_[index - first_];
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value);
  ++count_;
}

double Histogram::mean() const {
  return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

Time Histogram::quantile(double q) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::max<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::clamp(upper_of(first_ + i), min_, max_);
  }
  return max_;
}

std::vector<Histogram::Bucket> Histogram::buckets() const {
  std::vector<Bucket> list;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] != 0) list.push_back({upper_of(first_ + i), counts_[i]});
  }
  return list;
}

}  // namespace sim
