#include "models/locking/mutex.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "sim/error.hpp"
#include "sim/random.hpp"
#include "tests/models/locking/locker.hpp"
#include "tests/support/test_machine.hpp"

namespace {

using kt::kthread::Kthreads;
using kt::locking::Mutex;
using kt::sched::Task;
using sim::Co;
using sim::kSecond;
using support::Locker;
using support::MachineOptions;
using Notes = std::vector<std::string>;

MachineOptions with_cpus(int nr_cpus) {
  MachineOptions options;
  options.topology.nr_cpus = nr_cpus;
  return options;
}

struct MutexRun : support::LockRun<Mutex> {
  explicit MutexRun(int nr_cpus) : LockRun(with_cpus(nr_cpus)) {}
};

}  // namespace

TEST_CASE("mutex: a free one is taken at once", "[locking]") {
  MutexRun run(1);
  const Locker& only = run.add({.name = "only"}, 0);
  run.m.run_until(10 * kSecond);
  CHECK(only.waited() == run.m.machine.costs().lock);
  CHECK(only.switches == 0);
  CHECK(run.lock.owner == nullptr);
}

TEST_CASE("mutex: while the owner runs a contender spins and does not sleep", "[locking]") {
  MutexRun run(2);
  const Locker& owner = run.add({.name = "owner", .hold = 50'000}, 0);
  const Locker& contender = run.add({.name = "contender", .start = 5'000}, 1);
  run.m.run_until(10 * kSecond);
  CHECK(run.m.notes() == Notes{"owner", "contender"});
  CHECK(contender.switches == 0);
  CHECK(contender.waited() > 40'000);
  // Within two polls and the way of the cache line after the release.
  CHECK(contender.acquired - owner.released < 1'000);
  CHECK(run.m.violations() == "");
}

TEST_CASE("mutex: while the owner sleeps contenders sleep in D and get it in order", "[locking]") {
  MutexRun run(4);
  run.add({.name = "owner", .hold = 1'000, .sleep = 1'000'000}, 0);
  const Locker& first = run.add({.name = "first", .start = 100'000, .sleep = 50'000}, 1);
  const Locker& second = run.add({.name = "second", .start = 200'000, .sleep = 50'000}, 2);
  const Locker& third = run.add({.name = "third", .start = 300'000, .sleep = 50'000}, 3);
  run.m.run_until(250'000);
  CHECK(first.task->state == kt::sched::kTaskUninterruptible);
  CHECK(first.task->wait.kind == kt::sched::WaitKind::kMutex);
  CHECK(first.task->wait.on == run.lockers[0].task);
  run.m.run_until(10 * kSecond);
  CHECK(run.m.notes() == Notes{"owner", "first", "second", "third"});
  CHECK(first.switches >= 1);
  CHECK(second.switches >= 1);
  CHECK(third.switches >= 1);
  CHECK(run.lock.head == nullptr);
  CHECK_FALSE(run.lock.handoff);
  CHECK(run.m.violations() == "");
}

namespace {

// Unlocks and at once locks again, and sleeps with it: a thief.
Co<int> lock_three_times(Kthreads& kthreads, Task&, void* data) {
  MutexRun& run = *static_cast<MutexRun*>(data);
  for (int i = 0; i < 3; ++i) {
    co_await run.m.mutexes.lock(run.lock);
    run.m.note("thief");
    co_await kthreads.timers().usleep_range(500'000, 500'000);
    co_await run.m.mutexes.unlock(run.lock);
  }
  co_return 0;
}

}  // namespace

TEST_CASE("mutex: a first waiter that was robbed once is handed the lock", "[locking]") {
  // With one CPU the waiter runs only when the thief sleeps again, with the lock.
  MutexRun run(1);
  run.m.thread("thief", &lock_three_times, &run, 0);
  run.add({.name = "waiter", .start = 10'000}, 0);
  run.m.run_until(10 * kSecond);
  CHECK(run.m.notes() == Notes{"thief", "thief", "waiter", "thief"});
  CHECK(run.lock.owner == nullptr);
  CHECK_FALSE(run.lock.handoff);
  CHECK_FALSE(run.lock.pickup);
  CHECK(run.m.violations() == "");
}

namespace {

Co<int> unlock_foreign_mutex(Kthreads& kthreads, Task&, void* data) {
  MutexRun& run = *static_cast<MutexRun*>(data);
  co_await kthreads.timers().usleep_range(100'000, 100'000);
  co_await run.m.mutexes.unlock(run.lock);
  co_return 0;
}

}  // namespace

TEST_CASE("mutex: unlocking what another task holds is a defect", "[locking]") {
  MutexRun run(2);
  run.lock.name = run.m.trace.names().intern("big");
  run.add({.name = "owner", .hold = 1'000'000}, 0);
  run.m.thread("stranger", &unlock_foreign_mutex, &run, 1);
  CHECK_THROWS_WITH(run.m.run_until(10 * kSecond),
                    "mutex big unlocked by stranger, which does not hold it");
}

namespace {

struct Crowd : MutexRun {
  Crowd(int nr_cpus, std::uint64_t seed) : MutexRun(nr_cpus), random(seed, "/crowd") {}
  sim::RandomStream random;
  int inside = 0;
  int rounds = 0;
};

// Locks again and again, runs or sleeps with the mutex and without.
Co<int> lock_at_random(Kthreads& kthreads, Task& self, void* data) {
  Crowd& crowd = *static_cast<Crowd*>(data);
  for (int i = 0; i < 20; ++i) {
    co_await self.cpu->run(static_cast<sim::Time>(crowd.random.bounded(20'000)));
    co_await crowd.m.mutexes.lock(crowd.lock);
    crowd.m.note("inside");
    CHECK(++crowd.inside == 1);
    co_await self.cpu->run(static_cast<sim::Time>(crowd.random.bounded(5'000)));
    if (crowd.random.bounded(3) == 0) co_await kthreads.timers().usleep_range(30'000, 30'000);
    CHECK(crowd.inside-- == 1);
    ++crowd.rounds;
    co_await crowd.m.mutexes.unlock(crowd.lock);
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
    crowd.m.run_until(10 * kSecond);
    CHECK(crowd.rounds == 8 * 20);
    CHECK(crowd.lock.owner == nullptr);
    CHECK(crowd.lock.head == nullptr);
    CHECK(crowd.lock.contentions > 0);
    CHECK(crowd.lock.contentions <= 8 * 20);
    CHECK(crowd.lock.waited > 0);
    CHECK(crowd.m.violations() == "");
  }
}
