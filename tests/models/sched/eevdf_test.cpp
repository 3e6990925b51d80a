#include "models/sched/eevdf.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "sim/error.hpp"
#include "tests/models/sched/fair_cpu.hpp"

using namespace kt::sched;
using namespace kt::sched::test;
using namespace sim::literals;

TEST_CASE("the base slice grows with the logarithm of the online CPUs, up to 8", "[eevdf]") {
  REQUIRE(base_slice_of(1) == 700_us);
  REQUIRE(base_slice_of(2) == 1400_us);
  REQUIRE(base_slice_of(3) == 1400_us);
  REQUIRE(base_slice_of(4) == 2100_us);
  REQUIRE(base_slice_of(7) == 2100_us);
  REQUIRE(base_slice_of(8) == 2800_us);
  REQUIRE(base_slice_of(512) == 2800_us);
  REQUIRE_THROWS_AS(base_slice_of(0), sim::InternalError);
}

TEST_CASE("a new base slice counts from the next request on", "[eevdf]") {
  FairCpu cpu(8);
  Entity hog = of_nice(0);
  cpu.wake(hog);
  cpu.schedule();
  cpu.tunables.base_slice = base_slice_of(1);
  cpu.run(2_ms);
  REQUIRE(hog.slice == 2800_us);
  cpu.run(800_us);
  REQUIRE(hog.slice == 700_us);
  REQUIRE(hog.deadline - hog.vruntime == 700'000);
}

TEST_CASE("a custom slice is clamped, survives placement and can be given up", "[eevdf]") {
  FairCpu cpu;
  Entity se = of_nice(0);
  set_custom_slice(se, 1_us, cpu.tunables.base_slice);
  REQUIRE(se.slice == 100_us);
  set_custom_slice(se, 1_s, cpu.tunables.base_slice);
  REQUIRE(se.slice == 100_ms);
  cpu.wake(se);
  REQUIRE(se.slice == 100_ms);
  REQUIRE(se.deadline - se.vruntime == 100'000'000);
  set_custom_slice(se, 0, cpu.tunables.base_slice);
  REQUIRE(se.slice == cpu.tunables.base_slice);
  REQUIRE_FALSE(se.custom_slice);
}

TEST_CASE("a forked task gets half a slice to begin with", "[eevdf]") {
  FairCpu cpu;
  Entity child = of_nice(0);
  cpu.wake(child, {.initial = true});
  REQUIRE(child.deadline - child.vruntime == 1'400'000);
}

TEST_CASE("a lone task is charged, never rescheduled, and gets request after request", "[eevdf]") {
  FairCpu cpu;
  Entity hog = of_nice(5);
  cpu.wake(hog);
  cpu.schedule();
  for (int i = 0; i < 100; ++i) REQUIRE_FALSE(cpu.tick());
  REQUIRE(hog.sum_exec_runtime == 400_ms);
  REQUIRE(cpu.charged == 400_ms);
  REQUIRE(cpu.lag(hog) == 0);
  REQUIRE(cpu.rq.pick(cpu.now) == &hog);
}

TEST_CASE("two tasks of one weight stay within a slice and a tick of each other", "[eevdf]") {
  FairCpu cpu;
  Entity a = of_nice(0);
  Entity b = of_nice(0);
  cpu.wake(a);
  cpu.schedule();
  cpu.wake(b);
  for (int i = 0; i < 2000; ++i) {
    cpu.tick();
    const sim::Time difference = a.sum_exec_runtime - b.sum_exec_runtime;
    REQUIRE(std::abs(difference) <= cpu.tunables.base_slice + cpu.tunables.tick);
  }
}

TEST_CASE("service is shared in proportion to weight", "[eevdf]") {
  const auto share = [](int nice_a, int nice_b) {
    FairCpu cpu;
    Entity a = of_nice(nice_a);
    Entity b = of_nice(nice_b);
    cpu.wake(a);
    cpu.schedule();
    cpu.wake(b);
    while (cpu.now < 200_s) cpu.tick();
    return static_cast<double>(a.sum_exec_runtime) / static_cast<double>(cpu.now);
  };
  REQUIRE(share(0, 0) == Approx(0.5).margin(0.001));
  REQUIRE(share(0, 5) == Approx(0.7535).margin(0.001));
  REQUIRE(share(0, 19) == Approx(0.9856).margin(0.001));
  REQUIRE(share(-20, 0) == Approx(0.9886).margin(0.001));
}

TEST_CASE("a light task's own slice can be longer than its turn", "[eevdf]") {
  // Three tasks of nice 0, 5 and 10 share as 1024 : 335 : 110.
  FairCpu cpu;
  Entity tasks[] = {of_nice(0), of_nice(5), of_nice(10)};
  for (Entity& se : tasks) cpu.wake(se);
  cpu.schedule();
  while (cpu.now < 200_s) cpu.tick();
  const auto total = static_cast<double>(cpu.now);
  REQUIRE(static_cast<double>(tasks[0].sum_exec_runtime) / total == Approx(0.697).margin(0.002));
  REQUIRE(static_cast<double>(tasks[1].sum_exec_runtime) / total == Approx(0.228).margin(0.002));
  REQUIRE(static_cast<double>(tasks[2].sum_exec_runtime) / total == Approx(0.0749).margin(0.002));
}

TEST_CASE("yield gives up the rest of the request of an eligible task only", "[eevdf]") {
  FairCpu cpu;
  Entity a = of_nice(0);
  Entity b = of_nice(0);
  cpu.wake(a);
  cpu.schedule();
  cpu.wake(b);

  SECTION("eligible: vruntime jumps to the deadline, the other runs") {
    const std::uint64_t deadline = a.deadline;
    cpu.rq.yield(cpu.now);
    REQUIRE(a.vruntime == deadline);
    REQUIRE(a.deadline == deadline + 2'800'000);
    cpu.schedule();
    REQUIRE(cpu.rq.curr() == &b);
  }
  SECTION("ineligible: it is only charged") {
    cpu.run(1_ms);
    const std::uint64_t deadline = a.deadline;
    cpu.rq.yield(cpu.now);
    REQUIRE(a.deadline == deadline);
    REQUIRE(a.sum_exec_runtime == 1_ms);
  }
}

TEST_CASE("migration keeps lag and relative deadline on another time line", "[eevdf]") {
  const int nice_value = GENERATE(-20, -5, 0, 5, 19);
  CAPTURE(nice_value);
  FairCpu from;
  FairCpu to;
  Entity other = of_nice(0);
  Entity resident = of_nice(3);
  Entity mover = of_nice(nice_value);
  to.wake(resident);
  to.schedule();
  to.run(700_ms);
  from.wake(other);
  from.schedule();
  from.wake(mover);
  from.run(1_ms);
  from.now = to.now = 701_ms;

  from.rq.dequeue(mover, {}, from.now);
  const std::int64_t vlag = mover.vlag;
  const std::uint64_t relative_deadline = mover.deadline;
  REQUIRE(vlag > 0);
  REQUIRE(mover.rel_deadline);
  to.rq.enqueue(mover, {.migrated = true}, to.now);
  // Placement rounds once and V is a floor.
  REQUIRE(std::abs(to.lag(mover) - vlag) <= 2);
  REQUIRE(mover.deadline - mover.vruntime == relative_deadline);
  REQUIRE_FALSE(mover.rel_deadline);
  REQUIRE(mover.exec_start == 0);
}

TEST_CASE("a nice change keeps the lag in real time", "[eevdf]") {
  FairCpu cpu;
  Entity a = of_nice(0);
  Entity b = of_nice(0);
  cpu.wake(a);
  cpu.schedule();
  cpu.wake(b);
  cpu.run(1_ms);
  const auto real_lag = [&](const Entity& se, std::int64_t vlag) {
    return static_cast<double>(vlag) * se.load.weight / 1024;
  };

  SECTION("of a waiting task") {
    const double before = real_lag(b, cpu.lag(b));
    const std::uint64_t relative_deadline = b.deadline - b.vruntime;
    cpu.change_nice(b, 10);
    REQUIRE(b.load == load_weight_of_nice(10));
    REQUIRE(real_lag(b, cpu.lag(b)) == Approx(before).margin(5));
    REQUIRE(b.deadline - b.vruntime == relative_deadline);
    REQUIRE(cpu.rq.load_weight() == 1024 + 110);
  }
  SECTION("of the running task, whose protection is renewed") {
    const double before = real_lag(a, cpu.lag(a));
    cpu.change_nice(a, -5);
    REQUIRE(cpu.rq.curr() == &a);
    REQUIRE(real_lag(a, cpu.lag(a)) == Approx(before).margin(5));
    REQUIRE(a.vlag == static_cast<std::int64_t>(a.deadline));
  }
  SECTION("of a sleeping task") {
    cpu.rq.dequeue(b, {.sleep = true}, cpu.now);
    const double before = real_lag(b, b.vlag);
    reweight(b, load_weight_of_nice(19));
    REQUIRE(real_lag(b, b.vlag) == Approx(before).margin(1));
  }
  SECTION("never on the queue") {
    REQUIRE_THROWS_AS(reweight(b, load_weight_of_nice(1)), sim::InternalError);
  }
}

TEST_CASE("misuse is a broken invariant", "[eevdf]") {
  FairCpu cpu;
  Entity a = of_nice(0);
  Entity b = of_nice(0);
  REQUIRE_THROWS_AS(cpu.rq.dequeue(a, {}, 0), sim::InternalError);
  REQUIRE_THROWS_AS(cpu.rq.put_prev(a, 0), sim::InternalError);
  REQUIRE_THROWS_AS(cpu.rq.yield(0), sim::InternalError);
  REQUIRE_THROWS_AS(cpu.rq.enqueue(a, {.delayed = true}, 0), sim::InternalError);
  cpu.rq.enqueue(a, {}, 0);
  cpu.rq.enqueue(b, {}, 0);
  REQUIRE_THROWS_AS(cpu.rq.enqueue(a, {}, 0), sim::InternalError);
  cpu.rq.set_next(a, 0);
  REQUIRE_THROWS_AS(cpu.rq.set_next(b, 0), sim::InternalError);
}
