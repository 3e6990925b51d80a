// kernel/irq/: edge handling, threads, affinity.
#include "models/irq/irq.hpp"

#include <catch2/catch.hpp>

#include "tests/support/test_machine.hpp"

namespace kt::irq {
namespace {

using cpu::CpuMask;
using kthread::Kthreads;
using sim::kMs;
using sim::kUs;
using support::TestMachine;

struct Device {
  explicit Device(TestMachine& machine) : test(&machine) {}
  TestMachine* test;
  Time cost = 10 * kUs;
  int inside = 0;
  std::vector<int> cpus;  ///< of the hard handler
  std::vector<std::string> threads;
};

Co<> handler(Irqs& irqs, Irq& irq) {
  Device& device = *static_cast<Device*>(irq.object);
  cpu::Cpu& cpu = device.test->machine.this_cpu();
  CHECK(cpu.in_hardirq());
  CHECK(cpu.irqs_disabled());
  CHECK(++device.inside == 1);
  device.cpus.push_back(cpu.id());
  co_await cpu.run(device.cost);
  --device.inside;
  (void)irqs;
}

Co<> thread_fn(Irqs&, Irq& irq) {
  Device& device = *static_cast<Device*>(irq.object);
  Task& self = device.test->scheduler.current();
  CHECK(self.prio == 49);
  CHECK(self.policy == sched::Policy::kFifo);
  device.threads.emplace_back(device.test->trace.names()[self.full_name]);
  device.cpus.push_back(self.cpu->id());
  co_await self.cpu->run(device.cost);
}

struct Edge {
  Irqs* irqs;
  Irq* irq;
};

void raise(void* edge, std::uint64_t) {
  const Edge& e = *static_cast<const Edge*>(edge);
  e.irqs->raise(*e.irq);
}

TEST_CASE("an edge while the handler runs is handled after it, further ones merge", "[irq]") {
  TestMachine test;
  Irqs irqs(test.kthreads, test.softirqs, 24);
  Device device(test);
  Irq& irq = irqs.request_irq({.name = "dev",
                               .handler = &handler,
                               .thread_fn = nullptr,
                               .object = &device,
                               .affinity = CpuMask::of(2, 1)});
  CHECK(irq.number == 24);
  Edge edge{&irqs, &irq};
  for (const Time when : {100 * kUs, 104 * kUs, 106 * kUs, 300 * kUs}) {
    test.calendar.at(when, &raise, &edge);
  }
  test.run_until(kMs);
  CHECK(device.cpus == std::vector<int>{1, 1, 1});
  CHECK(irq.stats.arrivals == 4);
  CHECK(irq.stats.merged == 1);
  CHECK(irq.stats.handled == 3);
  CHECK(irq.stats.latency.max() >= 6 * kUs);
  CHECK(irq.stats.by_cpu == std::vector<std::uint64_t>{0, 3});
  CHECK(test.violations() == "");
}

TEST_CASE("after a move the new CPU's edge is left to the old one's running handler", "[irq]") {
  TestMachine test;
  Irqs irqs(test.kthreads, test.softirqs, 24);
  Device device(test);
  device.cost = 200 * kUs;
  Irq& irq = irqs.request_irq({.name = "dev",
                               .handler = &handler,
                               .thread_fn = nullptr,
                               .object = &device,
                               .affinity = CpuMask::of(2, 0)});
  Edge edge{&irqs, &irq};
  test.calendar.at(100 * kUs, &raise, &edge);
  test.run_until(150 * kUs);
  CHECK(irqs.set_affinity(irq, CpuMask::of(2, 1)));
  CHECK(irq.cpu == 1);
  for (const Time when : {160 * kUs, 180 * kUs, 200 * kUs, 900 * kUs}) {
    test.calendar.at(when, &raise, &edge);
  }
  test.run_until(2 * kMs);
  // The first, the pending one on the same CPU; then, unmasked, one for the latched; then the last.
  CHECK(device.cpus == std::vector<int>{0, 0, 0, 1});
  CHECK(irq.stats.arrivals == 5);
  CHECK(irq.stats.merged == 1);
  CHECK_FALSE(irq.masked);
}

TEST_CASE("a request that was not yet taken moves along", "[irq]") {
  TestMachine test;
  Irqs irqs(test.kthreads, test.softirqs, 24);
  Device device(test);
  Irq& irq = irqs.request_irq({.name = "dev",
                               .handler = &handler,
                               .thread_fn = nullptr,
                               .object = &device,
                               .affinity = CpuMask::all(2)});
  CHECK(irq.cpu == 0);
  test.run_until(50 * kUs);
  test.machine.cpu(0).local_irq_disable();
  irqs.raise(irq);
  CHECK(irqs.set_affinity(irq, CpuMask::of(2, 1)));
  test.machine.cpu(0).local_irq_enable();
  test.run_until(kMs);
  CHECK(device.cpus == std::vector<int>{1});
}

TEST_CASE("a threaded interrupt wakes irq/N-NAME, FIFO 50, on its CPU", "[irq]") {
  TestMachine test;
  Irqs irqs(test.kthreads, test.softirqs, 24);
  Device device(test);
  Irq& irq = irqs.request_irq({.name = "dev",
                               .handler = nullptr,
                               .thread_fn = &thread_fn,
                               .object = &device,
                               .affinity = CpuMask::of(2, 1)});
  Edge edge{&irqs, &irq};
  for (const Time when : {100 * kUs, 101 * kUs, 400 * kUs}) test.calendar.at(when, &raise, &edge);
  test.run_until(kMs);
  CHECK(device.threads == std::vector<std::string>(irq.stats.thread_runs, "irq/24-dev"));
  CHECK(irq.stats.thread_runs >= 2);
  CHECK(irq.stats.thread_latency.count() == irq.stats.thread_runs);
  for (const int cpu : device.cpus) CHECK(cpu == 1);
  CHECK(irqs.set_affinity(irq, CpuMask::of(2, 0)));
  device.cpus.clear();
  test.calendar.at(2 * kMs, &raise, &edge);
  test.calendar.at(3 * kMs, &raise, &edge);
  test.run_until(5 * kMs);
  REQUIRE(device.cpus.size() == 2);
  CHECK(device.cpus[1] == 0);
  CHECK(*irq.thread->cpus_ptr == CpuMask::of(2, 0));
}

TEST_CASE("under PREEMPT_RT a handler runs in a thread with softirqs off", "[irq][preempt_rt]") {
  support::MachineOptions options;
  options.sched.preempt = sched::Preempt::kRt;
  TestMachine test(options);
  Irqs irqs(test.kthreads, test.softirqs, 24);
  Device device(test);
  Irq& irq = irqs.request_irq({.name = "dev",
                               .handler = &thread_fn,
                               .thread_fn = nullptr,
                               .object = &device,
                               .affinity = CpuMask::of(2, 1)});
  CHECK(irq.forced_thread);
  Edge edge{&irqs, &irq};
  test.calendar.at(100 * kUs, &raise, &edge);
  test.run_until(kMs);
  CHECK(device.threads == std::vector<std::string>{"irq/24-dev"});
  CHECK(irq.stats.handled == 1);
}

}  // namespace
}  // namespace kt::irq
