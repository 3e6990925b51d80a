// kernel/sched/core.c: try_to_wake_up: races of a wakeup with what its target does to its own
// state.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/test_machine.hpp"

namespace {

using kt::kthread::Kthreads;
using kt::sched::Task;
using sim::Co;
using sim::kMs;
using support::TestMachine;

struct WakeRun {
  explicit WakeRun(const support::MachineOptions& options = {}) : m(options) {}
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
  WakeRun& run = *static_cast<WakeRun*>(data);
  co_await self.cpu->run(run.delay);
  run.woken = co_await kthreads.scheduler().wake_up_process(*run.target);
  co_return 0;
}

}  // namespace

TEST_CASE("no wakeup under way overwrites the state of a task that dies", "[sched][wakeup]") {
  unsigned in_time = 0;
  for (sim::Time delay = 15'000; delay < 30'000; delay += 20) {
    CAPTURE(delay);
    WakeRun run;
    run.delay = delay;
    run.target = &run.m.thread("target", &exits_awake, nullptr, 0);
    run.m.thread("waker", &wakes_late, &run, 1);
    run.m.run_until(100 * kMs);
    in_time += run.woken ? 1 : 0;
    CHECK(run.target->state == kt::sched::kTaskDead);
    CHECK(run.m.violations() == "");
  }
  CHECK(in_time > 0);
}

namespace {

std::size_t events_of(WakeRun& run, kt::trace::Event event) {
  std::size_t count = 0;
  for (const auto& record : run.m.records(event)) {
    if (static_cast<std::int32_t>(record.arguments[0]) == run.target->pid) ++count;
  }
  return count;
}

Co<int> wakes_the_unborn(Kthreads& kthreads, Task&, void* data) {
  WakeRun& run = *static_cast<WakeRun*>(data);
  run.target = &kthreads.scheduler().new_task("unborn");
  run.woken = co_await kthreads.scheduler().wake_up_process(*run.target);
  co_return 0;
}

}  // namespace

TEST_CASE("a wakeup does nothing to a task that has not been woken up as new", "[sched][wakeup]") {
  WakeRun run;
  run.m.thread("waker", &wakes_the_unborn, &run, 0);
  run.m.run_until(100 * kMs);
  CHECK_FALSE(run.woken);
  CHECK(run.target->state == kt::sched::kTaskNew);
  CHECK(run.target->on_rq == kt::sched::OnRq::kNo);
  CHECK(events_of(run, kt::trace::Event::kSchedWaking) == 0);
}

namespace {

// Frozen in its sleep: kernel/freezer.c: __set_task_frozen keeps the state that it slept in.
Co<int> sleeps_frozen(Kthreads& kthreads, Task& self, void* data) {
  WakeRun& run = *static_cast<WakeRun*>(data);
  self.saved_state = kt::sched::kTaskInterruptible;
  self.state = kt::sched::kTaskFrozen;
  co_await kthreads.scheduler().schedule();
  run.m.note("thawed");
  co_return 0;
}

Co<int> wakes_the_frozen(Kthreads& kthreads, Task& self, void* data) {
  WakeRun& run = *static_cast<WakeRun*>(data);
  co_await self.cpu->run(1'000'000);
  const bool recorded = co_await kthreads.scheduler().wake_up_process(*run.target);
  CHECK(recorded);
  CHECK(run.target->saved_state == kt::sched::kTaskRunning);
  CHECK(run.target->state == kt::sched::kTaskFrozen);
  const bool again = co_await kthreads.scheduler().wake_up_process(*run.target);
  CHECK_FALSE(again);
  co_await self.cpu->run(1'000'000);
  CHECK(run.m.notes().empty());
  CHECK(events_of(run, kt::trace::Event::kSchedWaking) == 0);
  run.woken = co_await kthreads.scheduler().wake_up_state(*run.target, kt::sched::kTaskFrozen);
  co_return 0;
}

}  // namespace

TEST_CASE("a wakeup of a frozen task is kept for its thaw, without an event", "[sched][wakeup]") {
  WakeRun run;
  run.target = &run.m.thread("frozen", &sleeps_frozen, &run, 0);
  run.m.thread("waker", &wakes_the_frozen, &run, 1);
  run.m.run_until(100 * kMs);
  CHECK(run.woken);
  CHECK(run.m.notes() == std::vector<std::string>{"thawed"});
  CHECK(run.m.violations() == "");
}

namespace {

Co<int> sleeps_once(Kthreads& kthreads, Task& self, void* data) {
  WakeRun& run = *static_cast<WakeRun*>(data);
  co_await kthreads.timers().usleep_range(10'000, 10'000);  // then it is alone: no delayed dequeue
  self.state = kt::sched::kTaskInterruptible;
  co_await kthreads.scheduler().schedule();
  run.m.note("up");
  self.state = kt::sched::kTaskInterruptible;  // for good: a second wakeup would show
  co_await kthreads.scheduler().schedule();
  run.m.note("up again");
  co_return 0;
}

// With interrupts off its CPU leaves what is on its wake list there.
Co<int> blocks_interrupts(Kthreads& kthreads, Task& self, void*) {
  co_await kthreads.timers().usleep_range(30'000, 30'000);
  self.cpu->local_irq_disable();
  co_await self.cpu->run(200'000);
  self.cpu->local_irq_enable();
  co_return 0;
}

Co<int> wakes_at_80us(Kthreads& kthreads, Task& self, void* data) {
  WakeRun& run = *static_cast<WakeRun*>(data);
  co_await self.cpu->run(80'000);
  run.woken = co_await kthreads.scheduler().wake_up_process(*run.target);
  CHECK(run.target->state == kt::sched::kTaskWaking);
  co_return 0;
}

Co<int> wakes_at_120us(Kthreads& kthreads, Task& self, void* data) {
  WakeRun& run = *static_cast<WakeRun*>(data);
  co_await self.cpu->run(120'000);
  CHECK(run.target->state == kt::sched::kTaskWaking);
  const bool woken = co_await kthreads.scheduler().wake_up_process(*run.target);
  CHECK_FALSE(woken);
  co_return 0;
}

}  // namespace

TEST_CASE("a wakeup does nothing to a task that another wakeup is about to queue",
          "[sched][wakeup]") {
  support::MachineOptions options;
  options.topology.nr_cpus = 4;
  options.topology.llc = {"0-1", "2-3"};  // a waker in another cache goes through the wake list
  WakeRun run(options);
  run.target = &run.m.thread("target", &sleeps_once, &run, 0);
  run.m.thread("blocker", &blocks_interrupts, nullptr, 0);
  run.m.thread("first", &wakes_at_80us, &run, 2);
  run.m.thread("second", &wakes_at_120us, &run, 3);
  run.m.run_until(100 * kMs);
  CHECK(run.woken);
  CHECK(run.m.notes() == std::vector<std::string>{"up"});
  // By its timer, and by the first of the two.
  CHECK(events_of(run, kt::trace::Event::kSchedWaking) == 2);
  CHECK(events_of(run, kt::trace::Event::kSchedWakeup) == 2);
  CHECK(run.m.violations() == "");
}
