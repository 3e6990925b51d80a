#include "models/sched/pelt.hpp"

#include <catch2/catch.hpp>

using kt::sched::Pelt;

namespace {

constexpr sim::Time kPeriod = 1024 * 1024;  // ns
constexpr sim::Time kHalfLife = 32 * kPeriod;

}  // namespace

TEST_CASE("the average of what held for ever is that", "[sched][pelt]") {
  Pelt load;
  load.start(12'345, 1024);
  CHECK(load.average() == 1024);
  load.accumulate(12'345 + 10 * kHalfLife, 1024);
  CHECK(load.average() >= 1022);
  CHECK(load.average() <= 1024);
}

TEST_CASE("32 periods halve what was", "[sched][pelt]") {
  Pelt load;
  load.start(0, 1024);
  std::uint64_t expected = 1024;
  for (int i = 1; i <= 8; ++i) {
    load.accumulate(i * kHalfLife, 0);
    expected /= 2;
    CHECK(static_cast<double>(load.average()) == Approx(expected).margin(2));
  }
}

TEST_CASE("an average does not depend on how often it is read", "[sched][pelt]") {
  Pelt once;
  Pelt often;
  once.accumulate(100 * kPeriod, 700);
  for (int i = 1; i <= 10'000; ++i) often.accumulate(100 * kPeriod / 10'000 * i, 700);
  often.accumulate(100 * kPeriod, 700);
  CHECK(static_cast<double>(once.average()) ==
        Approx(static_cast<double>(often.average())).margin(5));
}
