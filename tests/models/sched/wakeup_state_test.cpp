// kernel/sched/core.c: try_to_wake_up: races of a wakeup with what its target does to its own
// state.
#include <catch2/catch.hpp>

#include "tests/support/test_machine.hpp"

namespace {

using kt::kthread::Kthreads;
using kt::sched::Task;
using sim::Co;
using support::TestMachine;

constexpr sim::Time kEnd = 100'000'000;

struct Run {
  TestMachine m;
  Task* target = nullptr;
  sim::Time delay = 0;
  bool woken = false;
};

// Announces a sleep, thinks better of it and exits: a wakeup that was in time may be under way.
Co<int> exits_awake(Kthreads&, Task& self, void*) {
  co_await self.cpu->run(20'000);
  self.state = kt::sched::kTaskInterruptible;
  co_await self.cpu->run(2'000);
  co_return 0;
}

Co<int> wakes_late(Kthreads& kthreads, Task& self, void* data) {
  Run& run = *static_cast<Run*>(data);
  co_await self.cpu->run(run.delay);
  run.woken = co_await kthreads.scheduler().wake_up_process(*run.target);
  co_return 0;
}

}  // namespace

TEST_CASE("no wakeup under way overwrites the state of a task that dies", "[sched][wakeup]") {
  unsigned in_time = 0;
  for (sim::Time delay = 15'000; delay < 30'000; delay += 20) {
    CAPTURE(delay);
    Run run;
    run.delay = delay;
    run.target = &run.m.thread("target", &exits_awake, nullptr, 0);
    run.m.thread("waker", &wakes_late, &run, 1);
    run.m.run_until(kEnd);
    in_time += run.woken ? 1 : 0;
    CHECK(run.target->state == kt::sched::kTaskDead);
    CHECK(run.m.violations() == "");
  }
  CHECK(in_time > 0);
}
