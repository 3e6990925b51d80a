#include "tools/run/arrivals.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>

#include "sim/error.hpp"
#include "tests/support/temporary_directory.hpp"

using kt::run::Arrivals;
using Arrival = kt::scenario::Arrival;

namespace {

using sim::kSecond;

kt::scenario::Scenario scenario_with(const Arrival& arrival) {
  kt::scenario::Scenario scenario;
  scenario.origins.push_back({"", "t.json", 1, 1});
  scenario.origins.push_back({"/irqs/dev", "t.json", 1, 1});
  kt::scenario::Irq irq;
  irq.name = "dev";
  irq.arrival = arrival;
  irq.origin = 1;
  scenario.irqs.push_back(irq);
  return scenario;
}

std::vector<sim::Time> first(const kt::scenario::Scenario& scenario, std::size_t count,
                             std::uint64_t seed = 1) {
  Arrivals arrivals(scenario, scenario.irqs[0], seed);
  std::vector<sim::Time> times;
  for (std::size_t i = 0; i < count; ++i) times.push_back(arrivals.next());
  return times;
}

std::size_t count_until(const kt::scenario::Scenario& scenario, sim::Time end) {
  Arrivals arrivals(scenario, scenario.irqs[0], 7);
  std::size_t count = 0;
  while (arrivals.next() <= end) ++count;
  return count;
}

}  // namespace

TEST_CASE("poisson arrivals have their rate and exponential gaps", "[run][arrivals]") {
  Arrival arrival;
  arrival.kind = Arrival::Kind::kPoisson;
  arrival.rate = 20'000;
  const auto scenario = scenario_with(arrival);
  const auto times = first(scenario, 20'001);
  CHECK(static_cast<double>(times.back()) == Approx(1e9).epsilon(0.03));
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 1; i < times.size(); ++i) {
    REQUIRE(times[i] >= times[i - 1]);
    const auto gap = static_cast<double>(times[i] - times[i - 1]);
    sum += gap;
    squares += gap * gap;
  }
  const double mean = sum / 20'000;
  CHECK(std::sqrt(squares / 20'000 - mean * mean) == Approx(mean).epsilon(0.05));
  CHECK(first(scenario, 50) == first(scenario, 50));
  CHECK(first(scenario, 50) != first(scenario, 50, 2));
}

TEST_CASE("periodic arrivals keep the grid, each late by its own jitter", "[run][arrivals]") {
  Arrival arrival;
  arrival.kind = Arrival::Kind::kPeriodic;
  arrival.period = 1'000;
  auto scenario = scenario_with(arrival);
  CHECK(first(scenario, 3) == std::vector<sim::Time>{1'000, 2'000, 3'000});
  kt::scenario::Duration jitter;
  jitter.kind = kt::scenario::Duration::Kind::kUniform;
  jitter.low = 0;
  jitter.high = 300;
  scenario.durations.push_back(jitter);
  scenario.irqs[0].arrival.jitter = 0;
  const auto times = first(scenario, 1'000);
  for (std::size_t i = 0; i < times.size(); ++i) {
    const sim::Time late = times[i] - static_cast<sim::Time>(i + 1) * 1'000;
    CHECK(late >= 0);
    CHECK(late <= 300);
  }
}

TEST_CASE("listed arrivals come to an end", "[run][arrivals]") {
  Arrival arrival;
  arrival.kind = Arrival::Kind::kAt;
  arrival.times = {5, 5, 9};
  CHECK(first(scenario_with(arrival), 4) == std::vector<sim::Time>{5, 5, 9, sim::kNever});
  CHECK_FALSE(Arrivals::endless(arrival));
  const TemporaryDirectory directory;
  arrival.kind = Arrival::Kind::kTrace;
  arrival.file = directory.path() / "arrivals.csv";
  std::ofstream(arrival.file) << "# times\n10us\n20000\n";
  CHECK(first(scenario_with(arrival), 3) == std::vector<sim::Time>{10'000, 20'000, sim::kNever});
  std::ofstream(arrival.file) << "20us\n10us\n";
  CHECK_THROWS_AS(first(scenario_with(arrival), 1), sim::UserError);
  std::ofstream(arrival.file) << "20us\nsoon\n";
  CHECK_THROWS_WITH(first(scenario_with(arrival), 1), Catch::Contains("arrivals.csv:2"));
}

TEST_CASE("an mmpp has the rate of its state, weighted by dwell times", "[run][arrivals]") {
  Arrival arrival;
  arrival.kind = Arrival::Kind::kMmpp;
  arrival.rates = {100'000, 0};
  arrival.dwell = {1'000'000, 3'000'000};
  const auto scenario = scenario_with(arrival);
  CHECK(static_cast<double>(count_until(scenario, 4 * kSecond)) == Approx(100'000).epsilon(0.15));
  // Bursts: the gaps are far from exponential.
  const auto times = first(scenario, 20'000);
  std::size_t long_gaps = 0;
  for (std::size_t i = 1; i < times.size(); ++i) {
    if (times[i] - times[i - 1] > 500'000) ++long_gaps;
  }
  CHECK(long_gaps > 50);
  CHECK(long_gaps < 1'000);
}
