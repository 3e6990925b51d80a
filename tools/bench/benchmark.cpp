#include "tools/bench/benchmark.hpp"

#include <algorithm>

namespace bench {

Result run(const Benchmark& benchmark, unsigned repetitions) {
  Result result{benchmark, {}};
  for (const Contestant& contestant : benchmark.contestants) {
    result.rows.push_back({contestant.name, "", {}});
  }
  for (unsigned repetition = 0; repetition < repetitions; ++repetition) {
    for (std::size_t i = 0; i < result.rows.size(); ++i) {
      Row& row = result.rows[i];
      if (!row.skipped.empty()) continue;
      try {
        row.samples.push_back(benchmark.contestants[i].measure());
      } catch (const Unavailable& reason) {
        row.skipped = reason.what();
        row.samples.clear();
      }
    }
  }
  return result;
}

double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const std::size_t middle = samples.size() / 2;
  return samples.size() % 2 == 1 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
}

double median_ratio(const Row& first, const Row& other) {
  if (first.samples.empty() || other.samples.empty()) return 0;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < first.samples.size(); ++i) {
    ratios.push_back(first.samples[i] / other.samples[i]);
  }
  return median(ratios);
}

bool target_met(const Result& result) {
  const Benchmark& benchmark = result.benchmark;
  const auto ran = [](const Row& row) { return !row.samples.empty(); };
  if (benchmark.target <= 0 || !std::all_of(result.rows.begin(), result.rows.end(), ran)) {
    return true;
  }
  const double figure = result.rows.size() > 1 ? median_ratio(result.rows[0], result.rows[1])
                                               : median(result.rows[0].samples);
  return benchmark.more_is_better ? figure >= benchmark.target : figure <= benchmark.target;
}

}  // namespace bench
