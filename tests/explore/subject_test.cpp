#include "tools/explore/subject.hpp"

#include <malloc.h>

#include <catch2/catch.hpp>

#include "sim/error.hpp"
#include "tests/explore/explored.hpp"

using namespace kt;
using namespace kt::explore;

TEST_CASE("a run of the same schedule is the same run", "[explore]") {
  const scenario::Scenario scenario = test::lost_wakeup(true);
  Subject subject(scenario);
  const SearchResult result = test::search(subject, {});
  REQUIRE(result.found);
  const auto steps_of = [&](const Schedule& schedule) {
    subject.run(schedule, true);
    std::vector<std::tuple<Time, int, std::uint32_t, std::int32_t>> steps;
    for (const Step& s : subject.recorder().steps())
      steps.emplace_back(s.time, s.cpu, s.index, s.pid);
    return steps;
  };
  const auto plain = steps_of({});
  const auto found = steps_of(result.found->schedule);
  CHECK(plain != found);
  for (int i = 0; i < 3; ++i) {
    CHECK(steps_of(result.found->schedule) == found);
    CHECK(steps_of({}) == plain);
  }
}

TEST_CASE("runs leave nothing behind", "[explore]") {
  const scenario::Scenario scenario = test::lost_wakeup(false);
  Subject subject(scenario);
  for (int i = 0; i < 100; ++i) subject.run({}, true);
  const std::size_t before = mallinfo2().uordblks;
  const std::size_t changed = subject.arena().changed();
  for (int i = 0; i < 20'000; ++i) subject.run({}, false);
  CHECK(subject.arena().changed() == changed);
  CHECK(mallinfo2().uordblks <= before + 4096);
}

TEST_CASE("a machine with devices is refused", "[explore]") {
  const scenario::Scenario scenario =
      scenario::load("io.json", R"({"name": "io", "version": 1, "duration": "idle",
      "machine": {"disks": {"d": {"read": 1000000, "write": 1000000}}},
      "kthreads": {"a": {"do": [{"io": {"disk": "d", "bytes": 1}}]}}})");
  CHECK_THROWS_AS(Subject(scenario), sim::UserError);
}
