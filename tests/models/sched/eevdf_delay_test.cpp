// Delayed dequeue: a task that sleeps in debt stays in the competition until the debt has run off.
#include <catch2/catch.hpp>

#include "tests/models/sched/fair_cpu.hpp"

using namespace kt::sched;
using namespace kt::sched::test;
using namespace sim::literals;

namespace {

/// sleeper has run 1 ms beside waiter, which has not run.
struct Pair {
  Pair() {
    cpu.wake(sleeper);
    cpu.schedule();
    cpu.wake(waiter);
    cpu.run(1_ms);
  }
  FairCpu cpu;
  Entity sleeper = of_nice(0);
  Entity waiter = of_nice(0);
};

}  // namespace

TEST_CASE("a lone task is never delayed", "[eevdf][delay]") {
  FairCpu cpu;
  Entity se = of_nice(0);
  cpu.wake(se);
  cpu.schedule();
  cpu.run(10_ms);
  REQUIRE(cpu.sleep());
  REQUIRE(cpu.rq.nr_running() == 0);
  REQUIRE(cpu.rq.curr() == nullptr);
  REQUIRE(se.vlag == 0);
}

TEST_CASE("an eligible sleeper leaves at once with its lag", "[eevdf][delay]") {
  Pair pair;
  pair.cpu.tick();
  REQUIRE(pair.cpu.rq.curr() == &pair.waiter);
  pair.cpu.run(100_us);
  REQUIRE(pair.cpu.sleep());
  REQUIRE(pair.waiter.vlag > 0);
  REQUIRE_FALSE(pair.waiter.on_rq);
}

TEST_CASE("a sleeper in debt stays queued but is not runnable", "[eevdf][delay]") {
  Pair pair;
  auto& [cpu, sleeper, waiter] = pair;
  REQUIRE_FALSE(cpu.sleep());
  REQUIRE(sleeper.on_rq);
  REQUIRE(sleeper.sched_delayed);
  REQUIRE(cpu.rq.curr() == &waiter);
  REQUIRE(cpu.rq.nr_running() == 2);
  REQUIRE(cpu.rq.h_nr_runnable() == 1);
  REQUIRE(cpu.rq.h_nr_delayed() == 1);
  REQUIRE(cpu.rq.load_weight() == 2048);
  REQUIRE(cpu.blocked.empty());

  SECTION("until a pick comes to it, which clips its lag to zero and picks another") {
    while (cpu.blocked.empty()) cpu.tick();
    REQUIRE(cpu.blocked == std::vector<Entity*>{&sleeper});
    REQUIRE(cpu.rq.curr() == &waiter);
    REQUIRE(sleeper.vlag == 0);
    REQUIRE_FALSE(sleeper.on_rq);
    REQUIRE_FALSE(sleeper.sched_delayed);
    REQUIRE(cpu.rq.nr_running() == 1);
    REQUIRE(cpu.rq.h_nr_delayed() == 0);
    REQUIRE(cpu.now <= 3 * cpu.tunables.tick);
  }
  SECTION("until the CPU would go idle: no delayed task outlives the last runnable one") {
    cpu.run(10_us);
    REQUIRE(cpu.sleep());
    REQUIRE(cpu.rq.curr() == nullptr);
    REQUIRE(cpu.rq.nr_running() == 0);
    REQUIRE(cpu.blocked == std::vector<Entity*>{&sleeper});
  }
  SECTION("until somebody finishes it, still in debt") {
    REQUIRE(cpu.rq.dequeue(sleeper, {.sleep = true, .delayed = true}, cpu.now));
    REQUIRE(sleeper.vlag == -500'000);
    REQUIRE_FALSE(sleeper.rel_deadline);
    REQUIRE(cpu.blocked == std::vector<Entity*>{&sleeper});
    REQUIRE(cpu.rq.h_nr_runnable() == 1);
  }
  SECTION("and migrates as it is") {
    FairCpu target;
    REQUIRE(cpu.rq.dequeue(sleeper, {}, cpu.now));
    REQUIRE(cpu.rq.h_nr_delayed() == 0);
    REQUIRE(cpu.rq.h_nr_runnable() == 1);
    target.rq.enqueue(sleeper, {.migrated = true}, cpu.now);
    REQUIRE(sleeper.sched_delayed);
    REQUIRE(target.rq.h_nr_delayed() == 1);
    REQUIRE(target.rq.h_nr_runnable() == 0);
    REQUIRE(target.rq.pick(cpu.now) == nullptr);
    REQUIRE(target.blocked == std::vector<Entity*>{&sleeper});
  }
}

TEST_CASE("a task woken in debt keeps its place, woken later it is placed without credit",
          "[eevdf][delay]") {
  Pair pair;
  auto& [cpu, sleeper, waiter] = pair;
  const std::uint64_t vruntime = sleeper.vruntime;
  const std::uint64_t deadline = sleeper.deadline;
  REQUIRE_FALSE(cpu.sleep());

  SECTION("in debt") {
    cpu.run(500_us);
    cpu.wake(sleeper);
    REQUIRE(sleeper.vruntime == vruntime);
    REQUIRE(sleeper.deadline == deadline);
  }
  SECTION("after the debt has run off") {
    cpu.run(2500_us);
    REQUIRE(cpu.lag(sleeper) > 0);
    cpu.wake(sleeper);
    // Alone beside it is the waiter, whose vruntime is V while the sleeper is being placed.
    REQUIRE(sleeper.vruntime == waiter.vruntime);
    REQUIRE(sleeper.deadline == sleeper.vruntime + 2'800'000);
    REQUIRE(cpu.lag(sleeper) == 0);
  }
  REQUIRE_FALSE(sleeper.sched_delayed);
  REQUIRE(cpu.rq.h_nr_runnable() == 2);
  REQUIRE(cpu.rq.h_nr_delayed() == 0);
  REQUIRE(cpu.blocked.empty());
}

TEST_CASE("a special state is never delayed, so its lag may be negative", "[eevdf][delay]") {
  Pair pair;
  REQUIRE(pair.cpu.sleep(true));
  REQUIRE(pair.sleeper.vlag == -500'000);
  REQUIRE_FALSE(pair.sleeper.on_rq);
}

TEST_CASE("stored lag is bounded by two slices, at least a tick", "[eevdf][delay]") {
  const unsigned online = GENERATE(1U, 8U);
  FairCpu cpu(online);
  CAPTURE(online);
  Entity hog = of_nice(0);
  Entity waiter = of_nice(0);
  cpu.wake(hog);
  cpu.schedule();
  cpu.wake(waiter);
  cpu.run(100_ms);
  cpu.rq.dequeue(waiter, {}, cpu.now);
  REQUIRE(waiter.vlag == (online == 1 ? 4'000'000 : 5'600'000));
}
