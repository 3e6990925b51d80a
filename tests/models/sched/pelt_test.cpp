#include "models/sched/pelt.hpp"

#include <catch2/catch.hpp>

using namespace kt::sched;

namespace {

constexpr sim::Time kPeriod = 1024 * 1024;  // ns
constexpr sim::Time kHalfLife = 32 * kPeriod;
constexpr Signals kRuns{1024, 1024, 1024};

}  // namespace

TEST_CASE("the average of what held for ever is that", "[sched][pelt]") {
  TaskLoad load;
  load.start(12'345, kRuns);
  CHECK(load.load() == 1024);
  load.accumulate(12'345 + 10 * kHalfLife, kRuns);
  CHECK(load.util() >= 1022);
  CHECK(load.util() <= 1024);
}

TEST_CASE("32 periods halve what was", "[sched][pelt]") {
  TaskLoad load;
  load.start(0, kRuns);
  std::uint64_t expected = 1024;
  for (int i = 1; i <= 8; ++i) {
    load.accumulate(i * kHalfLife, {});
    expected /= 2;
    CHECK(static_cast<double>(load.load()) == Approx(expected).margin(2));
  }
  load.accumulate(20 * kHalfLife, {});
  CHECK(load.decayed());
}

TEST_CASE("an average does not depend on how often it is read", "[sched][pelt]") {
  QueueLoad once;
  QueueLoad often;
  const Signals value{700, 0, 0};
  once.accumulate(100 * kPeriod, value);
  for (int i = 1; i <= 10'000; ++i) often.accumulate(100 * kPeriod / 10'000 * i, value);
  often.accumulate(100 * kPeriod, value);
  CHECK(static_cast<double>(once.load()) == Approx(static_cast<double>(often.load())).margin(5));
}

TEST_CASE("a task takes its load to another queue", "[sched][pelt]") {
  constexpr std::uint64_t kWeight = 3072;
  QueueLoad from;
  QueueLoad to;
  TaskLoad task;
  task.start(0, {1024, 1024, 512});
  attach_load(from, task, kWeight);
  CHECK(from.load() == kWeight);
  CHECK(from.util() == 512);
  from.accumulate(kHalfLife, {kWeight, 1024, 0});  // it waits
  task.accumulate(kHalfLife, {1024, 1024, 0});
  CHECK(static_cast<double>(from.util()) == Approx(256).margin(2));
  detach_load(from, task, kWeight);
  CHECK(from.load() <= 3);
  CHECK(from.util() == 0);
  to.accumulate(kHalfLife + 700'000, {});
  attach_load(to, task, kWeight);
  CHECK(static_cast<double>(to.load()) == Approx(kWeight).margin(10));
  // From here on both advance alike, whoever is brought up to date first.
  to.accumulate(3 * kHalfLife, {});
  task.accumulate(2 * kHalfLife, {});
  task.accumulate(3 * kHalfLife, {});
  detach_load(to, task, kWeight);
  CHECK(to.load() <= 6);
}
