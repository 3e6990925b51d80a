#include "models/locking/completion.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <deque>
#include <string>
#include <vector>

#include "tests/support/test_machine.hpp"

namespace {

using kt::kthread::Kthreads;
using kt::locking::Completion;
using kt::locking::Completions;
using kt::sched::Task;
using sim::Co;
using sim::kSecond;
using support::TestMachine;
constexpr sim::Time kPause = 20'000'000;
constexpr std::int64_t kErestartsys = -512;

struct CompletionRun;

// One thread that waits: when, how, and what it got.
struct Waiter {
  CompletionRun* run;
  std::string name;
  sim::Time start = 0;  // sleeps so long first
  std::uint32_t state = kt::sched::kTaskUninterruptible;
  kt::timers::Jiffies timeout = kt::timers::kMaxScheduleTimeout;
  std::int64_t result = -1;
  Task* task = nullptr;
};

struct CompletionRun {
  TestMachine m;
  Completion x;
  std::deque<Waiter> waiters;
};

Co<int> wait(Kthreads& kthreads, Task&, void* data) {
  Waiter& waiter = *static_cast<Waiter*>(data);
  if (waiter.start != 0) co_await kthreads.timers().msleep(waiter.start);
  const kt::sched::Wait why{kt::sched::WaitKind::kCompletion, 0, nullptr};
  waiter.result = co_await kthreads.completions().wait_for_completion(waiter.run->x, waiter.state,
                                                                      waiter.timeout, why);
  waiter.run->m.note(waiter.name);
  co_return 0;
}

Waiter& add(CompletionRun& run, const Waiter& waiter, int cpu = 0) {
  Waiter& added = run.waiters.emplace_back(waiter);
  added.run = &run;
  added.task = &run.m.user_task(added.name, &wait, &added, cpu);
  return added;
}

Co<int> complete_one_by_one(Kthreads& kthreads, Task&, void* data) {
  CompletionRun& run = *static_cast<CompletionRun*>(data);
  for (int i = 0; i < 3; ++i) {
    co_await kthreads.timers().msleep(kPause);
    run.m.note("complete");
    co_await kthreads.completions().complete(run.x);
  }
  co_return 0;
}

using Notes = std::vector<std::string>;

}  // namespace

TEST_CASE("completion: waiters are let go first in, first out, one each", "[locking]") {
  CompletionRun run;
  for (const char* name : {"first", "second", "third"}) add(run, {.run = nullptr, .name = name});
  run.m.thread("completer", &complete_one_by_one, &run, 1);
  run.m.run_until(10 * kSecond);
  CHECK(run.m.notes() == Notes{"complete", "first", "complete", "second", "complete", "third"});
  for (const Waiter& waiter : run.waiters) CHECK(waiter.result > 0);
  CHECK(run.x.done == 0);
  CHECK(run.m.violations() == "");
}

TEST_CASE("completion: what was completed before is not waited for", "[locking]") {
  CompletionRun run;
  run.x.done = 2;
  const Waiter& one = add(run, {.run = nullptr, .name = "one", .timeout = 0});
  const Waiter& two = add(run, {.run = nullptr, .name = "two", .timeout = 7});
  const Waiter& three = add(run, {.run = nullptr, .name = "three", .timeout = 3});
  run.m.run_until(10 * kSecond);
  CHECK(one.result == 1);
  CHECK(two.result == 7);
  CHECK(three.result == 0);
  CHECK(run.x.done == 0);
  CHECK(run.x.head == nullptr);
}

namespace {

Co<int> complete_all(Kthreads& kthreads, Task&, void* data) {
  CompletionRun& run = *static_cast<CompletionRun*>(data);
  co_await kthreads.timers().msleep(kPause);
  co_await kthreads.completions().complete_all(run.x);
  co_await kthreads.completions().complete(run.x);
  co_return 0;
}

}  // namespace

TEST_CASE("completion: complete_all lets all go, for ever", "[locking]") {
  CompletionRun run;
  add(run, {.run = nullptr, .name = "first"});
  add(run, {.run = nullptr, .name = "second"});
  add(run, {.run = nullptr, .name = "late", .start = 10 * kPause});
  run.m.thread("completer", &complete_all, &run, 1);
  run.m.run_until(10 * kSecond);
  CHECK(run.m.notes() == Notes{"first", "second", "late"});
  CHECK(run.x.done == Completions::kAll);
  CHECK(run.m.violations() == "");
}

TEST_CASE("completion: a timeout gives the jiffies left, or 0", "[locking]") {
  CompletionRun run;
  const Waiter& in_time = add(run, {.run = nullptr, .name = "in time", .timeout = 100});
  const Waiter& too_short = add(run, {.run = nullptr, .name = "too short", .timeout = 2});
  run.m.thread("completer", &complete_one_by_one, &run, 1);
  run.m.run_until(10 * kSecond);
  CHECK(too_short.result == 0);
  CHECK(in_time.result > 100 - 10);
  CHECK(in_time.result < 100);
  CHECK(run.x.done == 2);  // the last two completions found nobody
  CHECK(run.m.violations() == "");
}

namespace {

Co<int> kill_waiters(Kthreads& kthreads, Task&, void* data) {
  CompletionRun& run = *static_cast<CompletionRun*>(data);
  co_await kthreads.timers().msleep(kPause);
  for (const Waiter& waiter : run.waiters) co_await kthreads.send_signal(*waiter.task, SIGKILL);
  co_await kthreads.timers().msleep(kPause);
  run.m.note("killed");
  co_await kthreads.completions().complete(run.x);
  co_return 0;
}

}  // namespace

TEST_CASE("completion: a signal ends an interruptible and a killable wait, no other", "[locking]") {
  CompletionRun run;
  const Waiter& deaf = add(run, {.run = nullptr, .name = "deaf"});
  const Waiter& interruptible =
      add(run, {.run = nullptr, .name = "s", .state = kt::sched::kTaskInterruptible});
  const Waiter& killable =
      add(run, {.run = nullptr, .name = "k", .state = kt::sched::kTaskKillable});
  run.m.thread("killer", &kill_waiters, &run, 1);
  run.m.run_until(10 * kSecond);
  CHECK(interruptible.result == kErestartsys);
  CHECK(killable.result == kErestartsys);
  CHECK(deaf.result > 0);
  CHECK(run.m.notes() == Notes{"s", "k", "killed", "deaf"});
  CHECK(run.x.done == 0);
  CHECK(run.m.violations() == "");
}
