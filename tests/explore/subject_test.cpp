#include "tools/explore/subject.hpp"

#include <malloc.h>

#include <catch2/catch.hpp>
#include <tuple>

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

namespace {

Outcome in_time(const std::string& duration, const std::string& sections) {
  const scenario::Scenario scenario =
      scenario::load("starved.json", R"({"name": "starved", "version": 1, "machine": {"cpus": 1},
      "kernel": {"boot": "minimal"}, "duration": ")" +
                                         duration + R"(", )" + sections + "}");
  return Subject(scenario).run({}, false);
}

}  // namespace

TEST_CASE("who gets no CPU for a second starves, however long the run lasts", "[explore]") {
  const std::string hog = R"("kthreads": {
    "low": {"cpu": 0, "policy": "fifo:1", "do": [{"usleep": "1ms"}, {"run": "1ms"}]},
    "high": {"cpu": 0, "policy": "fifo:50", "do": [{"loop": null, "do": [{"run": "10ms"}]}]}})";
  for (const std::string duration : {"idle", "1500ms"}) {
    CAPTURE(duration);
    const Outcome outcome = in_time(duration, hog);
    CHECK(outcome.fault == Fault::kStarvation);
    CHECK(outcome.subject == "low");
  }
  CHECK(in_time("900ms", hog).fault == Fault::kNone);
}

TEST_CASE("a work that no worker starts for a second starves", "[explore]") {
  const std::string hog = R"("works": {"w": {"do": [{"run": "1us"}]}}, "kthreads": {
    "high": {"cpu": 0, "policy": "fifo:50", "do": [{"queue_work": "w"},
      {"loop": null, "do": [{"run": "10ms"}]}]}})";
  const Outcome outcome = in_time("1500ms", R"("kthreads": {
    "high": {"cpu": 0, "policy": "fifo:50", "do": [{"loop": null, "do": [{"run": "10ms"}]}]}},
    "works": {"w": {"do": [{"run": "1us"}]}}, "timers": {"t": {"do": [{"queue_work": "w"}]}},
    "events": [{"t": 0, "mod_timer": {"name": "t", "delay": "4ms"}}])");
  CHECK(outcome.fault == Fault::kStarvation);
  CHECK(in_time("900ms", hog).fault == Fault::kNone);
}

TEST_CASE("a stall of the schedule is not starvation", "[explore]") {
  const scenario::Scenario scenario = test::explored("", {R"({"usleep": "20us"})"});
  Subject subject(scenario);
  subject.run({}, true);
  constexpr Time kSecond = 1'000'000'000;
  for (const Step& step :
       std::vector<Step>(subject.recorder().steps().begin(), subject.recorder().steps().end())) {
    if (step.index == 0) continue;
    const Schedule held{{Deviation::Kind::kStall, step.cpu, step.index, kSecond}};
    CHECK(subject.run(held, false).fault == Fault::kNone);
  }
}

namespace {

// All that deviates from a schedule by one more, run from the start and from marks.
void require_same_from_marks(Subject& subject, const Faults& faults, const Schedule& schedule) {
  subject.run(schedule, true);
  Races races(subject.scenario().machine.cpus, 0, faults);
  const std::vector<Deviation> deviations = races.all(subject.recorder());
  REQUIRE(deviations.size() > 20);
  const auto end_of = [&](const Outcome& outcome) {
    return std::tuple(outcome.fault, outcome.subject, subject.system().now(),
                      subject.system().machine().calendar().dispatched(),
                      subject.recorder().begun(), subject.recorder().unmet() == nullptr);
  };
  for (const std::size_t most : {1000, 3}) {
    subject.mark(schedule, most);
    for (const Deviation& deviation : deviations) {
      const Schedule more = with(schedule, deviation);
      const auto whole = end_of(subject.run(more, false));
      REQUIRE(end_of(subject.run_near(more, deviation)) == whole);
    }
  }
}

}  // namespace

TEST_CASE("a run that goes on from a mark is the run from the start", "[explore]") {
  const std::string tso = R"("variables": {"x": 0, "y": 0}, "works": {"w": {"do": [
    {"set": "x = 1"}, {"usleep": "5us"}]}}, )";
  scenario::Scenario scenario = test::explored(
      tso,
      {R"({"set": "y = 1"}, {"queue_work": {"work": "w", "cpu": 1}}, {"flush_work": "w"})",
       R"({"set": "y = 2"}, {"if": "x == 0", "then": [{"usleep": "2us"}]}, {"set": "x = 2"})"});
  Faults faults;
  faults.store_buffers = GENERATE(false, true);
  if (faults.store_buffers) scenario.kernel.memory_model = scenario::MemoryModel::kTso;
  Subject subject(scenario);
  require_same_from_marks(subject, faults, {});
  subject.run({}, true);
  const std::vector<Deviation> first = Races(2, 0, faults).all(subject.recorder());
  require_same_from_marks(subject, faults, {first[first.size() / 2]});
  require_same_from_marks(subject, faults, {first.back()});
}

// It is idle only once it has said that it is dead: before, whoever takes it down still waits for
// it.
TEST_CASE("a CPU that takes its time to die, at any step, is no hang", "[explore][hotplug]") {
  const scenario::Scenario scenario = test::explored("", {R"({"cpu_down": 1})", ""});
  Subject subject(scenario);
  REQUIRE(subject.run({}, true).fault == Fault::kNone);
  std::vector<Deviation> stalls;
  for (const Step& step : subject.recorder().steps()) {
    if (step.index == 0 || step.cpu != 1) continue;
    for (const Time time : {1'000, 1'000'000})
      stalls.push_back({Deviation::Kind::kStall, step.cpu, step.index, time});
  }
  REQUIRE(stalls.size() > 100);
  for (const Deviation& stall : stalls) {
    CAPTURE(stall.index, stall.time);
    REQUIRE(subject.run({stall}, false).fault == Fault::kNone);
  }
}
