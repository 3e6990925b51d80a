#include "tools/run/expect.hpp"

#include <catch2/catch.hpp>

#include "tests/run/simulate.hpp"

using Catch::Contains;
using kt::run::Report;
using kt::run::Verdict;
using support::simulate;

namespace {

const std::string kTwoThreads = R"("kthreads": {
  "first": {"cpu": 0, "do": [{"mark": "a"}, {"usleep": "1ms"}, {"mark": "c"}]},
  "second": {"cpu": 1, "do": [{"usleep": "500us"}, {"mark": "b"}]}})";

Verdict verdict(const std::string& expectation, const std::string& sections = kTwoThreads) {
  const Report report = simulate("10ms", sections + ", \"expect\": [" + expectation + "]");
  REQUIRE(report.expectations.size() == 1);
  return report.expectations[0];
}

}  // namespace

TEST_CASE("order is a subsequence of the trace", "[expect]") {
  CHECK(verdict(R"({"order": ["mark a", "mark b", "mark c"]})").passed);
  CHECK(verdict(R"({"order": ["mark a", "mark c"]})").passed);
  CHECK(verdict(R"({"order": ["mark a", "sched_process_exit", "mark c"]})").passed);
}

TEST_CASE("a violated order says what was seen last, and where the rest was", "[expect]") {
  const Verdict early = verdict(R"({"order": ["mark b", "mark a"]})");
  CHECK_FALSE(early.passed);
  CHECK_THAT(early.reason, Contains("\"mark a\" was not seen after \"mark b\" (t="));
  CHECK_THAT(early.reason, Contains("only before: t="));
  CHECK_THAT(early.where, Contains("/expect/0"));
  const Verdict never = verdict(R"({"order": ["mark x", "mark a"]})");
  CHECK(never.reason == "\"mark x\" was not seen");
}

TEST_CASE("events are counted", "[expect]") {
  CHECK(verdict(R"({"count": "print", "==": 3})").passed);
  CHECK(verdict(R"({"count": "ftrace:print", ">=": 3})").passed);
  const Verdict wrong = verdict(R"({"count": "print", "<": 3})");
  CHECK(wrong.expectation == "count print < 3");
  CHECK_THAT(wrong.reason, Contains("3 were seen, the last at t="));
  CHECK(verdict(R"({"count": "sched_pi_setprio", "!=": 0})").reason == "it was never seen");
}

TEST_CASE("of one thread: what happens to it, else what it does", "[expect]") {
  CHECK(verdict(R"({"count": "print", "thread": "first", "==": 2})").passed);
  CHECK(verdict(R"({"count": "sched_process_exit", "thread": "second", "==": 1})").passed);
  CHECK(verdict(R"({"count": "sched_process_fork", "thread": "second", "==": 1})").passed);
  CHECK(verdict(R"({"count": "sched_wakeup", "thread": "second", ">=": 1})").passed);
}

TEST_CASE("sched_switch counts for the thread that is switched in", "[expect]") {
  const std::string one = R"("kthreads": {"k": {"do": [{"usleep": "1ms"}, {"usleep": "1ms"}]}})";
  // Once for its creation, once for its first wakeup, once for each sleep.
  CHECK(verdict(R"({"count": "sched_switch", "thread": "k", "==": 4})", one).passed);
}

TEST_CASE("an event that does not exist is refused with its place", "[expect]") {
  CHECK_THROWS_WITH(
      verdict(R"({"count": "sched_swich", ">": 0})"),
      Contains("/expect/0: \"sched_swich\" matches no event") && Contains("\"sched_switch\""));
  CHECK_THROWS_WITH(verdict(R"({"order": ["mark a", "b"]})"), Contains("matches no event"));
}

TEST_CASE("terminates means that every thread has exited", "[expect]") {
  CHECK(verdict(R"({"always": "terminates"})").passed);
  const Verdict wrong =
      verdict(R"({"always": "terminates"})",
              R"("kthreads": {"k": {"do": [{"loop": null, "do": [{"usleep": "1ms"}]}]}})");
  CHECK_THAT(wrong.reason, Contains("not finished: k (pid "));
}

TEST_CASE("a thread kept from its CPU for a second starves", "[expect]") {
  const std::string sections = R"("machine": {"cpus": 1}, "kthreads": {
    "low": {"policy": "fifo:1", "do": [{"usleep": "1ms"}, {"run": "1ms"}]},
    "high": {"policy": "fifo:50", "do": [{"run": "1500ms"}]}},
    "expect": [{"never": "starvation"}])";
  CHECK_FALSE(simulate("2s", sections).expectations[0].passed);
  CHECK(simulate("100ms", sections).expectations[0].passed);
}
