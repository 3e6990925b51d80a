#include "tools/run/workqueue_report.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/report/wq_scenario.hpp"
#include "tests/run/stopped_system.hpp"
#include "tests/support/property.hpp"
#include "tests/support/random_work_scenario.hpp"
#include "tools/run/workqueue_json.hpp"

namespace kt::run {
namespace {

using sim::kMs;
using support::StoppedSystem;

WorkqueueUse use_of(StoppedSystem& system) {
  return workqueue_use(*system,
                       std::vector<Time>(static_cast<std::size_t>(system->machine().nr_cpus())));
}

const WorkUse& named(const std::vector<WorkUse>& uses, const std::string& name) {
  for (const WorkUse& use : uses) {
    if (use.name == name) return use;
  }
  FAIL("no " << name);
  return uses.front();
}

TEST_CASE("works and their queue are counted and timed", "[report]") {
  StoppedSystem system(100 * kMs, R"("machine": {"cpus": 1},
    "works": {"a": {"do": [{"run": "2ms"}]}, "b": {"do": [{"run": "4ms"}]}, "never": {"do": []}},
    "kthreads": {"k": {"do": [{"loop": 3, "do": [{"queue_work": "a"}, {"flush_work": "a"}]},
                              {"queue_work": "b"}]}})");
  const WorkqueueUse use = use_of(system);
  REQUIRE(use.works.size() == 3);
  const WorkUse& a = named(use.works, "a");
  CHECK(a.workqueue == "events");
  CHECK(a.queued == 3);
  CHECK(a.started == 3);
  CHECK(a.ended == 3);
  CHECK(a.start_to_end.max >= 2 * kMs);
  CHECK(a.start_to_end.max < 2 * kMs + 100'000);
  CHECK(a.queue_to_start.p50 <= a.queue_to_start.p999);
  CHECK(named(use.works, "never").queued == 0);
  REQUIRE(use.queues.size() == 1);
  CHECK(use.queues[0].queued == 4);
  CHECK(use.queues[0].started == 4);  // without the barriers of three flushes
  CHECK(use.queues[0].start_to_end.max >= 4 * kMs);
  REQUIRE(use.pools.size() == 1);
  CHECK(use.pools[0].name == "CPU 0");
  CHECK(use.pools[0].works == 7);  // with them
  CHECK(use.pools[0].idle == 1);
}

TEST_CASE("max_active holds a work back", "[report]") {
  StoppedSystem system(100 * kMs, R"("machine": {"cpus": 1},
    "workqueues": {"one": {"max_active": 1}},
    "works": {"w": {"workqueue": "one", "count": 3, "do": [{"msleep": "8ms"}]}},
    "kthreads": {"k": {"do": [{"loop": 3, "do": [{"queue_work": "w"}]}]}})");
  const LateUse late = named(use_of(system).works, "w").worst.at(0);
  CHECK(late.latency > 16 * kMs);
  CHECK(late.inactive > 16 * kMs);
  CHECK(late.behind + late.creation + late.cpu_wait < kMs / 10);
  CHECK_THAT(late.queued_by, Catch::StartsWith("k (pid "));
  CHECK_THAT(late.worker, Catch::StartsWith("kworker/0:"));
}

TEST_CASE("a work waits behind the one that its CPU's pool runs", "[report]") {
  StoppedSystem system(100 * kMs, R"("machine": {"cpus": 1},
    "works": {"long": {"do": [{"run": "5ms"}]}, "short": {"do": []}},
    "kthreads": {"k": {"do": [{"queue_work": "long"}, {"queue_work": "short"}]}})");
  const LateUse late = named(use_of(system).works, "short").worst.at(0);
  CHECK(late.behind > 5 * kMs);
  CHECK(late.behind_work == "long");
  CHECK(late.behind_worker == late.worker);
  CHECK(late.inactive == 0);
}

TEST_CASE("a worker that sleeps gives way, and is named", "[report]") {
  StoppedSystem system(100 * kMs, R"("machine": {"cpus": 1},
    "works": {"sleepy": {"do": [{"run": "3ms"}, {"msleep": "20ms"}]}, "short": {"do": []}},
    "kthreads": {"k": {"do": [{"queue_work": "sleepy"}, {"queue_work": "short"}]}})");
  const LateUse late = named(use_of(system).works, "short").worst.at(0);
  CHECK(late.behind > 3 * kMs);
  CHECK(late.behind < 6 * kMs);
  CHECK(late.behind_work == "sleepy");
  CHECK(late.behind_worker != late.worker);
}

TEST_CASE("a pool with one worker makes another before it starts", "[report]") {
  StoppedSystem system(100 * kMs, R"("machine": {"cpus": 1},
    "works": {"w": {"do": [{"msleep": "20ms"}]}},
    "kthreads": {"k": {"do": [{"queue_work": "w"}]}})",
                       R"({"boot": "minimal", "kworkers": {"0": 1}})");
  const WorkqueueUse use = use_of(system);
  const LateUse late = named(use.works, "w").worst.at(0);
  CHECK(late.creation > 0);
  CHECK_FALSE(late.rescued);
  const PoolUse& pool = use.pools.at(0);
  CHECK(pool.at_boot == 1);
  CHECK(pool.least == 1);
  CHECK(pool.most == 2);
  CHECK(pool.now == 2);
  CHECK(pool.created == 1);
  REQUIRE(pool.changes.size() == 1);
  CHECK(pool.changes[0].workers == 2);
  CHECK(pool.changes[0].at == pool.most_since);
  CHECK(late.queued_at + late.latency > pool.most_since);
}

TEST_CASE("a worker waits for its CPU, and who had it is named", "[report]") {
  StoppedSystem system(100 * kMs, R"("machine": {"cpus": 2}, "works": {"w": {"do": []}},
    "kthreads": {"hog": {"cpu": 0, "policy": "fifo:10", "do": [{"run": "7ms"}]},
                 "k": {"cpu": 1, "do": [{"usleep": "1ms"}, {"queue_work": {"work": "w", "cpu": 0}}]}})");
  const LateUse late = named(use_of(system).works, "w").worst.at(0);
  CHECK(late.cpu_wait > 5 * kMs);
  CHECK_THAT(late.cpu_taken_by, Catch::StartsWith("hog (pid "));
  CHECK(late.cpu == 0);
  CHECK(late.behind + late.inactive + late.creation == 0);
}

TEST_CASE("a delayed work is queued by the softirq of its timer", "[report]") {
  StoppedSystem system(100 * kMs, R"("machine": {"cpus": 1},
    "works": {"w": {"delayed": true, "do": []}},
    "kthreads": {"k": {"do": [{"queue_delayed_work": {"work": "w", "delay": "10ms"}}]}})");
  CHECK(named(use_of(system).works, "w").worst.at(0).queued_by == "softirq on CPU 0");
}

TEST_CASE("rescued works, and the locks of all pools", "[report]") {
  StoppedSystem system(support::kWqMoment, support::kWqScenario);
  const WorkqueueUse use = use_of(system);
  const WorkUse& receive = named(use.works, "receive");
  const auto rescued = std::find_if(receive.worst.begin(), receive.worst.end(),
                                    [](const LateUse& late) { return late.rescued; });
  REQUIRE(rescued != receive.worst.end());
  CHECK(rescued->worker == "kworker/R-rx");
  CHECK(rescued->creation > 8 * kMs);
  CHECK(use.pools.at(0).rescued == 1);
  REQUIRE(use.locks.size() == 1);
  CHECK(use.locks[0].name == "wq_pool_attach_mutex");
  CHECK(use.locks[0].waited > 0);
}

TEST_CASE("the worst are few, latest first, and within their latency", "[report]") {
  StoppedSystem system(300 * kMs, R"("machine": {"cpus": 2},
    "works": {"w": {"count": 30, "do": [{"run": {"exp": "1ms"}}, {"usleep": "500us"}]}},
    "kthreads": {"k": {"do": [{"loop": 60, "do": [{"queue_work": "w"}, {"usleep": "1ms"}]}]}})");
  const WorkUse use = named(use_of(system).works, "w");
  REQUIRE(use.worst.size() == 5);
  CHECK(use.worst[0].latency == use.queue_to_start.max);
  for (std::size_t i = 0; i < use.worst.size(); ++i) {
    const LateUse& late = use.worst[i];
    if (i > 0) CHECK(late.latency <= use.worst[i - 1].latency);
    CHECK(late.inactive + late.behind + late.creation + late.cpu_wait + late.way == late.latency);
  }
}

TEST_CASE("a worker that waits for its CPU, and then makes another one", "[report]") {
  StoppedSystem system(200 * kMs, R"("machine": {"cpus": 1},
    "works": {"b": {"do": [{"run": "100ms"}]}, "a": {"do": []}},
    "events": [{"t": "0", "do": [{"queue_work": "b"}, {"queue_work": "a"}]}])",
                       R"({"preempt": "none"})");
  const LateUse late = named(use_of(system).works, "a").worst.at(0);
  CHECK(late.behind > 10 * kMs);  // until b counted as CPU intensive
  CHECK(late.behind < 15 * kMs);
  CHECK(late.cpu_wait > 85 * kMs);
  CHECK_THAT(late.cpu_taken_by, Catch::StartsWith("kworker/0:1 (pid "));
  CHECK(late.creation > 0);
  CHECK(late.way < kMs / 100);
}

// The parts of each latest start of a random scenario.
void check_parts(std::uint64_t seed) {
  const std::string text = support::random_work_scenario(seed);
  CAPTURE(seed, text);
  const scenario::Scenario scenario = scenario::load("random", text);
  sim::Trace trace;
  System system(scenario, trace, {.seed = {}, .duration = {}});
  system.run();
  const WorkqueueUse use = workqueue_use(
      system, std::vector<Time>(static_cast<std::size_t>(system.machine().nr_cpus())));
  for (const auto* uses : {&use.works, &use.queues}) {
    for (const WorkUse& of : *uses) {
      for (const LateUse& late : of.worst) {
        CAPTURE(late.work, late.queued_at, late.latency, late.inactive, late.behind, late.creation,
                late.cpu_wait, late.way);
        for (const Time part : {late.inactive, late.behind, late.creation, late.cpu_wait, late.way})
          REQUIRE(part >= 0);
        REQUIRE(late.inactive + late.behind + late.creation + late.cpu_wait + late.way ==
                late.latency);
        if (!late.bh) CHECK(late.way <= kMs / 10);  // of up to 80 ms
      }
    }
  }
}

TEST_CASE("random works: the parts of latest starts sum to them", "[report][property]") {
  support::for_each_seed(200, &check_parts);
}

TEST_CASE("the JSON has every number", "[report]") {
  StoppedSystem system(support::kWqMoment, support::kWqScenario);
  const auto json = workqueue_json(use_of(system), false);
  CHECK(json["works"][0]["name"] == "receive");
  CHECK(json["works"][0]["queued"] == 10);
  CHECK(json["works"][0]["queue_to_start"].contains("p99.9"));
  const auto& worst = json["works"][0]["worst"];
  CHECK(std::ranges::any_of(worst, [](const auto& late) { return late.contains("behind_work"); }));
  CHECK(json["pools"][0]["workers"]["most"] == 3);
  CHECK(json["pools"][0]["workers"]["changes"].size() == 1);
  CHECK(json["locks"][0]["contentions"] == 2);
}

}  // namespace
}  // namespace kt::run
