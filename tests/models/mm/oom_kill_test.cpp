// The OOM killer: who is killed, what that gives back, and when oom_reaper steps in.
#include <catch2/catch.hpp>

#include "tests/models/mm/memory_run.hpp"

using kt::mm::kGfpKernel;
using kt::mm::kGfpNofs;
using kt::mm::kPageSize;
using kt::mm::NodeConfig;
using support::Allocator;
using support::MemoryRun;

namespace {

using sim::kSecond;

// 64 MiB, 1,000 pages of them free, no page cache: min is 256 pages.
NodeConfig node() {
  return {support::kSmall, 1'000 * kPageSize, 0, 0};
}

support::MachineOptions cpus(int nr_cpus) {
  support::MachineOptions options;
  options.topology.nr_cpus = nr_cpus;
  return options;
}

Allocator::Step pages(int times, kt::mm::Gfp gfp = kGfpKernel, sim::Time sleep = 0) {
  return {.bytes = kPageSize, .gfp = gfp, .sleep = sleep, .times = times};
}

TEST_CASE("the task that has most is killed, and another goes on with its memory", "[mm][oom]") {
  MemoryRun run({node()}, cpus(3));
  run.allocator({pages(100), pages(1, kGfpKernel, 5 * kSecond)}, true, 0);
  std::vector<Allocator::Step> sleeps(500, pages(0, kGfpKernel, kSecond / 100));
  sleeps.insert(sleeps.begin(), pages(500));
  Allocator& hog = run.allocator(sleeps, true, 1);
  Allocator& late = run.allocator({pages(300, kGfpKernel, kSecond / 10)}, true, 2);
  run.m.run_until(kSecond);
  REQUIRE(run.memory.oom_victims().size() == 1);
  CHECK(run.memory.oom_victims().front().task == run.tasks[1]);
  CHECK(run.memory.oom_victims().front().pages == 500);
  CHECK(hog.done);
  CHECK(late.results == std::vector<bool>{true});
  CHECK(run.m.records(kt::trace::Event::kOomMarkVictim).size() == 1);
  CHECK(run.m.violations() == "");
}

TEST_CASE("a kernel thread is never killed, however much it has", "[mm][oom]") {
  MemoryRun run({node()}, cpus(2));
  run.allocator({pages(700)}, false, 0);
  run.allocator({pages(100, kGfpKernel, kSecond / 100)}, true, 1);
  run.allocator({pages(100, kGfpKernel, kSecond)}, false, 0);
  CHECK_THROWS_WITH(run.m.run_until(2 * kSecond), Catch::Contains("no killable processes: alloc3"));
  CHECK(run.memory.oom_victims().size() == 1);
}

TEST_CASE("a victim that allocates gets a part of the reserve, then nothing", "[mm][oom]") {
  MemoryRun run({node()});
  Allocator& a = run.allocator({pages(2'000)}, true);
  run.m.run_until(kSecond);
  CHECK(a.results == std::vector<bool>{false});
  REQUIRE(run.memory.oom_victims().size() == 1);
  CHECK(run.memory.oom_victims().front().skip);
  CHECK(run.memory.node(0).free == 1'000);
}

TEST_CASE("without __GFP_FS nobody is killed", "[mm][oom]") {
  MemoryRun run({node()});
  Allocator& a = run.allocator({pages(2'000, kGfpNofs)}, true);
  run.m.run_until(kSecond / 10);
  CHECK_FALSE(a.done);
  CHECK(run.memory.oom_victims().empty());
}

TEST_CASE("oom_reaper takes the memory of a victim that sleeps in D", "[mm][oom]") {
  MemoryRun run({node()}, cpus(2));
  run.memory.set_oom_reaper(
      run.m.kthreads.boot_thread("oom_reaper", nullptr, nullptr, kt::sched::kTaskInterruptible));
  Allocator& sleeper = run.allocator({pages(500), pages(1, kGfpKernel, 60 * kSecond)}, true, 0);
  Allocator& late = run.allocator({pages(400, kGfpKernel, kSecond / 10)}, false, 1);
  run.m.run_until(2 * kSecond);
  CHECK_FALSE(late.done);
  run.m.run_until(3 * kSecond);
  CHECK(late.done);
  CHECK_FALSE(sleeper.done);
}

/// A thread that disables the OOM killer.
struct Disabler {
  MemoryRun* run = nullptr;
  sim::Time at = 0;
  sim::Time timeout = 0;
  bool disabled = false;
  sim::Time done = -1;
};

sim::Co<int> disable(kt::kthread::Kthreads& kthreads, kt::sched::Task&, void* data) {
  Disabler& self = *static_cast<Disabler*>(data);
  co_await kthreads.timers().msleep(self.at);
  const auto timeout = kthreads.timers().ticks().from_time(self.timeout);
  self.disabled = co_await self.run->memory.oom_killer_disable(timeout);
  self.done = self.run->m.calendar.now();
  co_return 0;
}

TEST_CASE("while the OOM killer is disabled allocations fail, and nobody is killed", "[mm][oom]") {
  MemoryRun run({node()}, cpus(3));
  run.allocator({pages(700), pages(1, kGfpKernel, 10 * kSecond)}, true, 0);
  Disabler disabler{&run, kSecond / 10, kSecond};
  run.m.thread("disabler", &disable, &disabler, 2);
  Allocator& late = run.allocator({pages(100, kGfpKernel, kSecond)}, false, 1);
  Allocator& again = run.allocator({pages(100, kGfpKernel, 2 * kSecond)}, false, 1);
  run.m.run_until(kSecond * 3 / 2);
  CHECK(disabler.disabled);
  CHECK(late.results == std::vector<bool>{false});
  CHECK(run.memory.oom_victims().empty());
  run.memory.oom_killer_enable();
  run.m.run_until(3 * kSecond);
  CHECK(run.memory.oom_victims().size() == 1);
  CHECK_FALSE(again.done);  // its victim sleeps in D, and there is no oom_reaper
}

TEST_CASE("disabling the OOM killer waits for its victims, for so long", "[mm][oom]") {
  MemoryRun run({node()}, cpus(3));
  run.allocator({pages(500), pages(1, kGfpKernel, 2 * kSecond)}, true, 0);
  Allocator& late = run.allocator({pages(400, kGfpKernel, kSecond / 10)}, false, 1);
  Disabler hasty{&run, kSecond / 5, kSecond / 10};
  Disabler patient{&run, kSecond / 2, 10 * kSecond};
  run.m.thread("hasty", &disable, &hasty, 2);
  run.m.thread("patient", &disable, &patient, 2);
  run.m.run_until(kSecond);
  CHECK_FALSE(hasty.disabled);
  CHECK(hasty.done > kSecond * 3 / 10);
  CHECK(run.memory.oom_victims_alive() == 1);
  run.m.run_until(4 * kSecond);
  CHECK(patient.disabled);
  CHECK(patient.done > 2 * kSecond);  // when the victim has woken and exited
  CHECK(run.memory.oom_victims_alive() == 0);
  CHECK(late.results == std::vector<bool>{false});  // it came to an end at 200 ms
  CHECK(run.m.violations() == "");
}

}  // namespace
