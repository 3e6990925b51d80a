// Where each preemption model lets a task be preempted (kernel/sched/core.c:
// __sched_dynamic_update).
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using support::lines_of;
using support::Run;
using support::run_keys;

/// A kernel thread that occupies CPU 0 with `body`; a real-time thread wants to run at 10 ms.
Run kernel_hog(std::string_view preempt, std::string_view body) {
  return run_keys(fmt::format(R"("kernel": {{"boot": "minimal", "preempt": "{}"}},
      "duration": "idle", "machine": {{"cpus": 1}}, "mutexes": ["m"],
      "kthreads": {{
        "urgent": {{"cpu": 0, "policy": "fifo:1", "do": [{{"usleep": "10ms"}}, {{"mark": "urgent"}}]}},
        "hog": {{"cpu": 0, "do": [{}, {{"run": "1ms"}}]}}}})",
                              preempt, body));
}

/// The state in which somebody left CPU 0 to the real-time thread at 10 ms or later.
std::string displaced(const Run& run) {
  for (const support::TraceLine* line :
       lines_of(run.trace, "sched_switch", "next_comm", "urgent")) {
    if (line->time < 9 * kMs) continue;
    return fmt::format("{} {}", line->text_of("prev_comm"), line->text_of("prev_state"));
  }
  return "never";
}

}  // namespace

TEST_CASE("an interrupt preempts kernel code under full only", "[sched][preemption]") {
  const Run full = kernel_hog("full", R"({"run": "20ms"})");
  CHECK(violations(full) == "");
  CHECK(full.mark("urgent") < 10 * kMs + kMs / 2);
  CHECK(displaced(full) == "hog R+");
  for (const char* preempt : {"none", "voluntary"}) {
    CAPTURE(preempt);
    const Run run = kernel_hog(preempt, R"({"run": "20ms"})");
    CHECK(violations(run) == "");
    CHECK(run.mark("urgent") > 21 * kMs);
    CHECK(displaced(run) == "hog X");
  }
}

TEST_CASE("cond_resched is a preemption point under none and voluntary", "[sched][preemption]") {
  const char* const body = R"({"run": "8ms"}, "preempt_disable", {"run": "4ms"},
      {"mark": "held"}, "preempt_enable", "cond_resched", {"mark": "on"})";
  for (const char* preempt : {"none", "voluntary", "full"}) {
    CAPTURE(preempt);
    const Run run = kernel_hog(preempt, body);
    CHECK(violations(run) == "");
    CHECK(displaced(run) == "hog R+");  // full: by preempt_enable
    CHECK(run.mark("held") < run.mark("urgent"));
    CHECK(run.mark("urgent") < run.mark("on"));
  }
}

TEST_CASE("might_sleep is a preemption point under voluntary only", "[sched][preemption]") {
  const char* const body = R"({"run": "12ms"}, {"lock": "m"}, {"mark": "locked"}, {"unlock": "m"})";
  const Run none = kernel_hog("none", body);
  CHECK(none.mark("locked") < none.mark("urgent"));
  const Run voluntary = kernel_hog("voluntary", body);
  CHECK(voluntary.mark("urgent") < voluntary.mark("locked"));
  CHECK(displaced(voluntary) == "hog R+");
}

TEST_CASE("user code is preempted at once, as R, under every model", "[sched][preemption]") {
  for (const char* preempt : {"none", "voluntary", "full"}) {
    CAPTURE(preempt);
    const Run run = run_keys(fmt::format(R"("kernel": {{"boot": "minimal", "preempt": "{}"}},
      "duration": "idle", "machine": {{"cpus": 1}},
      "kthreads": {{"urgent": {{"cpu": 0, "policy": "fifo:1", "do": [{{"usleep": "10ms"}},
        {{"mark": "urgent"}}]}}}}, "tasks": {{"hog": {{"cpu": 0, "do": [{{"run": "20ms"}}]}}}})",
                                         preempt));
    CHECK(violations(run) == "");
    CHECK(run.mark("urgent") < 10 * kMs + kMs / 2);
    CHECK(displaced(run) == "hog R");
  }
}

TEST_CASE("what is atomic is not preempted", "[sched][preemption]") {
  for (const char* off :
       {R"("preempt_disable", {"run": "20ms"}, {"mark": "end"}, "preempt_enable")",
        R"("local_irq_disable", {"run": "20ms"}, {"mark": "end"}, "local_irq_enable")"}) {
    CAPTURE(off);
    const Run run = kernel_hog("full", off);
    CHECK(violations(run) == "");
    CHECK(run.mark("end") < run.mark("urgent"));
    CHECK(run.mark("urgent") < run.mark("end") + kMs / 2);
  }
}
