#include "sim/distribution.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

using sim::Distribution;
using sim::Time;
using namespace sim::literals;

namespace {

std::vector<Time> draws(const Distribution& distribution, std::size_t count) {
  sim::RandomStream random(11, "/distribution");
  std::vector<Time> values(count);
  for (Time& value : values) value = distribution.draw(random);
  std::sort(values.begin(), values.end());
  return values;
}

double mean(const std::vector<Time>& values) {
  double sum = 0;
  for (const Time value : values) sum += static_cast<double>(value);
  return sum / static_cast<double>(values.size());
}

double deviation(const std::vector<Time>& values) {
  const double centre = mean(values);
  double sum = 0;
  for (const Time value : values) sum += std::pow(static_cast<double>(value) - centre, 2);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

constexpr std::size_t kCount = 200'000;

}  // namespace

TEST_CASE("a constant draws itself and leaves the stream alone", "[distribution]") {
  sim::RandomStream random(1, "/a");
  sim::RandomStream untouched(1, "/a");
  REQUIRE(Distribution{Distribution::Constant{5_us}}.draw(random) == 5_us);
  REQUIRE(Distribution{}.draw(random) == 0);
  REQUIRE(random.next_u64() == untouched.next_u64());
}

TEST_CASE("exponential: mean and deviation are equal", "[distribution]") {
  const auto values = draws({Distribution::Exponential{50_us}}, kCount);
  REQUIRE(mean(values) == Approx(50'000).epsilon(0.01));
  REQUIRE(deviation(values) == Approx(50'000).epsilon(0.02));
  REQUIRE(values.front() >= 0);
}

TEST_CASE("uniform: bounds are included", "[distribution]") {
  const auto values = draws({Distribution::Uniform{10, 19}}, kCount);
  REQUIRE(values.front() == 10);
  REQUIRE(values.back() == 19);
  REQUIRE(mean(values) == Approx(14.5).epsilon(0.01));
  REQUIRE(draws({Distribution::Uniform{7, 7}}, 3) == std::vector<Time>{7, 7, 7});
}

TEST_CASE("lognormal: median, mean and deviation of the logarithm", "[distribution]") {
  const auto values = draws({Distribution::Lognormal{40_us, 0.8}}, kCount);
  REQUIRE(static_cast<double>(values[kCount / 2]) == Approx(40'000).epsilon(0.02));
  REQUIRE(mean(values) == Approx(40'000 * std::exp(0.32)).epsilon(0.02));
  double squares = 0;
  for (const Time value : values)
    squares += std::pow(std::log(static_cast<double>(value) / 40'000), 2);
  REQUIRE(std::sqrt(squares / kCount) == Approx(0.8).epsilon(0.02));
}

TEST_CASE("pareto: minimum, median and mean", "[distribution]") {
  const auto values = draws({Distribution::Pareto{5_us, 3.0}}, kCount);
  REQUIRE(values.front() >= 5_us);
  REQUIRE(static_cast<double>(values[kCount / 2]) ==
          Approx(5'000 * std::pow(2.0, 1.0 / 3)).epsilon(0.01));
  REQUIRE(mean(values) == Approx(7'500).epsilon(0.02));
}

TEST_CASE("empirical: each sample alike, copies share them", "[distribution]") {
  const auto samples = std::make_shared<const std::vector<Time>>(std::vector<Time>{1, 10, 100});
  const Distribution first{Distribution::Empirical{samples}};
  const Distribution copy = first;
  REQUIRE(samples.use_count() == 3);
  const auto values = draws(copy, kCount);
  for (const Time sample : *samples) {
    const auto count = std::count(values.begin(), values.end(), sample);
    REQUIRE(static_cast<double>(count) == Approx(kCount / 3.0).epsilon(0.02));
  }
}

TEST_CASE("an unbounded draw is cut, not wrapped", "[distribution]") {
  const auto values = draws({Distribution::Pareto{1_s, 0.01}}, 1'000);
  REQUIRE(values.front() >= 1_s);
  REQUIRE(values.back() == Distribution::kLongestDraw);
}

TEST_CASE("draws are the same bits in every build", "[distribution]") {
  sim::RandomStream random(42, "/golden");
  const auto next = [&random](auto shape) { return Distribution{shape}.draw(random); };
  CHECK(next(Distribution::Exponential{1_s}) == 2318056398);
  CHECK(next(Distribution::Lognormal{1_s, 0.8}) == 2675816230);
  CHECK(next(Distribution::Pareto{1_s, 1.6}) == 3358043404);
  CHECK(next(Distribution::Uniform{0, 1_s}) == 353130508);
}
