// Expectations on works: what they mean, and what a failed one says.
#include <catch2/catch.hpp>

#include "tests/run/simulate.hpp"

namespace {

using Catch::Contains;
using kt::run::Verdict;

const std::string kWorks = R"("machine": {"cpus": 1},
  "workqueues": {"one": {"max_active": 1}},
  "works": {"rx": {"workqueue": "one", "count": 3, "do": [{"msleep": "8ms"}]},
            "tx": {"do": [{"run": "10us"}]}, "never": {"do": []}},
  "kthreads": {"k": {"do": [{"loop": 3, "do": [{"queue_work": "rx"}]}, {"queue_work": "tx"}]}})";

Verdict works_verdict(const std::string& expectation) {
  const auto report = support::simulate("100ms", kWorks + ", \"expect\": [" + expectation + "]");
  REQUIRE(report.expectations.size() == 1);
  return report.expectations[0];
}

}  // namespace

TEST_CASE("latency is the time from queueing to the start", "[expect]") {
  CHECK(works_verdict(R"({"work": "rx", "latency": "max", ">": "16ms"})").passed);
  CHECK(works_verdict(R"({"work": "rx", "latency": "p99.9", "<": "40ms"})").passed);
  CHECK(works_verdict(R"({"work": "rx", "latency": "min", "<": "100us"})").passed);
  CHECK(works_verdict(R"({"work": "rx", "latency": "mean", "<": "16ms"})").passed);
  CHECK(works_verdict(R"({"work": "tx", "latency": "p50", "<": "1ms"})").passed);
}

TEST_CASE("a latency that fails says which start was latest, and why", "[expect]") {
  const Verdict failed = works_verdict(R"({"work": "rx", "latency": "p99", "<": "200us"})");
  CHECK_FALSE(failed.passed);
  CHECK(failed.expectation == "latency p99 of rx < 200us");
  CHECK_THAT(failed.reason, Contains("p99 of 3 starts is ") && Contains("; the latest at t=") &&
                                Contains(", CPU 0, kworker/0:") && Contains(" after k (pid ") &&
                                Contains(" held back by max_active"));
  CHECK_THAT(failed.where, Contains("/expect/0"));
  const Verdict never = works_verdict(R"({"work": "never", "latency": "max", "<": "1s"})");
  CHECK(never.reason == "it never started, queued 0 times");
}

TEST_CASE("workers are the most of one of the queue's pools", "[expect]") {
  CHECK(works_verdict(R"({"workers": "one", "max": 3})").passed);
  CHECK(works_verdict(R"({"workers": "events", "min": 2})").passed);
  const Verdict few = works_verdict(R"({"workers": "events", "min": 9})");
  CHECK(few.expectation == "workers of events >= 9");
  CHECK_THAT(few.reason, Contains(" at most, first at t=") && Contains(", in pool 2 (CPU 0)"));
  CHECK_FALSE(works_verdict(R"({"workers": "one", "max": 1})").passed);
}

TEST_CASE("events of one work are counted", "[expect]") {
  CHECK(works_verdict(R"({"count": "workqueue_execute_start", "work": "rx", "==": 3})").passed);
  CHECK(works_verdict(R"({"count": "workqueue_queue_work", "work": "tx", "==": 1})").passed);
  CHECK(works_verdict(R"({"count": "workqueue:*", "work": "never", "==": 0})").passed);
  const Verdict wrong =
      works_verdict(R"({"count": "workqueue_execute_end", "work": "rx", "<": 3})");
  CHECK(wrong.expectation == "count workqueue_execute_end of rx < 3");
  CHECK_THAT(wrong.reason, Contains("3 were seen, the last at t=") && Contains("kworker/0:"));
}

TEST_CASE("an order may name the work of an event", "[expect]") {
  CHECK(works_verdict(R"({"order": ["workqueue_execute_start rx", "workqueue_execute_start tx",
                              "workqueue_execute_end tx", "workqueue_execute_end rx"]})")
            .passed);
  CHECK_FALSE(works_verdict(R"({"order": ["workqueue_execute_end rx",
                                    "workqueue_execute_start tx"]})")
                  .passed);
}

TEST_CASE("a work with another kind of event is a mistake", "[expect]") {
  CHECK_THROWS_WITH(works_verdict(R"({"count": "sched_switch", "work": "rx", "==": 1})"),
                    Contains("\"sched_switch\" is no event of a work"));
  CHECK_THROWS_WITH(works_verdict(R"({"order": ["mark a", "workqueue_execute_start xr"]})"),
                    Contains("unknown work \"xr\"; did you mean"));
}
