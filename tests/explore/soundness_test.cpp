// Races that take one kind of event each: the reduction must not lose any of them, and what the
// kernel keeps apart is no race.
#include <catch2/catch.hpp>

#include "tests/explore/explored.hpp"
#include "tests/support/paths.hpp"

using namespace kt;
using namespace kt::explore;

namespace {

// A scenario with the smallest boot.
std::optional<Found> search_of(const std::string& keys, unsigned bound = 1) {
  const scenario::Scenario scenario = scenario::load(
      "explored.json",
      R"({"name": "explored", "version": 1, )" + keys + R"(, "expect": [{"always": "terminates"}]})");
  Subject subject(scenario);
  SearchOptions options;
  options.bound = bound;
  return test::search(subject, options).found;
}

}  // namespace

TEST_CASE("mutexes in opposite order deadlock under PREEMPT_RT too", "[explore]") {
  scenario::Scenario scenario = scenario::load_file(
      (support::source_dir() / "scenarios/races/mutex-order-broken.json").string());
  scenario.kernel.preempt = scenario::Preempt::kRt;
  Subject subject(scenario);
  SearchOptions options;
  options.bound = 1;
  const SearchResult result = test::search(subject, options);
  REQUIRE(result.found);
  CHECK(result.found->outcome.fault == Fault::kDeadlock);
}

TEST_CASE("of two interrupts of one CPU either may come first", "[explore]") {
  CHECK(search_of(R"("duration": "idle", "machine": {"cpus": 1}, "kernel": {"boot": "minimal"},
    "variables": {"open": 0}, "irqs": {
      "begin": {"cpu": 0, "arrival": {"at": ["30us"]}, "do": [{"set": "open = 1"}]},
      "end": {"cpu": 0, "arrival": {"at": ["33us"]}, "do": [{"assert": "open == 1"}]}},
    "kthreads": {"t": {"cpu": 0, "do": [{"run": "1us"}]}})"));
}

TEST_CASE("a task makes room at cond_resched(), and nowhere else if it is not preempted",
          "[explore]") {
  const auto split_by = [](const std::string& statement) {
    return search_of(R"("duration": "idle", "machine": {"cpus": 2},
      "kernel": {"boot": "minimal", "preempt": "none"}, "variables": {"n": 0, "x": 0, "ended": 0},
      "waitqueues": ["q"], "kthreads": {
        "a": {"cpu": 0, "do": [{"set": "x = n"}, )" +
                     statement + R"(, {"set": "n = x + 1"}, {"set": "ended += 1"}, {"wake_up": "q"}]},
        "b": {"cpu": 0, "do": [{"set": "n += 1"}, {"set": "ended += 1"}, {"wake_up": "q"}]},
        "judge": {"cpu": 1, "do": [{"wait_event": {"waitqueue": "q", "until": "ended == 2"}},
          {"assert": "n == 2"}]}})");
  };
  CHECK(split_by(R"("cond_resched")"));
  CHECK_FALSE(split_by(R"({"run": "100ns"})"));
}

TEST_CASE("a timer's old expiry may come before it is put off, by the wheel and by hrtimers",
          "[explore]") {
  for (const std::string arm : {"mod_timer", "start_hrtimer"}) {
    CAPTURE(arm);
    const std::string section = arm == "mod_timer" ? "timers" : "hrtimers";
    CHECK(search_of(R"("duration": "idle", "machine": {"cpus": 1}, "kernel": {"boot": "minimal"},
      "variables": {"alive": 1}, ")" +
                    section + R"(": {"t": {"do": [{"set": "alive = 0"}]}}, "kthreads": {
        "o": {"cpu": 0, "do": [{")" +
                    arm + R"(": {"name": "t", "delay": "20ms"}}, {"usleep": "1ms"}, {")" + arm +
                    R"(": {"name": "t", "delay": "1900ms"}}, {"assert": "alive == 1"}]}})"));
  }
}

TEST_CASE("who is late may find that the wait has timed out", "[explore]") {
  CHECK(search_of(R"("duration": "idle", "machine": {"cpus": 2}, "kernel": {"boot": "minimal"},
    "variables": {"result": 0}, "completions": ["c"], "kthreads": {
      "waker": {"cpu": 0, "do": [{"usleep": "3900us"}, {"set": "result += 1"}, {"complete": "c"}]},
      "waiter": {"cpu": 1, "do": [{"wait_for_completion": {"completion": "c", "timeout": "8ms"}},
        {"assert": "result == 1"}]}})",
                  2));
}

TEST_CASE("code with interrupts off and a softirq of its CPU are kept apart", "[explore]") {
  const auto race = [](const std::string& before, const std::string& behind) {
    return search_of(R"("duration": "idle", "machine": {"cpus": 1}, "kernel": {"boot": "minimal"},
      "variables": {"n": {"initial": 0, "plain": true}},
      "tasklets": {"k": {"do": [{"set": "n += 1"}]}},
      "irqs": {"i": {"cpu": 0, "arrival": {"at": ["30us"]}, "do": [{"tasklet_schedule": "k"}]}},
      "kthreads": {"t": {"cpu": 0, "do": [)" +
                     before + R"({"set": "n += 1"})" + behind + "]}}");
  };
  CHECK(race("", ""));
  CHECK_FALSE(race(R"("local_irq_disable", )", R"(, "local_irq_enable")"));
}

TEST_CASE("a run is not endless because it takes long", "[explore]") {
  const auto sleeps = [](const std::string& time) {
    return search_of(R"("duration": "idle", "machine": {"cpus": 1}, "kernel": {"boot": "minimal"},
      "kthreads": {"t": {"cpu": 0, "do": [)" +
                     time + "]}}");
  };
  CHECK_FALSE(sleeps(R"({"msleep": "30s"})"));
  const auto endless = sleeps(R"({"loop": null, "do": [{"usleep": "1ms"}]})");
  REQUIRE(endless);
  CHECK(endless->outcome.fault == Fault::kNeverEnds);
}
