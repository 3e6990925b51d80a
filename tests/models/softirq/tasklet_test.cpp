// kernel/softirq.c: tasklets.
#include "models/softirq/tasklet.hpp"

#include <catch2/catch.hpp>

#include "tests/support/test_machine.hpp"

namespace kt::softirq {
namespace {

using kthread::Kthreads;
using sim::kMs;
using support::TestMachine;

/// What a test tasklet does: notes the CPU, checks that no other CPU runs it, takes its time.
struct Notes {
  Time cost = 10'000;
  bool inside = false;
  std::vector<int> cpus;
};

Co<> note_cpu(Tasklets&, Tasklet& tasklet, Notes& noting, Cpu& cpu) {
  CHECK(!noting.inside);
  CHECK(tasklet.running);
  noting.inside = true;
  noting.cpus.push_back(cpu.id());
  co_await cpu.run(noting.cost);
  noting.inside = false;
}

struct Setup {
  TestMachine test;
  Notes noting;
  Tasklet tasklet;

  Setup() {
    tasklet.function = &run;
    tasklet.object = this;
    tasklet.function_name = test.trace.names().intern("note_cpu");
    tasklet.address = 0xffffffffc0500000;
  }
  static Co<> run(Tasklets& tasklets, Tasklet& tasklet) {
    Setup& setup = *static_cast<Setup*>(tasklet.object);
    return note_cpu(tasklets, tasklet, setup.noting, setup.test.machine.this_cpu());
  }
};

Co<int> schedule_thrice(Kthreads& kthreads, Task&, void* data) {
  Setup& setup = *static_cast<Setup*>(data);
  co_await setup.test.softirqs.local_bh_disable();
  for (int i = 0; i < 3; ++i) {
    const bool first = co_await setup.test.tasklets.tasklet_schedule(setup.tasklet);
    CHECK(first == (i == 0));
  }
  co_await setup.test.softirqs.local_bh_enable();
  co_await kthreads.scheduler().schedule();
  co_return 0;
}

TEST_CASE("scheduling a scheduled tasklet does nothing; it runs once, here", "[softirq][tasklet]") {
  for (const bool highpri : {false, true}) {
    Setup setup;
    setup.tasklet.highpri = highpri;
    setup.test.thread("driver", &schedule_thrice, &setup, 1);
    setup.test.run_until(kMs);
    CHECK(setup.noting.cpus == std::vector<int>{1});
    CHECK(setup.tasklet.runs == 1);
    CHECK_FALSE(setup.tasklet.scheduled);
    const auto entries = setup.test.records(trace::Event::kSoftirqEntry);
    REQUIRE(entries.size() >= 1);
    CHECK(entries[0].arguments[0] ==
          static_cast<std::uint64_t>(highpri ? Vec::kHi : Vec::kTasklet));
    CHECK(setup.test.records(trace::Event::kTaskletEntry).size() == 1);
    CHECK(setup.test.violations() == "");
  }
}

Co<int> schedule_later(Kthreads& kthreads, Task& self, void* data) {
  Setup& setup = *static_cast<Setup*>(data);
  co_await self.cpu->run(self.cpu->id() == 0 ? 100'000 : 105'000);
  co_await setup.test.softirqs.local_bh_disable();
  co_await setup.test.tasklets.tasklet_schedule(setup.tasklet);
  co_await setup.test.softirqs.local_bh_enable();
  co_await kthreads.scheduler().schedule();
  co_return 0;
}

TEST_CASE("a tasklet that runs on one CPU is put off on another", "[softirq][tasklet]") {
  Setup setup;
  setup.test.thread("first", &schedule_later, &setup, 0);
  setup.test.thread("second", &schedule_later, &setup, 1);
  setup.test.run_until(kMs);
  CHECK(setup.noting.cpus == std::vector<int>{0, 1});
  std::size_t raises_on_1 = 0;
  for (const auto& record : setup.test.records(trace::Event::kSoftirqRaise)) {
    if (record.cpu == 1 && record.arguments[0] == static_cast<std::uint64_t>(Vec::kTasklet))
      ++raises_on_1;
  }
  CHECK(raises_on_1 > 2);  // it raised itself until the other CPU had finished
  CHECK(setup.test.violations() == "");
}

Co<int> disable_then_enable(Kthreads& kthreads, Task&, void* data) {
  Setup& setup = *static_cast<Setup*>(data);
  Tasklets::tasklet_disable_nosync(setup.tasklet);
  co_await setup.test.tasklets.tasklet_schedule(setup.tasklet);
  co_await kthreads.timers().msleep(6 * kMs);
  CHECK(setup.noting.cpus.empty());
  CHECK(setup.tasklet.scheduled);
  Tasklets::tasklet_enable(setup.tasklet);
  co_await kthreads.scheduler().schedule();
  co_return 0;
}

TEST_CASE("a disabled tasklet stays scheduled and keeps its softirq busy", "[softirq][tasklet]") {
  Setup setup;
  setup.test.thread("driver", &disable_then_enable, &setup, 0);
  setup.test.run_until(100 * kMs);
  CHECK(setup.noting.cpus == std::vector<int>{0});
  CHECK(setup.test.softirqs.stats(Vec::kTasklet).runs > 10);
  CHECK(setup.test.violations() == "");
}

Co<> bh_works(void* object, Cpu& cpu, bool highpri) {
  static_cast<std::vector<std::string>*>(object)->push_back(highpri ? "bh hi" : "bh");
  co_await cpu.run(100);
}

TEST_CASE("BH workqueues run before the tasklets of their vector", "[softirq][tasklet]") {
  Setup setup;
  std::vector<std::string> calls;
  setup.test.tasklets.set_bh_action(&bh_works, &calls);
  setup.test.thread("driver", &schedule_thrice, &setup, 0);
  setup.test.run_until(kMs);
  CHECK(calls == std::vector<std::string>{"bh"});
  CHECK(setup.noting.cpus == std::vector<int>{0});
}

Co<int> take_over(Kthreads& kthreads, Task& self, void* data) {
  Setup& setup = *static_cast<Setup*>(data);
  co_await self.cpu->run(50'000);
  co_await setup.test.tasklets.takeover_tasklets(1);
  co_await kthreads.scheduler().schedule();
  co_return 0;
}

Co<int> schedule_with_irqs_off(Kthreads&, Task& self, void* data) {
  Setup& setup = *static_cast<Setup*>(data);
  self.cpu->local_irq_disable();
  self.preempt_count += cpu::kSoftirqDisableOffset;
  co_await setup.test.tasklets.tasklet_schedule(setup.tasklet);
  co_await self.cpu->run(kMs);
  co_return 0;
}

TEST_CASE("the tasklets of a dead CPU run on the one that takes them over", "[softirq][tasklet]") {
  Setup setup;
  setup.test.thread("dying", &schedule_with_irqs_off, &setup, 1);
  setup.test.thread("control", &take_over, &setup, 0);
  setup.test.run_until(900'000);
  CHECK(setup.noting.cpus == std::vector<int>{0});
}

}  // namespace
}  // namespace kt::softirq
