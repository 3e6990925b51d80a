#include "tools/explore/recorder.hpp"

#include <catch2/catch.hpp>

#include "tests/explore/explored.hpp"

using namespace kt;
using namespace kt::explore;

TEST_CASE("a run is recorded step by step, in order of time", "[explore]") {
  const scenario::Scenario scenario = test::lost_wakeup(true);
  Subject subject(scenario);
  subject.run({}, true);
  const auto steps = subject.recorder().steps();
  REQUIRE(steps.size() > 20);
  for (std::size_t i = 1; i < steps.size(); ++i) REQUIRE(steps[i - 1].time <= steps[i].time);
}

TEST_CASE("a stall delays its step and what is behind it on the CPU, by its time", "[explore]") {
  const scenario::Scenario scenario = test::lost_wakeup(true);
  Subject subject(scenario);
  subject.run({}, true);
  const std::vector<Step> plain(subject.recorder().steps().begin(),
                                subject.recorder().steps().end());
  const Step& held = plain[plain.size() / 2];
  subject.run({{Deviation::Kind::kStall, held.cpu, held.index, 777}}, true);
  CHECK(subject.recorder().unmet() == nullptr);
  for (const Step& step : subject.recorder().steps()) {
    if (step.cpu != held.cpu || step.index != held.index) continue;
    CHECK(step.time == held.time + 777);
  }
}

TEST_CASE("a deviation that the run does not get to is told", "[explore]") {
  const scenario::Scenario scenario = test::lost_wakeup(false);
  Subject subject(scenario);
  subject.run({{Deviation::Kind::kStall, 0, 1'000'000, 5}}, false);
  CHECK(subject.recorder().unmet() != nullptr);
}
