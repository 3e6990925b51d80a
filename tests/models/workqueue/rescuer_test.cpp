// Managers that cannot make a worker, their calls for help, and the rescuer's turns.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/models/workqueue/booted_system.hpp"
#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using support::lines_of;
using support::Run;
using support::run_keys;

/// The workers of CPU 1 (and 2) sleep until "memory" is complete, and kthreadd, which would make
/// others, does not get to run on CPU 0 for so long.
std::string starved(int hz, const char* hog, const std::string& works,
                    const std::string& queueing) {
  return fmt::format(R"("duration": "2s", "machine": {{"cpus": 3}}, "completions": ["memory"],
    "kernel": {{"boot": "minimal", "hz": {}, "kworkers": {{"1": 2, "2": 2}}}},
    "workqueues": {{"r": {{"flags": ["WQ_MEM_RECLAIM"]}}}},
    "works": {{"user": {{"count": 4, "do": [{{"wait_for_completion": "memory"}}]}}, {}}},
    "kthreads": {{
      "hog": {{"cpu": 0, "policy": "fifo:50", "do": [{{"usleep": "9ms"}}, {{"run": "{}"}},
        {{"mark": "kthreadd may run"}}, {{"complete_all": "memory"}}]}},
      "submitter": {{"cpu": 1, "policy": "fifo:60", "do": [
        {{"set_cpus_allowed": {{"thread": "kthreadd", "cpus": "0"}}}}, {{"usleep": "10ms"}},
        {}]}}}})",
                     hz, works, hog, queueing);
}

std::vector<sim::Time> times(const std::vector<const support::TraceLine*>& lines) {
  std::vector<sim::Time> result;
  for (const support::TraceLine* line : lines) result.push_back(line->time);
  return result;
}

const char* const kBlockCpu1 =
    R"({"queue_work": {"work": "user/0", "cpu": 1}}, {"queue_work": {"work": "user/1", "cpu": 1}}, )";
const char* const kBlockCpu2 =
    R"({"queue_work": {"work": "user/2", "cpu": 2}}, {"queue_work": {"work": "user/3", "cpu": 2}}, )";

}  // namespace

// Invariant 39: MAYDAY_INITIAL_TIMEOUT is 10 ms, at least two jiffies; MAYDAY_INTERVAL is 100 ms.
// At HZ=1000 that is beyond the lowest level of the wheel: up to 8 ms late.
TEST_CASE("a manager calls for help after 10 ms, then every 100 ms", "[workqueue][rescuer]") {
  struct Case {
    int hz;
    sim::Time first;
    sim::Time granule;
  };
  for (const Case& each : {Case{1000, 10 * kMs, 8 * kMs}, Case{250, 8 * kMs, 4 * kMs},
                           Case{100, 20 * kMs, 10 * kMs}}) {
    CAPTURE(each.hz);
    const sim::Time jiffy = 1'000 * kMs / each.hz;
    const Run run = run_keys(
        starved(each.hz, "450ms", R"("w": {"workqueue": "r", "do": [{"mark": "rescued"}]})",
                kBlockCpu1 + std::string(R"({"queue_work": {"work": "w", "cpu": 1}})")));
    CHECK(run.message == "");
    CHECK(support::violations(run) == "");
    const auto armed = lines_of(run.trace, "timer_start", "function", "pool_mayday_timeout");
    const auto calls =
        times(lines_of(run.trace, "timer_expire_entry", "function", "pool_mayday_timeout"));
    REQUIRE(calls.size() >= 4);
    const sim::Time first = calls[0] - armed[0]->time;
    CHECK(first > each.first - kMs / 10);
    CHECK(first < each.first + 2 * jiffy);
    for (std::size_t i = 1; i < calls.size(); ++i) {
      CHECK(calls[i] - calls[i - 1] >= 100 * kMs - kMs / 10);
      CHECK(calls[i] - calls[i - 1] <= 100 * kMs + each.granule + jiffy);
    }
    CHECK(run.mark("rescued") > calls[0]);
    CHECK(run.mark("rescued") < calls[0] + kMs);
    CHECK(calls.back() < run.mark("kthreadd may run"));
  }
}

// Invariant 39: CREATE_COOLDOWN, by a timer of the wheel's second level (up to 32 ms late at
// HZ=250).
TEST_CASE("a manager that failed tries again a second later", "[workqueue][rescuer]") {
  struct Attempts : support::FailingForks {
    std::uint32_t choose(sim::Question question, std::uint32_t options,
                         std::uint32_t subject) override {
      if (question == sim::Question::kAllocation) times.push_back(system->now());
      return FailingForks::choose(question, options, subject);
    }
    kt::run::System* system = nullptr;
    std::vector<sim::Time> times;
  };
  support::BootedSystem machine(R"("duration": "5s", "machine": {"cpus": 1},
    "works": {"w": {"count": 4, "do": [{"msleep": "5s"}]}}, "tasks": {
      "t": {"do": [{"loop": 4, "do": [{"queue_work": "w"}]}]},
      "awake": {"do": [{"loop": 80, "do": [{"msleep": "50ms"}]}]}})");
  Attempts attempts;
  attempts.fails = 3;
  attempts.system = &machine.system;
  machine.system.machine().chooser = &attempts;
  machine.system.run();
  CHECK(machine.system.message() == "");
  REQUIRE(attempts.times.size() >= 4);
  for (std::size_t i = 1; i < 4; ++i) {
    CHECK(attempts.times[i] - attempts.times[i - 1] >= 1'000 * kMs);
    CHECK(attempts.times[i] - attempts.times[i - 1] <= 1'040 * kMs);
  }
}

// Invariant 38: RESCUER_BATCH.
TEST_CASE("a rescuer takes turns between pools, 17 works at a time", "[workqueue][rescuer]") {
  std::string queueing = kBlockCpu1 + std::string(kBlockCpu2);
  for (int i = 0; i < 60; ++i) {
    queueing += fmt::format(R"({}{{"queue_work": {{"work": "w/{}", "cpu": {}}}}})",
                            i == 0 ? "" : ", ", i, 1 + i / 30);
  }
  const Run run = run_keys(starved(
      250, "300ms", R"("w": {"workqueue": "r", "count": 60, "do": [{"run": "400us"}]})", queueing));
  CHECK(run.message == "");
  CHECK(support::violations(run) == "");
  std::vector<std::pair<unsigned, int>> turns;  // CPU, works
  for (const support::TraceLine* line : lines_of(run.trace, "workqueue_execute_start")) {
    if (line->comm != "kworker/R-r") continue;
    if (turns.empty() || turns.back().first != line->cpu) turns.emplace_back(line->cpu, 0);
    ++turns.back().second;
  }
  const unsigned first = turns.empty() ? 0 : turns.front().first;
  CHECK(turns == std::vector<std::pair<unsigned, int>>{
                     {first, 17}, {3 - first, 17}, {first, 13}, {3 - first, 13}});
}

TEST_CASE("a rescuer leaves a pool that can help itself", "[workqueue][rescuer]") {
  const Run run = run_keys(
      starved(250, "60ms", R"("w": {"workqueue": "r", "count": 20, "do": [{"run": "8ms"}]})",
              kBlockCpu1 +
                  std::string(R"({"loop": 20, "do": [{"queue_work": {"work": "w", "cpu": 1}}]})")));
  CHECK(run.message == "");
  CHECK(support::violations(run) == "");
  int rescued = 0;
  int by_workers = 0;
  for (const support::TraceLine* line : lines_of(run.trace, "workqueue_execute_start")) {
    if (line->payload.find("function w") == std::string::npos) continue;
    ++(line->comm == "kworker/R-r" ? rescued : by_workers);
    if (line->comm == "kworker/R-r") CHECK(line->time < run.mark("kthreadd may run") + 16 * kMs);
  }
  CHECK(rescued > 2);
  CHECK(rescued + by_workers == 20);
  CHECK(by_workers > 5);
}
