#include <catch2/catch.hpp>

#include "tests/models/workqueue/booted_system.hpp"
#include "tests/support/run_scenario.hpp"

using Catch::Contains;
using Catch::StartsWith;
using kt::run::Watchdog;
using support::BootedSystem;
using support::FailingForks;

TEST_CASE("the watchdog finds a pool that does not get on", "[workqueue][stall]") {
  const auto run = [](const std::string& cmdline) {
    const std::string text =
        R"("duration": "70s", "machine": {"cpus": 2}, "completions": ["c"],
    "kernel": {"boot": "minimal", "cmdline": "workqueue.cpu_intensive_thresh_us=0 )" +
        cmdline + R"("}, "works": {"a": {"do": [{"wait_for_completion": "c"}]},
      "hog": {"do": [{"loop": null, "do": [{"run": "10ms"}, "cond_resched"]}]}, "b": {"do": []}},
    "kthreads": {"t": {"cpu": 0, "do": [{"queue_work": "a"}, {"queue_work": "hog"},
      {"msleep": "10ms"}, {"queue_work": "b"}]}})";
    return support::run_keys(text, {.traced = false});
  };
  const support::Run stalled = run("");
  CHECK(stalled.ending == kt::run::Ending::kWatchdog);
  CHECK(stalled.end > 30'000'000'000);
  CHECK(stalled.end < 61'000'000'000);
  CHECK_THAT(stalled.message,
             Contains("BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for") &&
                 Contains("Showing busy workqueues and worker pools:") &&
                 Contains("workqueue events: flags=0x0") && Contains("pending: b") &&
                 Contains(":hog") && Contains("waits for c"));
  CHECK(run("workqueue.watchdog_thresh=5").end < 12'000'000'000);
  CHECK(run("workqueue.watchdog_thresh=0").message.find("workqueue lockup") == std::string::npos);
}

namespace {

// A worker is busy for ever, so that its pool never gets on; `words` go to the command line.
support::Run stalls_for_ever(const std::string& words) {
  return support::run_keys(
      R"("duration": "100s", "machine": {"cpus": 2},
    "kernel": {"boot": "minimal",
               "cmdline": "workqueue.cpu_intensive_thresh_us=0 workqueue.watchdog_thresh=5 )" +
          words + R"("}, "works": {"b": {"do": []},
      "hog": {"do": [{"loop": null, "do": [{"run": "10ms"}, "cond_resched"]}]}},
    "kthreads": {"t": {"cpu": 0, "do": [{"queue_work": "hog"}, {"msleep": "10ms"},
                                        {"queue_work": "b"}]}})",
      {.traced = false});
}

}  // namespace

TEST_CASE("panic_on_stall: the kernel panics at so many stalls", "[workqueue][stall]") {
  const support::Run first = stalls_for_ever("");
  CHECK_THAT(first.message, Contains("workqueue lockup") && !Contains("panic"));
  const support::Run off = stalls_for_ever("workqueue.panic_on_stall=0");
  CHECK(off.message == first.message);
  const support::Run one = stalls_for_ever("workqueue.panic_on_stall=1");
  CHECK(one.ending == kt::run::Ending::kWatchdog);
  CHECK(one.end == first.end);
  CHECK_THAT(one.message,
             Contains("BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for") &&
                 Contains("pending: b") &&
                 Contains("Kernel panic - not syncing: Fatal exception in interrupt\n"));
  CHECK_THAT(one.message,
             StartsWith("the kernel panics on CPU ") &&
                 Contains(", in wq_watchdog_timer_fn(), at stall "
                          "1 with workqueue.panic_on_stall=1: pool 2 (cpus=0 node=0 flags=0x0 nice=0) "
                          "has started nothing for "));
  // The watchdog counts anew from each stall, and its timer is a little late each time.
  const support::Run three = stalls_for_ever("workqueue.panic_on_stall=3");
  CHECK(three.ending == kt::run::Ending::kWatchdog);
  CHECK(three.end > first.end + 10 * sim::kSecond);
  CHECK(three.end < first.end + 11 * sim::kSecond);
  CHECK_THAT(three.message, Contains(", at stall 3 with workqueue.panic_on_stall=3: pool 2 "));
}

TEST_CASE("panic_on_stall: stalls that it lets pass are told of at the end", "[workqueue][stall]") {
  const support::Run run = stalls_for_ever("workqueue.panic_on_stall=1000");
  CHECK(run.ending == kt::run::Ending::kWatchdog);
  CHECK(run.end == 100 * sim::kSecond);
  CHECK_THAT(run.message, Contains("of the 999 stalls that workqueue.panic_on_stall lets pass") &&
                              Contains("BUG: workqueue lockup") && !Contains("Kernel panic"));
  const support::Run none = support::run_keys(R"("duration": "100s",
    "kernel": {"boot": "minimal", "cmdline": "workqueue.panic_on_stall=1"},
    "works": {"a": {"do": [{"run": "1ms"}]}}, "kthreads": {"t": {"do": [{"queue_work": "a"}]}})");
  CHECK(none.ending == kt::run::Ending::kDone);
  CHECK(none.message.empty());
}

TEST_CASE("a pool without workers that nothing can help", "[workqueue][stall]") {
  FailingForks forks;
  forks.fails = 1'000;
  SECTION("workers sleep for what a queued work would give") {
    BootedSystem machine(R"("duration": "idle", "machine": {"cpus": 1}, "completions": ["c"],
      "works": {"a": {"count": 8, "do": [{"wait_for_completion": "c"}]}, "b": {"do": [{"complete_all": "c"}]}},
      "tasks": {"t": {"do": [{"loop": 8, "do": [{"queue_work": "a"}]}, {"queue_work": "b"}]}})");
    machine.system.machine().chooser = &forks;
    machine.system.run();
    CHECK(machine.system.ending() == kt::run::Ending::kDefect);
    CHECK(machine.system.now() < 10'000'000'000);
    CHECK_THAT(machine.system.message(),
               Contains("worker-pool exhaustion: all workers of pool 2") &&
                   Contains("(runs a of events)") && Contains("failed") &&
                   Contains("b of events waits for a worker and has no rescuer"));
  }
  SECTION("a rescuer helps, but only its own queue") {
    BootedSystem machine(R"("duration": "idle", "machine": {"cpus": 1}, "completions": ["c"],
      "workqueues": {"r": {"flags": ["WQ_MEM_RECLAIM"]}},
      "works": {"a": {"count": 8, "do": [{"wait_for_completion": "c"}]},
        "b": {"workqueue": "r", "do": [{"complete_all": "c"}, {"mark": "b"}]}},
      "tasks": {"t": {"do": [{"loop": 8, "do": [{"queue_work": "a"}]}, {"queue_work": "b"}]}})");
    machine.system.machine().chooser = &forks;
    machine.system.run();
    CHECK(machine.mark("b") > 0);
    CHECK(machine.system.message().empty());
  }
}

TEST_CASE("a worker that sleeps in its work is told of, an idle one is not", "[workqueue][stall]") {
  const support::Run run = support::run_keys(R"("duration": "idle", "completions": ["c"],
    "works": {"a": {"do": [{"mark": "ran"}]}}, "tasks": {"t": {"do": [{"queue_work": "a"}]}})");
  CHECK(run.message.empty());
  CHECK(run.mark("ran") > 0);
}
