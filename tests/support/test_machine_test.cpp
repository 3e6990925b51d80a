#include "tests/support/test_machine.hpp"

#include <catch2/catch.hpp>

namespace {

using kt::kthread::Kthreads;
using kt::sched::Task;
using kt::trace::Event;
using sim::Co;
using support::TestMachine;

Co<int> sleeper(Kthreads& kthreads, Task&, void* data) {
  TestMachine& m = *static_cast<TestMachine*>(data);
  m.note("before");
  co_await kthreads.timers().msleep(20'000'000);
  m.note("after");
  co_return 7;
}

}  // namespace

TEST_CASE("an idle test machine comes to rest", "[support]") {
  TestMachine m;
  m.run_until(1'000'000'000);
  CHECK(m.records(Event::kSchedSwitch).empty());
  CHECK(m.machine.cpu(0).halted());
  CHECK(m.machine.cpu(1).halted());
}

TEST_CASE("a thread of a test machine runs, sleeps and exits", "[support]") {
  TestMachine m;
  Task& p = m.thread("sleeper", &sleeper, &m, 1);
  m.run_until(1'000'000'000);
  CHECK(m.notes() == std::vector<std::string>{"before", "after"});
  CHECK(p.state == kt::sched::kTaskDead);
  CHECK(p.kthread->result == 7);
  CHECK(m.violations() == "");
}
