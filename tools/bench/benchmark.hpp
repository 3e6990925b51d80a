// What the benchmark program measures: a benchmark is one load, run by one or more contestants in
// turn, the first of which is ours. Contestants alternate, repetition by repetition, so that a slow
// spell of the machine hits all of them; the ratio is the median of the ratios of each repetition.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

/// Thrown by a contestant that cannot run here; what() says why. It is reported as skipped.
class Unavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Contestant {
  std::string name;
  std::function<double()> measure;  ///< one repetition; gives a figure in the benchmark's unit
};

struct Benchmark {
  std::string name;
  std::string unit;  ///< "events/s", "bytes/thread", "s"
  bool more_is_better = true;
  /// Bound on the ratio of the first contestant to the second, or, when there is only one, on its
  /// figure; at least or at most, as more_is_better says. 0: none.
  double target = 0;
  bool on_request = false;  ///< takes minutes: left out unless --only asks for it
  std::vector<Contestant> contestants;
};

/// What one contestant's repetitions gave.
struct Row {
  std::string contestant;
  std::string skipped;  ///< why; empty when it ran
  std::vector<double> samples;
};

struct Result {
  Benchmark benchmark;
  std::vector<Row> rows;
};

/// Runs every contestant `repetitions` (at least 1) times, alternating.
Result run(const Benchmark& benchmark, unsigned repetitions);

/// Of a list that is not empty; of an even number of samples, the mean of the middle two.
double median(std::vector<double> samples);

/// Median of first.samples[i] / other.samples[i]; 0 when either was skipped.
double median_ratio(const Row& first, const Row& other);

/// Whether the target is met. Without a target, or when a side was skipped: true.
bool target_met(const Result& result);

}  // namespace bench
