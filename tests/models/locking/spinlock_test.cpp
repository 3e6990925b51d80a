#include "models/locking/spinlock.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "sim/error.hpp"
#include "tests/models/locking/locker.hpp"
#include "tests/support/test_machine.hpp"

namespace {

using kt::kthread::Kthreads;
using kt::locking::Spinlock;
using kt::sched::Task;
using sim::Co;
using sim::kSecond;
using support::Locker;
using support::MachineOptions;
using Notes = std::vector<std::string>;

// CPUs 0 and 1 share a core, 0-3 a cache, 0-7 a node; 8-15 are another node.
MachineOptions two_nodes() {
  MachineOptions options;
  options.topology.nr_cpus = 16;
  options.topology.smt = 2;
  options.topology.llc = {"0-3", "4-7", "8-15"};
  options.topology.nodes = {{"0-7", 1U << 30}, {"8-15", 1U << 30}};
  return options;
}

struct SpinlockRun : support::LockRun<Spinlock> {
  SpinlockRun() : LockRun(two_nodes()) {}
};

}  // namespace

TEST_CASE("spinlock: contenders get it in the order in which they came", "[locking]") {
  SpinlockRun run;
  run.add({.name = "owner", .hold = 100'000}, 0);
  run.add({.name = "third", .start = 30'000, .hold = 1'000}, 8);
  run.add({.name = "first", .start = 10'000, .hold = 1'000}, 4);
  run.add({.name = "second", .start = 20'000, .hold = 1'000}, 1);
  run.m.run_until(kSecond);
  CHECK(run.m.notes() == Notes{"owner", "first", "second", "third"});
  CHECK(run.lock.owner == nullptr);
  CHECK(run.lock.head == nullptr);
  for (const Locker& locker : run.lockers) CHECK(locker.preempt_count == 1);
  CHECK(run.m.violations() == "");
}

TEST_CASE("spinlock: handing over costs more the farther the next one is", "[locking]") {
  const kt::cpu::CostTable costs;
  struct Case {
    int cpu;
    sim::Time cost;
  };
  const auto [cpu, cost] =
      GENERATE_COPY(Case{1, costs.handover_smt}, Case{2, costs.handover_llc},
                    Case{4, costs.handover_node}, Case{8, costs.handover_remote});
  CAPTURE(cpu);
  SpinlockRun run;
  const Locker& owner = run.add({.name = "owner", .hold = 50'000}, 0);
  const Locker& spinner = run.add({.name = "spinner", .start = 10'000}, cpu);
  run.m.run_until(kSecond);
  CHECK(spinner.acquired - owner.released == cost);
}

TEST_CASE("spinlock: a free one costs the way of its cache line", "[locking]") {
  const kt::cpu::CostTable costs;
  SpinlockRun run;
  const Locker& first = run.add({.name = "first"}, 0);
  const Locker& near = run.add({.name = "near", .start = 50'000}, 0);
  const Locker& far = run.add({.name = "far", .start = 200'000}, 9);
  run.m.run_until(kSecond);
  CHECK(first.waited() == costs.lock);
  CHECK(near.waited() == costs.lock);
  CHECK(far.waited() == costs.handover_remote);
}

TEST_CASE(
    "spinlock: a spinner that is interrupted goes on spinning, and gets it after the interrupt",
    "[locking]") {
  // The tick comes every 4 ms and takes about a microsecond; the release is moved across it.
  const sim::Time offset = GENERATE(range(-2'000, 3'000, 100));
  CAPTURE(offset);
  SpinlockRun run;
  const Locker& owner = run.add({.name = "owner", .hold = 8'000'000 + offset}, 0);
  const Locker& spinner = run.add({.name = "spinner", .start = 100'000}, 2);
  run.m.run_until(kSecond);
  CHECK(run.m.notes() == Notes{"owner", "spinner"});
  CHECK(spinner.acquired >= owner.released + run.m.machine.costs().handover_llc);
  CHECK(spinner.acquired <= owner.released + 20'000);
  CHECK(run.m.violations() == "");
}

namespace {

Co<int> irqsave(Kthreads&, Task& self, void* data) {
  SpinlockRun& run = *static_cast<SpinlockRun*>(data);
  co_await run.m.spinlocks.lock_irqsave(run.lock);
  CHECK(self.cpu->irqs_disabled());
  CHECK(self.preempt_count == 1);
  const sim::Time before = run.m.calendar.now();
  constexpr sim::Time kHold = 10'000'000;  // across two ticks, which wait
  co_await self.cpu->run(kHold);
  CHECK(run.m.calendar.now() - before == kHold);
  co_await run.m.spinlocks.unlock_irqrestore(run.lock);
  CHECK_FALSE(self.cpu->irqs_disabled());
  self.cpu->local_irq_disable();
  co_await run.m.spinlocks.lock_irqsave(run.lock);
  co_await run.m.spinlocks.unlock_irqrestore(run.lock);
  CHECK(self.cpu->irqs_disabled());
  self.cpu->local_irq_enable();
  run.m.note("done");
  co_return 0;
}

}  // namespace

TEST_CASE("spinlock: irqsave keeps interrupts off and restores what it found", "[locking]") {
  SpinlockRun run;
  run.m.thread("saver", &irqsave, &run);
  run.m.run_until(kSecond);
  CHECK(run.m.notes() == Notes{"done"});
  CHECK(run.m.violations() == "");
}

namespace {

Co<int> unlock_foreign(Kthreads&, Task& self, void* data) {
  SpinlockRun& run = *static_cast<SpinlockRun*>(data);
  co_await self.cpu->run(10'000);
  co_await run.m.spinlocks.unlock(run.lock);
  co_return 0;
}

Co<int> sleep_with_lock(Kthreads& kthreads, Task&, void* data) {
  SpinlockRun& run = *static_cast<SpinlockRun*>(data);
  co_await run.m.spinlocks.lock(run.lock);
  co_await kthreads.timers().msleep(10'000'000);
  co_return 0;
}

}  // namespace

TEST_CASE("spinlock: unlocking what another holds and sleeping with it are defects", "[locking]") {
  SpinlockRun run;
  run.lock.name = run.m.trace.names().intern("hot");
  SECTION("unlock") {
    run.add({.name = "owner", .hold = 1'000'000}, 0);
    run.m.thread("stranger", &unlock_foreign, &run, 1);
    CHECK_THROWS_WITH(run.m.run_until(kSecond),
                      "spinlock hot unlocked by stranger, which does not hold it");
  }
  SECTION("sleep") {
    run.m.thread("sleeper", &sleep_with_lock, &run);
    CHECK_THROWS_WITH(run.m.run_until(kSecond),
                      Catch::Contains("scheduling while atomic: sleeper"));
  }
}
