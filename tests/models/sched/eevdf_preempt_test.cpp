// Wakeup preemption: the worked consequences of the rules, with 8 CPUs, HZ=250 and a CPU-bound task
// of nice 0 on the CPU.
#include <catch2/catch.hpp>

#include "tests/models/sched/fair_cpu.hpp"

using namespace kt::sched;
using namespace kt::sched::test;
using namespace sim::literals;

namespace {

struct Wakee {
  int nice;
  std::int64_t vlag;
};

/// When the wakee gets the CPU, in ns after its wakeup; 0 if at once.
sim::Time wait_of(Wakee wakee, FairCpu& cpu, Entity& woken) {
  woken = of_nice(wakee.nice);
  woken.vlag = wakee.vlag;
  const sim::Time woken_at = cpu.now;
  cpu.wake(woken);
  if (cpu.need_resched) cpu.schedule();
  while (cpu.rq.curr() != &woken && cpu.now < woken_at + 1_s) cpu.tick();
  return cpu.now - woken_at;
}

sim::Time wait_beside_protected_hog(Wakee wakee) {
  FairCpu cpu;
  Entity hog = of_nice(0);
  Entity woken;
  cpu.wake(hog);
  cpu.schedule();
  cpu.run(1_ms);
  return wait_of(wakee, cpu, woken);
}

sim::Time wait_beside_unprotected_hog(Wakee wakee) {
  FairCpu cpu;
  Entity hog = of_nice(0);
  Entity woken;
  cpu.wake(hog);
  cpu.schedule();
  cpu.tick();
  cpu.run(1_ms);
  return wait_of(wakee, cpu, woken);
}

}  // namespace

TEST_CASE("a slice-protected hog keeps the CPU until a tick sees its deadline crossed",
          "[eevdf][preempt]") {
  // Deadline at 2.8 ms, woken at 1 ms, tick at 4 ms.
  REQUIRE(wait_beside_protected_hog({0, 0}) == 3_ms);
  REQUIRE(wait_beside_protected_hog({-20, 0}) == 3_ms);
  REQUIRE(wait_beside_protected_hog({19, 0}) == 3_ms);
}

TEST_CASE("a hog picked late in its tick holds out for almost two", "[eevdf][preempt]") {
  FairCpu cpu;
  Entity hog = of_nice(0);
  Entity woken;
  cpu.run(3500_us);
  cpu.wake(hog);
  cpu.schedule();
  // Deadline at 6.3 ms: the tick at 4 ms does not see it crossed, the tick at 8 ms does.
  REQUIRE(wait_of({0, 0}, cpu, woken) == 4500_us);
}

TEST_CASE("a hog alone for more than a slice has lost its protection", "[eevdf][preempt]") {
  // Woken at 5 ms: the next tick, at 8 ms, finds the hog ahead of its share.
  REQUIRE(wait_beside_unprotected_hog({0, 0}) == 3_ms);
  REQUIRE(wait_beside_unprotected_hog({19, 0}) == 3_ms);
  // Its virtual deadline is 32 us away.
  REQUIRE(wait_beside_unprotected_hog({-20, 0}) == 0);
}

TEST_CASE("whoever is owed time preempts at once, whatever its weight", "[eevdf][preempt]") {
  const int value = GENERATE(-20, -10, -5, 0, 5, 10, 19);
  CAPTURE(value);
  REQUIRE(wait_beside_protected_hog({value, 1'000'000}) == 0);
  REQUIRE(wait_beside_unprotected_hog({value, 1'000'000}) == 0);
}

TEST_CASE("whoever owes time does not preempt", "[eevdf][preempt]") {
  REQUIRE(wait_beside_protected_hog({0, -1'000'000}) > 0);
  REQUIRE(wait_beside_unprotected_hog({0, -1'000'000}) > 0);
}

TEST_CASE("a task that waited and ran a little preempts at its next wakeups", "[eevdf][preempt]") {
  // A bound kworker beside a hog: the first wakeup waits for a tick, its credit carries the next.
  FairCpu cpu;
  Entity hog = of_nice(0);
  Entity worker;
  cpu.wake(hog);
  cpu.schedule();
  cpu.run(1_ms);
  REQUIRE(wait_of({0, 0}, cpu, worker) == 3_ms);
  cpu.run(10_us);
  REQUIRE(cpu.sleep());
  REQUIRE(worker.vlag > 0);
  for (int i = 0; i < 20; ++i) {
    cpu.run(100_us);
    cpu.wake(worker);
    REQUIRE(cpu.need_resched);
    cpu.schedule();
    REQUIRE(cpu.rq.curr() == &worker);
    cpu.run(10_us);
    REQUIRE(cpu.sleep());
  }
}

TEST_CASE("a shorter slice cancels the protection of current", "[eevdf][preempt]") {
  FairCpu cpu;
  Entity hog = of_nice(0);
  Entity brief = of_nice(0);
  set_custom_slice(brief, 500_us, cpu.tunables.base_slice);
  cpu.wake(hog);
  cpu.schedule();
  cpu.run(1_ms);
  cpu.wake(brief);
  REQUIRE(cpu.need_resched);
  cpu.schedule();
  REQUIRE(cpu.rq.curr() == &brief);
}

TEST_CASE("policies: idle gives way to all, batch and idle preempt nobody", "[eevdf][preempt]") {
  FairCpu cpu;
  Entity current = of_nice(0);
  Entity wakee = of_nice(0);
  wakee.vlag = 1'000'000;
  const auto preempts = [&](FairPolicy of_current, FairPolicy of_wakee) {
    const auto set = [](Entity& se, FairPolicy policy) {
      se.policy = policy;
      if (policy == FairPolicy::kIdle) se.load = kIdlePolicyWeight;
    };
    set(current, of_current);
    set(wakee, of_wakee);
    cpu.wake(current);
    cpu.schedule();
    cpu.wake(wakee);
    return cpu.need_resched;
  };
  using enum FairPolicy;
  SECTION("normal over normal") {
    REQUIRE(preempts(kNormal, kNormal));
  }
  SECTION("normal over batch") {
    REQUIRE(preempts(kBatch, kNormal));
  }
  SECTION("normal over idle") {
    REQUIRE(preempts(kIdle, kNormal));
  }
  SECTION("batch over idle") {
    REQUIRE(preempts(kIdle, kBatch));
  }
  SECTION("batch over normal") {
    REQUIRE_FALSE(preempts(kNormal, kBatch));
  }
  SECTION("idle over normal") {
    REQUIRE_FALSE(preempts(kNormal, kIdle));
  }
  SECTION("idle over idle") {
    REQUIRE_FALSE(preempts(kIdle, kIdle));
    REQUIRE(cpu.rq.idle_h_nr_running() == 2);
  }
}
