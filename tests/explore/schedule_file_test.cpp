#include "tools/explore/schedule_file.hpp"

#include <catch2/catch.hpp>

#include "sim/error.hpp"
#include "tests/explore/explored.hpp"

using namespace kt;
using namespace kt::explore;

namespace {

ScheduleFile found_in(Subject& subject) {
  const SearchResult result = test::search(subject, {});
  REQUIRE(result.found);
  const Found shrunk = shrink(subject, *result.found);
  ScheduleFile file;
  file.scenario = "explored";
  file.fault = fault_words(shrunk.outcome.fault);
  file.schedule = shrunk.schedule;
  file.places = explain(subject, shrunk).places;
  return file;
}

std::string complaint(const std::string& text) {
  try {
    parse_schedule("s.json", text);
  } catch (const sim::UserError& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("a schedule is read as it was written", "[explore]") {
  const scenario::Scenario scenario = test::lost_wakeup(true);
  Subject subject(scenario);
  const ScheduleFile file = found_in(subject);
  const ScheduleFile read = parse_schedule("s.json", to_json(file).dump(2));
  CHECK(read.schedule == file.schedule);
  CHECK(read.fault == "a lost wakeup");
  CHECK(first_difference(read, file.places, file.scenario_hash).empty());
}

TEST_CASE("a schedule whose steps are others now is refused with the first of them", "[explore]") {
  ScheduleFile file;
  {
    const scenario::Scenario scenario = test::lost_wakeup(true);
    Subject subject(scenario);
    file = found_in(subject);
  }
  const scenario::Scenario changed = test::lost_wakeup(false);
  Subject subject(changed);
  subject.run(file.schedule, true);
  const std::string difference = first_difference(
      file, places_of(subject.recorder(), changed, subject.system(), file.schedule), "");
  CHECK_THAT(difference,
             Catch::StartsWith("deviation 1 of 1 is about t0: set_state INTERRUPTIBLE"));
}

TEST_CASE("a file that is no schedule is refused with what is wrong", "[explore]") {
  CHECK(complaint("[]") == "s.json: not a JSON object; expected a schedule file");
  CHECK(complaint("{}") == "s.json: expected the key \"schedule\"");
  CHECK(complaint(R"({"schedule": 7})") == "s.json: format 7 is not known; expected 1");
  const std::string head = R"({"schedule": 1, "ktsim": "0", "scenario": "a", "scenario_hash": "0",
    "set": [], "fault": "x", "deviations": )";
  CHECK(complaint(head + "[]}").empty());
  CHECK(complaint(head + "3}") == "s.json: expected an array \"deviations\"");
  CHECK(complaint(head + R"([{"kind": "nap"}]})") ==
        "s.json: \"nap\": expected stall, late_interrupt or answer");
}
