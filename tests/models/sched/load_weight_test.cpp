#include "models/sched/load_weight.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <random>

#include "sim/error.hpp"

using namespace kt::sched;

TEST_CASE("a nice level is worth about 1.25 times the next", "[load_weight]") {
  for (int nice = kMinNice; nice <= kMaxNice; ++nice) {
    CAPTURE(nice);
    const double ideal = 1024 / std::pow(1.25, nice);
    REQUIRE(load_weight_of_nice(nice).weight == Approx(ideal).epsilon(0.07));
  }
  REQUIRE(load_weight_of_nice(-20).weight == 88761);
  REQUIRE(load_weight_of_nice(-10).weight == 9548);
  REQUIRE(load_weight_of_nice(-5).weight == 3121);
  REQUIRE(load_weight_of_nice(0).weight == 1024);
  REQUIRE(load_weight_of_nice(5).weight == 335);
  REQUIRE(load_weight_of_nice(10).weight == 110);
  REQUIRE(load_weight_of_nice(19).weight == 15);
  REQUIRE(load_weight_of_nice(0) == LoadWeight{});
}

TEST_CASE("a reciprocal is 2^32 / weight, give or take one", "[load_weight]") {
  const auto check = [](LoadWeight load) {
    const auto exact = static_cast<std::int64_t>((std::uint64_t{1} << 32) / load.weight);
    REQUIRE(std::abs(static_cast<std::int64_t>(load.inv_weight) - exact) <= 1);
  };
  for (int nice = kMinNice; nice <= kMaxNice; ++nice) check(load_weight_of_nice(nice));
  check(kIdlePolicyWeight);
}

TEST_CASE("a nice value out of range is a broken invariant", "[load_weight]") {
  REQUIRE_THROWS_AS(load_weight_of_nice(-21), sim::InternalError);
  REQUIRE_THROWS_AS(load_weight_of_nice(20), sim::InternalError);
}

TEST_CASE("virtual time is real time times 1024 / weight within the table's precision",
          "[load_weight]") {
  const unsigned seed = 7;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int nice = kMinNice; nice <= kMaxNice; ++nice) {
    const LoadWeight load = load_weight_of_nice(nice);
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t delta = random() >> 30;
      CAPTURE(nice, delta);
      const auto exact = static_cast<long double>(delta) * 1024 / load.weight;
      const auto error = static_cast<long double>(calc_delta_fair(delta, load)) - exact;
      REQUIRE(std::abs(error) <= 1 + exact / load.inv_weight * 2);
    }
  }
}

TEST_CASE("virtual slices to the nanosecond", "[load_weight]") {
  // Worked by hand from the reciprocals: delta * (1024 * inv >> s) >> (32 - s).
  const auto virtual_slice = [](int nice) {
    return calc_delta_fair(2'800'000, load_weight_of_nice(nice));
  };
  REQUIRE(virtual_slice(0) == 2'800'000);
  REQUIRE(virtual_slice(-20) == 32'302);
  REQUIRE(virtual_slice(-10) == 300'293);
  REQUIRE(virtual_slice(5) == 8'558'806);
  REQUIRE(virtual_slice(19) == 191'146'666);
}
