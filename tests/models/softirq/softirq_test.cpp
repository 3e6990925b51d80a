// kernel/softirq.c: where softirqs run, what bounds a run, who takes over.
#include "models/softirq/softirq.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/test_machine.hpp"

namespace kt::softirq {
namespace {

using kthread::Kthreads;
using sim::kMs;
using support::TestMachine;

/// An action that notes where it runs, takes `cost`, and raises itself `again` times.
struct Noting {
  explicit Noting(TestMachine& machine) : test(&machine) {}
  TestMachine* test;
  Time cost = 1'000;
  int again = 0;
  int runs = 0;
  std::vector<std::string> where;
};

Co<> note_and_run(void* object, Cpu& cpu) {
  Noting& noting = *static_cast<Noting*>(object);
  ++noting.runs;
  noting.where.emplace_back(noting.test->trace.names()[cpu.current->comm]);
  co_await cpu.run(noting.cost);
  if (noting.again-- > 0) noting.test->softirqs.raise_irqoff(cpu, Vec::kNetRx);
}

/// A device interrupt that raises NET_RX.
Co<> raise_net_rx(void* object, Cpu& cpu) {
  co_await static_cast<TestMachine*>(object)->softirqs.raise_softirq_irqoff(cpu, Vec::kNetRx);
}

void interrupt(void* cpu, std::uint64_t) {
  static_cast<Cpu*>(cpu)->raise(cpu::Vector::kDevice);
}

void arm_interrupt(TestMachine& test, int cpu, Time when) {
  test.machine.hooks.vectors[static_cast<std::size_t>(cpu::Vector::kDevice)] = {&raise_net_rx,
                                                                                &test};
  test.calendar.at(when, &interrupt, &test.machine.cpu(cpu));
}

Co<int> compute(Kthreads& kthreads, Task& self, void* data) {
  co_await self.cpu->run(*static_cast<const Time*>(data));
  co_await kthreads.scheduler().schedule();
  co_return 0;
}

TEST_CASE("irq exit serves what the handler raised, on top of the interrupted task", "[softirq]") {
  TestMachine test;
  Noting noting(test);
  test.softirqs.open_softirq(Vec::kNetRx, &note_and_run, &noting);
  Time busy = 20 * kMs;
  test.thread("busy", &compute, &busy);
  arm_interrupt(test, 0, 2 * kMs + 1'000);
  test.run_until(10 * kMs);
  CHECK(noting.where == std::vector<std::string>{"busy"});
  CHECK(test.softirqs.stats(Vec::kNetRx).runs == 1);
  CHECK(test.softirqs.stats(Vec::kNetRx).in_ksoftirqd == 0);
  CHECK(test.violations() == "");
}

TEST_CASE("a run makes ten passes at most, then ksoftirqd goes on", "[softirq]") {
  TestMachine test;
  Noting noting(test);
  noting.again = 14;
  test.softirqs.open_softirq(Vec::kNetRx, &note_and_run, &noting);
  arm_interrupt(test, 1, 100'000);
  test.run_until(10 * kMs);
  REQUIRE(noting.runs == 15);
  for (std::size_t i = 0; i < noting.where.size(); ++i) {
    CAPTURE(i);
    CHECK(noting.where[i] == (i < 10 ? "swapper/1" : "ksoftirqd/1"));
  }
  CHECK(test.softirqs.stats(Vec::kNetRx).in_ksoftirqd == 5);
  CHECK(test.violations() == "");
}

TEST_CASE("no second pass once a jiffy has passed, or a switch is due", "[softirq]") {
  TestMachine test;
  Noting noting(test);
  Time busy = 40 * kMs;  // somebody has to count the jiffies
  test.thread("busy", &compute, &busy, 1);
  noting.cost = 3 * kMs;  // into the next jiffy after at most two passes
  noting.again = 4;
  test.softirqs.open_softirq(Vec::kNetRx, &note_and_run, &noting);
  arm_interrupt(test, 0, 100'000);
  test.run_until(40 * kMs);
  REQUIRE(noting.runs == 5);
  const auto inline_runs = std::count(noting.where.begin(), noting.where.end(), "swapper/0");
  CHECK(inline_runs >= 1);
  CHECK(inline_runs <= 3);  // the busy CPU asks for balancing: the idle loop leaves by one more
  CHECK(test.violations() == "");
}

// On an idle machine nobody counts them while the softirq of a CPU without a tick runs.
TEST_CASE("a run makes all its passes if jiffies stand still", "[softirq][jiffies]") {
  TestMachine test;
  Noting noting(test);
  noting.cost = 3 * kMs;
  noting.again = 4;
  test.softirqs.open_softirq(Vec::kNetRx, &note_and_run, &noting);
  arm_interrupt(test, 0, 100'000);
  test.run_until(40 * kMs);
  REQUIRE(noting.runs == 5);
  CHECK(std::count(noting.where.begin(), noting.where.end(), "swapper/0") == 5);
  CHECK(test.violations() == "");
}

struct Section {
  TestMachine* test = nullptr;
  bool bh_off = false;
};

Co<int> raise_from_task(Kthreads& kthreads, Task&, void* data) {
  const Section& section = *static_cast<const Section*>(data);
  Softirqs& softirqs = section.test->softirqs;
  if (section.bh_off) {
    co_await softirqs.local_bh_disable();
    co_await softirqs.local_bh_disable();
    co_await softirqs.raise(Vec::kNetRx);
    co_await softirqs.local_bh_enable();
    section.test->note("inner");
    co_await softirqs.local_bh_enable();
    section.test->note("outer");
  } else {
    co_await softirqs.raise(Vec::kNetRx);
  }
  co_await kthreads.scheduler().schedule();
  co_return 0;
}

TEST_CASE("a raise from task context wakes ksoftirqd; with BH off the last enable serves it",
          "[softirq]") {
  for (const bool bh_off : {false, true}) {
    CAPTURE(bh_off);
    TestMachine test;
    Noting noting(test);
    test.softirqs.open_softirq(Vec::kNetRx, &note_and_run, &noting);
    Section section{&test, bh_off};
    test.thread("raiser", &raise_from_task, &section);
    test.run_until(10 * kMs);
    CHECK(noting.where == std::vector<std::string>{bh_off ? "raiser" : "ksoftirqd/0"});
    CHECK(test.violations() == "");
  }
}

TEST_CASE("softirqs wait for the end of a BH-off section that an interrupt hits", "[softirq]") {
  struct Body {
    static Co<int> run(Kthreads& kthreads, Task& self, void* data) {
      TestMachine& test = *static_cast<TestMachine*>(data);
      co_await test.softirqs.local_bh_disable();
      co_await self.cpu->run(kMs);
      test.note("section ends");
      co_await test.softirqs.local_bh_enable();
      co_await kthreads.scheduler().schedule();
      co_return 0;
    }
  };
  TestMachine test;
  Noting noting(test);
  test.softirqs.open_softirq(Vec::kNetRx, &note_and_run, &noting);
  test.thread("holder", &Body::run, &test);
  arm_interrupt(test, 0, 500'000);
  test.run_until(10 * kMs);
  CHECK(noting.where == std::vector<std::string>{"holder"});
  const auto mark = test.records(trace::Event::kMark);
  const auto entry = test.records(trace::Event::kSoftirqEntry);
  REQUIRE(mark.size() == 1);
  REQUIRE(!entry.empty());
  CHECK(entry.front().time >= mark.front().time);
  CHECK(test.violations() == "");
}

TEST_CASE("raise_on reaches another CPU by an IPI, or the flag of its idle loop", "[softirq]") {
  struct Body {
    static Co<int> run(Kthreads& kthreads, Task& self, void* data) {
      TestMachine& test = *static_cast<TestMachine*>(data);
      self.cpu->local_irq_disable();
      co_await test.softirqs.raise_on(1, Vec::kNetRx);
      co_await test.softirqs.raise_on(1, Vec::kBlock);
      co_await test.softirqs.raise_on(0, Vec::kBlock);
      self.cpu->local_irq_enable();
      co_await kthreads.scheduler().schedule();
      co_return 0;
    }
  };
  for (const bool mwait : {false, true}) {
    CAPTURE(mwait);
    support::MachineOptions options;
    options.sched.mwait_idle = mwait;
    TestMachine test(options);
    Noting rx(test);
    Noting block(test);
    test.softirqs.open_softirq(Vec::kNetRx, &note_and_run, &rx);
    test.softirqs.open_softirq(Vec::kBlock, &note_and_run, &block);
    test.thread("sender", &Body::run, &test);
    test.run_until(kMs);
    CHECK(rx.where == std::vector<std::string>{"swapper/1"});
    REQUIRE(block.where.size() == 2);
    std::sort(block.where.begin(), block.where.end());
    CHECK(block.where == std::vector<std::string>{"ksoftirqd/0", "swapper/1"});
    const auto ipis = test.records(trace::Event::kIpiSendCpu).size();
    const auto polls = test.records(trace::Event::kSchedWakeIdleWithoutIpi).size();
    CHECK(ipis + polls >= 1);
    CHECK(test.violations() == "");
  }
}

}  // namespace
}  // namespace kt::softirq
