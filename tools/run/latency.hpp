// A distribution of times, summed up for a report.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "sim/histogram.hpp"

namespace kt::run {

using sim::Time;

/// All times in ns; quantiles are too large by at most 1/32.
struct Latency {
  std::uint64_t count = 0;
  double mean = 0;
  Time p50 = 0;
  Time p90 = 0;
  Time p99 = 0;
  Time p999 = 0;  ///< 99.9 %
  Time max = 0;
  std::vector<sim::Histogram::Bucket> buckets;
};

Latency latency_of(const sim::Histogram& histogram);

/// `full`: with the buckets.
nlohmann::ordered_json latency_json(const Latency& latency, bool full);

}  // namespace kt::run
