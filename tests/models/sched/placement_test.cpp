// kernel/sched/fair.c: wake_affine, select_idle_sibling, wake_wide: where a wakee goes whose
// previous CPU is taken; kernel/sched/core.c: affine_move_task for a sleeper whose dequeue is
// delayed.
#include <catch2/catch.hpp>
#include <vector>

#include "tests/support/test_machine.hpp"

namespace {

using kt::kthread::Kthreads;
using kt::sched::Task;
using kt::trace::Event;
using sim::Co;
using sim::kMs;
using sim::kUs;
using support::MachineOptions;
using support::TestMachine;

struct PlacementRun {
  explicit PlacementRun(const MachineOptions& options) : m(options) {}
  TestMachine m;
  Task* wakee = nullptr;
  Task* rival = nullptr;
  std::uint32_t waker_flips = 0;
  std::uint32_t wakee_flips = 0;
  std::vector<int> placed;  // where each wakeup put the wakee
};

// A CPU that is taken for a while.
struct Hog {
  sim::Time from;
  sim::Time until;
};

Co<int> hog(Kthreads& kthreads, Task& self, void* data) {
  const Hog& hog = *static_cast<Hog*>(data);
  if (hog.from != 0) co_await kthreads.timers().usleep_range(hog.from, hog.from);
  co_await self.cpu->run_until(hog.until);
  co_return 0;
}

// 100 ms of short steps, so that its load is small; then it sleeps until somebody wakes it.
Co<int> light(Kthreads& kthreads, Task& self, void* data) {
  PlacementRun& run = *static_cast<PlacementRun*>(data);
  for (int i = 0; i < 50; ++i) {
    co_await kthreads.timers().usleep_range(2 * kMs, 2 * kMs);
    co_await self.cpu->run(10 * kUs);
  }
  for (;;) {
    self.state = kt::sched::kTaskInterruptible;
    co_await kthreads.scheduler().schedule();
    run.placed.push_back(self.cpu->id());
    co_await self.cpu->run(10 * kUs);
  }
}

// At 200 and at 300 ms.
Co<int> wakes_twice(Kthreads& kthreads, Task& self, void* data) {
  PlacementRun& run = *static_cast<PlacementRun*>(data);
  for (int i = 2; i <= 3; ++i) {
    const sim::Time until = i * 100 * kMs - run.m.calendar.now();
    co_await kthreads.timers().usleep_range(until, until);
    co_await self.cpu->run(10 * kUs);
    self.wakee_flips = run.waker_flips;
    run.wakee->wakee_flips = run.wakee_flips;
    co_await kthreads.scheduler().wake_up_process(*run.wakee);
  }
  co_return 0;
}

/// Where a light wakee goes whose previous CPU was `prev`, woken from CPU 0 at 200 and 300 ms.
std::vector<int> place(PlacementRun& run, int prev, std::vector<std::pair<int, Hog>> hogs) {
  run.wakee = &run.m.thread("wakee", &light, &run, prev, false);
  run.m.thread("waker", &wakes_twice, &run, 0);
  for (auto& [cpu, when] : hogs) run.m.thread("hog", &hog, &when, cpu);
  run.m.run_until(400 * kMs);
  CHECK(run.m.violations() == "");
  return run.placed;
}

MachineOptions two_nodes(int distance) {
  MachineOptions options;
  options.topology.nr_cpus = 8;
  options.topology.nodes = {{"0-3", 1U << 30}, {"4-7", 1U << 30}};
  options.topology.distance = {{10, distance}, {distance, 10}};
  return options;
}

}  // namespace

TEST_CASE("a wakee stays on its node while its CPU idles", "[sched][select]") {
  PlacementRun run(two_nodes(20));
  CHECK(place(run, 5, {}) == std::vector<int>{5, 5});
}

TEST_CASE("a light wakee crosses to the waker's node if its CPU is loaded", "[sched][select]") {
  // The load is the task's own average, not its weight: with its weight it would stay.
  PlacementRun run(two_nodes(20));
  CHECK(place(run, 5, {{5, {110 * kMs, 400 * kMs}}}) == std::vector<int>{1, 1});
}

TEST_CASE("beyond the reclaim distance a wakee stays on its node", "[sched][select]") {
  PlacementRun run(two_nodes(40));
  CHECK(place(run, 5, {{5, {110 * kMs, 400 * kMs}}}) == std::vector<int>{6, 6});
}

TEST_CASE("the CPU used before the last is tried before a search", "[sched][select]") {
  MachineOptions options;
  options.topology.nr_cpus = 8;
  PlacementRun run(options);
  // Driven from CPU 5 to 1, next to the waker's; then that is taken and 5 is free.
  CHECK(place(run, 5, {{5, {110 * kMs, 250 * kMs}}, {1, {260 * kMs, 400 * kMs}}}) ==
        std::vector<int>{1, 5});
}

TEST_CASE("a waker of many does not pull wakees that wake many", "[sched][select]") {
  MachineOptions options;
  options.topology.nr_cpus = 4;
  options.topology.llc = {"0-1", "2-3"};
  struct Case {
    std::uint32_t waker_flips, wakee_flips;
    int cpu;
  };
  // Wide: both at least the size of the cache (2), one that many times the other.
  const auto c =
      GENERATE(Case{0, 0, 1}, Case{9, 1, 1}, Case{2, 2, 1}, Case{4, 2, 3}, Case{2, 8, 3});
  CAPTURE(c.waker_flips, c.wakee_flips);
  PlacementRun run(options);
  run.waker_flips = c.waker_flips;
  run.wakee_flips = c.wakee_flips;
  const std::vector<int> placed = place(run, 2, {{2, {110 * kMs, 400 * kMs}}});
  REQUIRE_FALSE(placed.empty());
  CHECK(placed.front() == c.cpu);
}

namespace {

// Runs longer than its rival and sleeps: in debt, so that its dequeue is delayed.
Co<int> sleeps_in_debt(Kthreads& kthreads, Task& self, void* data) {
  PlacementRun& run = *static_cast<PlacementRun*>(data);
  std::int64_t ahead = 0;  // in virtual time, which for nice 0 is real time
  while (ahead <= 0) {
    co_await self.cpu->run(500 * kUs);
    kthreads.scheduler().update_curr(kthreads.scheduler().this_rq());
    ahead = static_cast<std::int64_t>(self.se.vruntime - run.rival->se.vruntime);
  }
  self.state = kt::sched::kTaskInterruptible;
  co_await kthreads.scheduler().schedule();
  run.placed.push_back(self.cpu->id());
  co_return 0;
}

Co<int> moves_and_wakes(Kthreads& kthreads, Task& self, void* data) {
  PlacementRun& run = *static_cast<PlacementRun*>(data);
  while (!run.wakee->se.sched_delayed && run.m.calendar.now() < 40 * kMs) {
    co_await self.cpu->run(10 * kUs);
  }
  CHECK(run.wakee->se.sched_delayed);
  CHECK(run.wakee->on_rq == kt::sched::OnRq::kQueued);
  const auto only = kt::cpu::CpuMask::of(3, 2);
  const int result = co_await kthreads.scheduler().set_cpus_allowed(*run.wakee, only);
  CHECK(result == 0);
  CHECK(run.wakee->cpu->id() == 2);
  CHECK(run.wakee->state == kt::sched::kTaskInterruptible);
  co_await self.cpu->run(10 * kMs);
  CHECK(run.placed.empty());
  const bool woken = co_await kthreads.scheduler().wake_up_process(*run.wakee);
  CHECK(woken);
  co_return 0;
}

}  // namespace

TEST_CASE("a sleeper whose dequeue is delayed moves with its mask and sleeps on",
          "[sched][affinity]") {
  MachineOptions options;
  options.topology.nr_cpus = 3;
  const bool busy = GENERATE(false, true);  // the CPU that it comes to
  CAPTURE(busy);
  PlacementRun run(options);
  run.wakee = &run.m.thread("wakee", &sleeps_in_debt, &run, 0);
  Hog forever{0, 60 * kMs};
  run.rival = &run.m.thread("rival", &hog, &forever, 0);
  run.m.thread("mover", &moves_and_wakes, &run, 1);
  Hog other{0, 60 * kMs};
  if (busy) run.m.thread("other", &hog, &other, 2);
  run.m.run_until(100 * kMs);
  CHECK(run.placed == std::vector<int>{2});
  CHECK(run.m.violations() == "");
  unsigned wakings = 0;
  for (const auto& record : run.m.records(Event::kSchedWaking)) {
    if (static_cast<std::int32_t>(record.arguments[0]) == run.wakee->pid) ++wakings;
  }
  CHECK(wakings == 1);
}
