// A log-linear histogram of durations: exact below 32 ns, then 32 buckets an octave, so that a
// quantile is too large by at most 1/32 of itself and never too small. Memory follows the spread of
// the samples and is bounded (15 KiB): buckets are kept from the least to the greatest in use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/time.hpp"

namespace sim {

class Histogram {
 public:
  /// Takes in a duration in ns; negative counts as 0.
  void record(Time value);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Time min() const { return min_; }  ///< exact; 0 without samples
  [[nodiscard]] Time max() const { return max_; }  ///< exact; 0 without samples
  [[nodiscard]] double mean() const;               ///< 0 without samples
  /// The least value that a share `q` (0 … 1) of the samples does not exceed, up to the precision
  /// of the buckets; 0 without samples.
  [[nodiscard]] Time quantile(double q) const;

  /// The buckets in use, ascending: the greatest value that each holds, and how many samples.
  struct Bucket {
    Time upper = 0;
    std::uint64_t count = 0;
  };
  [[nodiscard]] std::vector<Bucket> buckets() const;

 private:
  [[nodiscard]] static std::size_t index_of(Time value);
  [[nodiscard]] static Time upper_of(std::size_t index);
  void make_room(std::size_t index);

  std::vector<std::uint64_t> counts_;
  std::size_t first_ = 0;  // index of counts_[0]
  std::uint64_t count_ = 0;
  double sum_ = 0;
  Time min_ = 0;
  Time max_ = 0;
};

}  // namespace sim
