#include "models/kthread/kthread.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <string>
#include <vector>

#include "tests/models/kthread/parkable.hpp"
#include "tests/support/test_machine.hpp"

namespace {

using kt::kthread::Created;
using kt::kthread::Kthreads;
using kt::sched::Task;
using kt::trace::Event;
using sim::Co;
using sim::kSecond;
using support::MachineOptions;
using support::parkable;
using support::TestMachine;
constexpr int kSigkill = 9;

// What the threads of one test share.
struct KthreadRun {
  explicit KthreadRun(const MachineOptions& options = {}) : m(options) {}
  [[nodiscard]] bool ran() const { return !m.notes().empty(); }
  TestMachine m;
  Created created;
  int result = 12345;
  int second = 12345;
  sim::Time delay = 0;
  Task* other = nullptr;
};

std::int32_t low(std::uint64_t value) {
  return static_cast<std::int32_t>(value);
}

Co<int> returns_at_once(Kthreads&, Task&, void* data) {
  static_cast<KthreadRun*>(data)->m.note("runs");
  co_return 7;
}

Co<int> run_and_stop(Kthreads& kthreads, Task&, void* data) {
  KthreadRun& run = *static_cast<KthreadRun*>(data);
  run.created = co_await kthreads.kthread_run("worker", &parkable<KthreadRun>, data);
  co_await kthreads.timers().msleep(10'000'000);
  run.result = co_await kthreads.kthread_stop(*run.created.task);
  co_return 0;
}

Co<int> create_only(Kthreads& kthreads, Task&, void* data) {
  KthreadRun& run = *static_cast<KthreadRun*>(data);
  run.created = co_await kthreads.kthread_create("worker", &parkable<KthreadRun>, data);
  co_return 0;
}

Co<int> create_and_stop(Kthreads& kthreads, Task&, void* data) {
  KthreadRun& run = *static_cast<KthreadRun*>(data);
  run.created = co_await kthreads.kthread_create("worker", &parkable<KthreadRun>, data);
  run.result = co_await kthreads.kthread_stop(*run.created.task);
  co_return 0;
}

// Answers one kind of question otherwise than by default.
struct FailAllocations : sim::Chooser {
  std::uint32_t choose(sim::Question question, std::uint32_t, std::uint32_t) override {
    return question == sim::Question::kAllocation ? 1 : 0;
  }
};

}  // namespace

TEST_CASE("kthread: a thread is forked, sleeps in D, is woken, runs and is stopped", "[kthread]") {
  KthreadRun run;
  run.m.thread("creator", &run_and_stop, &run);
  run.m.run_until(kSecond);
  REQUIRE(run.created.task != nullptr);
  CHECK(run.ran());
  CHECK(run.result == 42);
  CHECK(run.created.task->state == kt::sched::kTaskDead);

  const auto forks = run.m.records(Event::kSchedProcessFork);
  REQUIRE(forks.size() == 1);
  CHECK(forks[0].pid == 2);
  CHECK(low(forks[0].arguments[1]) == run.created.task->pid);
  std::vector<std::int32_t> states;
  for (const auto& record : run.m.records(Event::kSchedSwitch)) {
    if (low(record.arguments[0]) == run.created.task->pid) {
      states.push_back(low(record.arguments[1]));
    }
  }
  CHECK(states == std::vector<std::int32_t>{2, 1, 0x10});  // D, S, X
  CHECK(run.m.violations() == "");
}

TEST_CASE("kthread: a thread that was created and not woken stays in D", "[kthread]") {
  KthreadRun run;
  run.m.thread("creator", &create_only, &run);
  run.m.run_until(kSecond);
  REQUIRE(run.created.task != nullptr);
  CHECK(run.created.task->state == kt::sched::kTaskUninterruptible);
  CHECK_FALSE(run.ran());
  CHECK(run.m.violations() == "");
}

TEST_CASE("kthread: stopped before its first wake it never runs its function", "[kthread]") {
  KthreadRun run;
  run.m.thread("creator", &create_and_stop, &run);
  run.m.run_until(kSecond);
  CHECK(run.result == -EINTR);
  CHECK_FALSE(run.ran());
  CHECK(run.created.task->state == kt::sched::kTaskDead);
  CHECK(run.m.violations() == "");
}

namespace {

Co<int> stop_exited(Kthreads& kthreads, Task&, void* data) {
  KthreadRun& run = *static_cast<KthreadRun*>(data);
  run.created = co_await kthreads.kthread_run("brief", &returns_at_once, data);
  co_await kthreads.timers().msleep(10'000'000);
  const sim::Time before = run.m.calendar.now();
  run.result = co_await kthreads.kthread_stop(*run.created.task);
  run.delay = run.m.calendar.now() - before;
  co_return 0;
}

}  // namespace

TEST_CASE("kthread: stopping an exited thread gives its result at once", "[kthread]") {
  KthreadRun run;
  run.m.thread("creator", &stop_exited, &run);
  run.m.run_until(kSecond);
  CHECK(run.result == 7);
  CHECK(run.delay < 1'000);
  CHECK(run.m.violations() == "");
}

namespace {

Co<int> sleeps_in_idle(Kthreads& kthreads, Task& self, void*) {
  while (!Kthreads::should_stop(self)) {
    self.state = kt::sched::kTaskIdle;
    co_await kthreads.scheduler().schedule();
  }
  co_return 3;
}

Co<int> stop_idle_sleeper(Kthreads& kthreads, Task&, void* data) {
  KthreadRun& run = *static_cast<KthreadRun*>(data);
  run.created = co_await kthreads.kthread_run("idler", &sleeps_in_idle, data);
  co_await kthreads.timers().msleep(10'000'000);
  run.result = co_await kthreads.kthread_stop(*run.created.task);
  co_return 0;
}

}  // namespace

TEST_CASE("kthread: stop wakes a thread that sleeps in TASK_IDLE", "[kthread]") {
  KthreadRun run;
  run.m.thread("creator", &stop_idle_sleeper, &run);
  run.m.run_until(kSecond);
  CHECK(run.result == 3);
  CHECK(run.m.violations() == "");
}

TEST_CASE("kthread: the stopper is let go before the thread's sched_process_exit", "[kthread]") {
  KthreadRun run;
  const Task& creator = run.m.thread("creator", &run_and_stop, &run);
  run.m.run_until(kSecond);
  const std::int32_t pid = run.created.task->pid;
  sim::Time woken = -1;
  for (const auto& record : run.m.records(Event::kSchedWaking)) {
    if (record.pid == pid && low(record.arguments[0]) == creator.pid) woken = record.time;
  }
  for (const auto& record : run.m.records(Event::kSchedProcessExit)) {
    if (record.pid == pid) CHECK(woken < record.time);
  }
  CHECK(woken > 0);
}

TEST_CASE("kthread: a fork that fails is the creator's -ENOMEM", "[kthread]") {
  FailAllocations chooser;
  MachineOptions options;
  options.chooser = &chooser;
  KthreadRun run(options);
  run.m.thread("creator", &create_only, &run);
  run.m.run_until(kSecond);
  CHECK(run.created.task == nullptr);
  CHECK(run.created.error == -ENOMEM);
  CHECK(run.m.records(Event::kSchedProcessFork).empty());
  CHECK(run.m.violations() == "");
}

namespace {

Co<int> kill_after_delay(Kthreads& kthreads, Task& self, void* data) {
  KthreadRun& run = *static_cast<KthreadRun*>(data);
  co_await self.cpu->run(run.delay);
  co_await kthreads.send_signal(*run.other, kSigkill);
  co_return 0;
}

Co<int> create_and_wake(Kthreads& kthreads, Task&, void* data) {
  KthreadRun& run = *static_cast<KthreadRun*>(data);
  run.created = co_await kthreads.kthread_run("worker", &returns_at_once, data);
  co_return 0;
}

}  // namespace

TEST_CASE("kthread: a creator that is killed at any moment gets -EINTR or the thread",
          "[kthread]") {
  unsigned killed = 0;
  unsigned created = 0;
  for (sim::Time delay = 0; delay <= 60'000; delay += 250) {
    CAPTURE(delay);
    KthreadRun run;
    run.delay = delay;
    run.other = &run.m.user_task("creator", &create_and_wake, &run, 0);
    run.m.thread("killer", &kill_after_delay, &run, 1);
    run.m.run_until(kSecond);
    if (run.created.task == nullptr) {
      ++killed;
      CHECK(run.created.error == -EINTR);
      CHECK_FALSE(run.ran());
    } else {
      ++created;
      CHECK(run.created.error == 0);
      CHECK(run.ran());
    }
    // Whoever was forked has run to its end.
    for (const auto& fork : run.m.records(Event::kSchedProcessFork)) {
      const Task* child = run.m.scheduler.find_task(low(fork.arguments[1]));
      CHECK(child->state == kt::sched::kTaskDead);
      CHECK(child->kthread->result == (run.created.task == nullptr ? -EINTR : 7));
    }
    CHECK(run.m.violations() == "");
  }
  CHECK(killed > 0);
  CHECK(created > 0);
}

namespace {

struct Named {
  KthreadRun* run;
  const char* name;
  Task* task = nullptr;
};

Co<int> create_named(Kthreads& kthreads, Task&, void* data) {
  Named& named = *static_cast<Named*>(data);
  const Created created = co_await kthreads.kthread_run(named.name, &returns_at_once, named.run);
  named.task = created.task;
  co_return 0;
}

}  // namespace

TEST_CASE("kthread: kthreadd forks one after the other, in order of the requests", "[kthread]") {
  MachineOptions options;
  options.topology.nr_cpus = 4;
  KthreadRun run(options);
  std::vector<Named> all{{&run, "first"}, {&run, "second"}, {&run, "third"}, {&run, "fourth"}};
  for (int i = 0; i < 4; ++i) {
    run.m.thread("creator", &create_named, &all[static_cast<std::size_t>(i)], i);
  }
  run.m.run_until(kSecond);
  const auto forks = run.m.records(Event::kSchedProcessFork);
  REQUIRE(forks.size() == 4);
  for (std::size_t i = 1; i < forks.size(); ++i) {
    CHECK(low(forks[i].arguments[1]) == low(forks[i - 1].arguments[1]) + 1);
    CHECK(forks[i].time - forks[i - 1].time >= run.m.machine.costs().fork);
  }
  for (const Named& named : all) {
    REQUIRE(named.task != nullptr);
    CHECK(run.m.trace.names()[named.task->comm] == named.name);
  }
  CHECK(run.m.violations() == "");
}

namespace {

constexpr int kCpu = 1;

Co<int> bind_and_run(Kthreads& kthreads, Task&, void* data) {
  KthreadRun& run = *static_cast<KthreadRun*>(data);
  run.created = co_await kthreads.kthread_create("bound", &parkable<KthreadRun>, data);
  const bool bound = co_await kthreads.kthread_bind(*run.created.task, kCpu);
  CHECK(bound);
  co_await kthreads.scheduler().wake_up_process(*run.created.task);
  co_await kthreads.timers().msleep(10'000'000);
  const bool again = co_await kthreads.kthread_bind(*run.created.task, 0);
  CHECK_FALSE(again);
  run.result = co_await kthreads.kthread_stop(*run.created.task);
  co_return 0;
}

}  // namespace

TEST_CASE("kthread: a bound thread runs on its CPU only; one that does not sleep in D is not bound",
          "[kthread]") {
  KthreadRun run;
  run.m.thread("creator", &bind_and_run, &run);
  run.m.run_until(kSecond);
  CHECK(run.result == 42);
  CHECK((run.created.task->flags & kt::sched::kPfNoSetaffinity) != 0);
  for (const auto& record : run.m.records(Event::kMark)) CHECK(record.cpu == kCpu);
  CHECK(run.m.violations() == "");
}
