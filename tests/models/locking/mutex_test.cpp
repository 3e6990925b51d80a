#include "models/locking/mutex.hpp"

#include <catch2/catch.hpp>
#include <deque>
#include <string>
#include <vector>

#include "sim/error.hpp"
#include "sim/random.hpp"
#include "tests/support/test_machine.hpp"

namespace {

using kt::kthread::Kthreads;
using kt::locking::Mutex;
using kt::sched::Task;
using sim::Co;
using support::MachineOptions;
using support::TestMachine;

constexpr sim::Time kEnd = 10'000'000'000;
using Notes = std::vector<std::string>;

struct Run;

// A thread that takes the mutex once.
struct Locker {
  Run* run = nullptr;
  std::string name;
  sim::Time start = 0;  // runs so long first
  sim::Time hold = 0;   // runs so long with it
  sim::Time sleep = 0;  // then sleeps so long with it
  sim::Time waited = 0;
  sim::Time released = 0;
  std::uint64_t switches = 0;  // voluntary, while it waited
  Task* task = nullptr;
};

struct Run {
  explicit Run(int nr_cpus) : m(options(nr_cpus)) {}
  static MachineOptions options(int nr_cpus) {
    MachineOptions o;
    o.topology.nr_cpus = nr_cpus;
    return o;
  }
  TestMachine m;
  Mutex mutex;
  std::deque<Locker> lockers;
};

Co<int> lock_once(Kthreads& kthreads, Task& self, void* data) {
  Locker& locker = *static_cast<Locker*>(data);
  Run& run = *locker.run;
  co_await self.cpu->run(locker.start);
  const sim::Time before = run.m.calendar.now();
  const std::uint64_t switches = self.stats.nvcsw;
  co_await run.m.mutexes.lock(run.mutex);
  locker.waited = run.m.calendar.now() - before;
  locker.switches = self.stats.nvcsw - switches;
  run.m.note(locker.name);
  CHECK(run.mutex.owner == &self);
  co_await self.cpu->run(locker.hold);
  if (locker.sleep != 0) co_await kthreads.timers().usleep_range(locker.sleep, locker.sleep);
  locker.released = run.m.calendar.now();
  co_await run.m.mutexes.unlock(run.mutex);
  co_return 0;
}

Locker& add(Run& run, const Locker& locker, int cpu) {
  Locker& added = run.lockers.emplace_back(locker);
  added.run = &run;
  added.task = &run.m.thread(added.name, &lock_once, &added, cpu);
  return added;
}

}  // namespace

TEST_CASE("mutex: a free one is taken at once", "[locking]") {
  Run run(1);
  const Locker& only = add(run, {.name = "only"}, 0);
  run.m.run_until(kEnd);
  CHECK(only.waited == run.m.machine.costs().lock);
  CHECK(only.switches == 0);
  CHECK(run.mutex.owner == nullptr);
}

TEST_CASE("mutex: while the owner runs a contender spins and does not sleep", "[locking]") {
  Run run(2);
  const Locker& owner = add(run, {.name = "owner", .hold = 50'000}, 0);
  const Locker& contender = add(run, {.name = "contender", .start = 5'000}, 1);
  run.m.run_until(kEnd);
  CHECK(run.m.notes() == Notes{"owner", "contender"});
  CHECK(contender.switches == 0);
  CHECK(contender.waited > 40'000);
  // Within two polls and the way of the cache line after the release.
  const sim::Time acquired = contender.released;
  CHECK(acquired - owner.released < 1'000);
  CHECK(run.m.violations() == "");
}

TEST_CASE("mutex: while the owner sleeps contenders sleep in D and get it in order", "[locking]") {
  Run run(4);
  add(run, {.name = "owner", .hold = 1'000, .sleep = 1'000'000}, 0);
  const Locker& first = add(run, {.name = "first", .start = 100'000, .sleep = 50'000}, 1);
  const Locker& second = add(run, {.name = "second", .start = 200'000, .sleep = 50'000}, 2);
  const Locker& third = add(run, {.name = "third", .start = 300'000, .sleep = 50'000}, 3);
  run.m.run_until(250'000);
  CHECK(first.task->state == kt::sched::kTaskUninterruptible);
  CHECK(first.task->wait.kind == kt::sched::WaitKind::kMutex);
  CHECK(first.task->wait.on == run.lockers[0].task);
  run.m.run_until(kEnd);
  CHECK(run.m.notes() == Notes{"owner", "first", "second", "third"});
  CHECK(first.switches >= 1);
  CHECK(second.switches >= 1);
  CHECK(third.switches >= 1);
  CHECK(run.mutex.head == nullptr);
  CHECK_FALSE(run.mutex.handoff);
  CHECK(run.m.violations() == "");
}

namespace {

// Unlocks and at once locks again, and sleeps with it: a thief.
Co<int> lock_three_times(Kthreads& kthreads, Task&, void* data) {
  Run& run = *static_cast<Run*>(data);
  for (int i = 0; i < 3; ++i) {
    co_await run.m.mutexes.lock(run.mutex);
    run.m.note("thief");
    co_await kthreads.timers().usleep_range(500'000, 500'000);
    co_await run.m.mutexes.unlock(run.mutex);
  }
  co_return 0;
}

}  // namespace

TEST_CASE("mutex: a first waiter that was robbed once is handed the lock", "[locking]") {
  // With one CPU the waiter runs only when the thief sleeps again, with the lock.
  Run run(1);
  run.m.thread("thief", &lock_three_times, &run, 0);
  add(run, {.name = "waiter", .start = 10'000}, 0);
  run.m.run_until(kEnd);
  CHECK(run.m.notes() == Notes{"thief", "thief", "waiter", "thief"});
  CHECK(run.mutex.owner == nullptr);
  CHECK_FALSE(run.mutex.handoff);
  CHECK_FALSE(run.mutex.pickup);
  CHECK(run.m.violations() == "");
}

namespace {

Co<int> unlock_foreign(Kthreads& kthreads, Task&, void* data) {
  Run& run = *static_cast<Run*>(data);
  co_await kthreads.timers().usleep_range(100'000, 100'000);
  co_await run.m.mutexes.unlock(run.mutex);
  co_return 0;
}

}  // namespace

TEST_CASE("mutex: unlocking what another task holds is a defect", "[locking]") {
  Run run(2);
  run.mutex.name = run.m.trace.names().intern("big");
  add(run, {.name = "owner", .hold = 1'000'000}, 0);
  run.m.thread("stranger", &unlock_foreign, &run, 1);
  CHECK_THROWS_WITH(run.m.run_until(kEnd),
                    "mutex big unlocked by stranger, which does not hold it");
}

namespace {

struct Crowd : Run {
  Crowd(int nr_cpus, std::uint64_t seed) : Run(nr_cpus), random(seed, "/crowd") {}
  sim::RandomStream random;
  int inside = 0;
  int rounds = 0;
};

// Locks again and again, runs or sleeps with the mutex and without.
Co<int> lock_at_random(Kthreads& kthreads, Task& self, void* data) {
  Crowd& crowd = *static_cast<Crowd*>(data);
  for (int i = 0; i < 20; ++i) {
    co_await self.cpu->run(static_cast<sim::Time>(crowd.random.bounded(20'000)));
    co_await crowd.m.mutexes.lock(crowd.mutex);
    crowd.m.note("inside");
    CHECK(++crowd.inside == 1);
    co_await self.cpu->run(static_cast<sim::Time>(crowd.random.bounded(5'000)));
    if (crowd.random.bounded(3) == 0) co_await kthreads.timers().usleep_range(30'000, 30'000);
    CHECK(crowd.inside-- == 1);
    ++crowd.rounds;
    co_await crowd.m.mutexes.unlock(crowd.mutex);
  }
  co_return 0;
}

}  // namespace

TEST_CASE("mutex: a crowd never meets inside, and everybody gets through", "[locking]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const int nr_cpus = 1 + static_cast<int>(seed % 4);
    Crowd crowd(nr_cpus, seed);
    for (int i = 0; i < 8; ++i)
      crowd.m.thread("member", &lock_at_random, &crowd, i % nr_cpus, false);
    crowd.m.run_until(kEnd);
    CHECK(crowd.rounds == 8 * 20);
    CHECK(crowd.mutex.owner == nullptr);
    CHECK(crowd.mutex.head == nullptr);
    CHECK(crowd.m.violations() == "");
  }
}
