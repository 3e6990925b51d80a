// Who brings jiffies up to date, and what comes of it if nobody does (kernel/time/tick-sched.c).
#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"
#include "tests/support/test_machine.hpp"

namespace {

using namespace kt;
using sim::Co;
using sim::kMs;
using sim::kUs;
using sim::Time;
using support::lines_of;
using support::Run;
using support::run_keys;
using support::TestMachine;
using timers::Jiffies;

/// Computes from the start on, with interrupts off between two instants.
struct Computing {
  Time until = 0;
  Time off_from = 0;
  Time off_until = 0;
};

Co<int> compute_on(kthread::Kthreads& kthreads, sched::Task& self, void* data) {
  const Computing& plan = *static_cast<const Computing*>(data);
  if (plan.off_from != 0) {
    co_await self.cpu->run_until(plan.off_from);
    self.cpu->local_irq_disable();
    co_await self.cpu->run_until(plan.off_until);
    self.cpu->local_irq_enable();
  }
  co_await self.cpu->run_until(plan.until);
  co_await kthreads.scheduler().schedule();
  co_return 0;
}

Co<> note_jiffies(void* test, cpu::Cpu& cpu) {
  TestMachine& machine = *static_cast<TestMachine*>(test);
  machine.note(std::to_string(machine.timers.jiffies()));
  co_await cpu.run(1'000);
}

void device_interrupt(void* cpu, std::uint64_t) {
  static_cast<cpu::Cpu*>(cpu)->raise(cpu::Vector::kDevice);
}

}  // namespace

TEST_CASE("on an idle machine jiffies stand still until an interrupt", "[timers][jiffies]") {
  TestMachine test;
  test.run_until(41 * kMs);
  CHECK(test.timers.jiffies() < 3);
  test.machine.hooks.vectors[static_cast<std::size_t>(cpu::Vector::kDevice)] = {&note_jiffies,
                                                                                &test};
  test.calendar.at(42 * kMs, &device_interrupt, &test.machine.cpu(1));
  test.run_until(43 * kMs);
  CHECK(test.notes() == std::vector<std::string>{"10"});  // before the handler
  CHECK(test.timers.jiffies() == 10);
  CHECK(test.scheduler.last_tick() == 40 * kMs);
}

TEST_CASE("the ticks of one CPU count, on the grid", "[timers][jiffies]") {
  TestMachine test;
  Computing plan{.until = 100 * kMs};
  test.thread("a", &compute_on, &plan, 0);
  test.thread("b", &compute_on, &plan, 1);
  for (Jiffies n = 1; n < 20; ++n) {
    const Time tick = static_cast<Time>(n) * 4 * kMs;
    test.run_until(tick - 1);
    CHECK(test.timers.jiffies() == n - 1);
    test.run_until(tick + 10 * kUs);
    CHECK(test.timers.jiffies() == n);
  }
}

TEST_CASE("while the CPU that counts has its interrupts off the others see old jiffies",
          "[timers][jiffies]") {
  TestMachine test;
  Computing counts{.until = 100 * kMs, .off_from = 7 * kMs, .off_until = 21 * kMs};
  Computing other{.until = 100 * kMs};
  test.thread("counts", &compute_on, &counts, 0);
  test.thread("other", &compute_on, &other, 1);
  test.run_until(20'900 * kUs);
  CHECK(test.timers.jiffies() == 1);
  test.run_until(21'100 * kUs);
  CHECK(test.timers.jiffies() == 5);  // all at once
}

TEST_CASE("who ticks five times in vain counts them", "[timers][jiffies]") {
  TestMachine test;
  Computing counts{.until = 100 * kMs, .off_from = 7 * kMs, .off_until = 61 * kMs};
  Computing other{.until = 100 * kMs};
  test.thread("counts", &compute_on, &counts, 0);
  test.thread("other", &compute_on, &other, 1);
  // The other CPU has seen jiffies change at 8 ms at the latest.
  std::vector<Jiffies> seen;
  for (Time t = 5 * kMs; t < 60 * kMs; t += 4 * kMs) {
    test.run_until(t);
    seen.push_back(test.timers.jiffies());
  }
  CHECK(seen == std::vector<Jiffies>{1, 1, 1, 1, 1, 6, 6, 6, 6, 6, 11, 11, 11, 11});
}

namespace {

/// Arms a wheel timer at 5 ms for two jiffies, and computes.
struct Arming {
  TestMachine* test = nullptr;
  timers::KernelTimer timer;
};

Co<> note_expiry(timers::Timers&, timers::KernelTimer& timer) {
  static_cast<TestMachine*>(timer.object)->note("fired");
  co_return;
}

Co<int> arm_and_compute(kthread::Kthreads& kthreads, sched::Task& self, void* data) {
  Arming& arming = *static_cast<Arming*>(data);
  arming.timer.function = &note_expiry;
  arming.timer.object = arming.test;
  co_await self.cpu->run_until(5 * kMs);
  co_await arming.test->timers.mod_timer(arming.timer, arming.test->timers.jiffies() + 2);
  co_await self.cpu->run_until(90 * kMs);
  co_await kthreads.scheduler().schedule();
  co_return 0;
}

/// When it expired if the CPU that counts had its interrupts off from 15.9 ms until `off_until`.
Time expiry(Time off_until) {
  TestMachine test;
  Computing counts{.until = 100 * kMs, .off_from = 15'900 * kUs, .off_until = off_until};
  Arming arming;
  arming.test = &test;
  test.thread("counts", &compute_on, &counts, 0);
  test.thread("arms", &arm_and_compute, &arming, 1);
  Time now = 12 * kMs;
  while (test.notes().empty()) test.run_until(now += 100 * kUs);
  return now;
}

}  // namespace

TEST_CASE("a wheel timer is a tick late if the CPU that counts is late for it",
          "[timers][jiffies]") {
  CHECK(expiry(15'950 * kUs) < 17 * kMs);
  const Time late = expiry(16'020 * kUs);
  CHECK(late > 20 * kMs);
  CHECK(late < 21 * kMs);
}

TEST_CASE("a CPU that goes idle leaves the counting to the next that ticks", "[timers][jiffies]") {
  TestMachine test;
  Computing first{.until = 30 * kMs};
  Computing second{.until = 100 * kMs};
  test.thread("first", &compute_on, &first, 0);
  test.thread("second", &compute_on, &second, 1);
  test.run_until(90 * kMs);
  CHECK(test.timers.jiffies() == 22);
}

TEST_CASE("a CPU that dies hands the counting over", "[timers][jiffies][hotplug]") {
  const Run run = run_keys(R"("duration": "400ms", "machine": {"cpus": 2},
      "kernel": {"boot": "minimal", "cmdline": ""},
      "tasks": {"hog": {"cpus": "0-1", "do": [{"run": "1s"}]}},
      "kthreads": {"sleeper": {"cpu": 0, "do": [{"loop": 8, "do": [{"msleep": "40ms"}]},
                                                {"mark": "slept"}]}},
      "events": [{"t": "50ms", "do": [{"cpu_down": 1}]}])");
  CHECK(violations(run) == "");
  CHECK(run.mark("slept") > 320 * kMs);
  CHECK(run.mark("slept") < 362 * kMs);
}

TEST_CASE("with nohz_full one CPU counts for ever: it idles with a tick, and stays online",
          "[timers][jiffies][hotplug]") {
  const Run run = run_keys(R"("duration": "200ms", "machine": {"cpus": 4},
      "kernel": {"boot": "minimal", "cmdline": "nohz_full=0,3"}, "variables": {"error": 0},
      "events": [{"t": "100ms", "do": [{"cpu_down": 1}, {"mark": "refused"}, {"cpu_down": 2},
                                       {"mark": "down"}]}])");
  CHECK(violations(run) == "");
  int ticks = 0;
  for (const support::TraceLine* line : lines_of(run.trace, "hrtimer_expire_entry")) {
    if (line->cpu == 1 && line->text_of("function") == "tick_nohz_handler") ++ticks;
  }
  CHECK(ticks >= 49);
  bool refused = false;
  for (const support::TraceLine* line : lines_of(run.trace, "cpuhp_exit"))
    refused |= line->payload.find("step: 194 ret: -16") != std::string::npos;
  CHECK(refused);
  CHECK(run.mark("down") > run.mark("refused"));
}
