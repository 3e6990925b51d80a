#include "sim/histogram.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

using sim::Histogram;
using sim::Time;

TEST_CASE("a histogram without samples gives zeros", "[histogram]") {
  const Histogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.quantile(0.5) == 0);
  CHECK(histogram.mean() == 0);
  CHECK(histogram.buckets().empty());
}

TEST_CASE("values below 64 are exact", "[histogram]") {
  Histogram histogram;
  for (Time value = 63; value >= 0; --value) histogram.record(value);
  CHECK(histogram.buckets().size() == 64);
  CHECK(histogram.quantile(0.5) == 31);
  CHECK(histogram.quantile(1) == 63);
  CHECK(histogram.quantile(0) == 0);
}

TEST_CASE("extremes and the mean are exact", "[histogram]") {
  Histogram histogram;
  histogram.record(1'000'003);
  histogram.record(7);
  histogram.record(-5);
  CHECK(histogram.min() == 0);
  CHECK(histogram.max() == 1'000'003);
  CHECK(histogram.quantile(1) == 1'000'003);
  CHECK(histogram.mean() == Approx((1'000'003 + 7) / 3.0));
}

TEST_CASE("the longest time has a bucket", "[histogram]") {
  Histogram histogram;
  histogram.record(0);
  histogram.record(sim::kNever);
  CHECK(histogram.quantile(1) == sim::kNever);
  CHECK(histogram.buckets().back().upper == sim::kNever);
}

TEST_CASE("quantiles are at most 1/32 too large and never too small", "[histogram]") {
  const auto seed = GENERATE(1U, 2U, 3U, 4U);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> latency(9, 2);
  Histogram histogram;
  std::vector<Time> samples;
  for (int i = 0; i < 5000; ++i) {
    samples.push_back(static_cast<Time>(latency(random)));
    histogram.record(samples.back());
  }
  std::sort(samples.begin(), samples.end());
  for (double q : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * 5000));
    const Time exact = samples[std::max<std::size_t>(rank, 1) - 1];
    CAPTURE(q, exact);
    CHECK(histogram.quantile(q) >= exact);
    CHECK(histogram.quantile(q) - exact <= exact / 32);
  }
}
