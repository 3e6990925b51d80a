#include "models/locking/wait.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <deque>
#include <string>
#include <vector>

#include "tests/support/test_machine.hpp"

namespace {

using kt::kthread::Kthreads;
using kt::locking::WaitEntry;
using kt::locking::WaitQueue;
using kt::sched::Task;
using kt::timers::Jiffies;
using sim::Co;
using sim::kSecond;
using support::TestMachine;
constexpr sim::Time kStep = 20'000'000;
using Notes = std::vector<std::string>;

struct WaitRun;

// One thread that waits.
struct Sleeper {
  WaitRun* run = nullptr;
  std::string name;
  bool exclusive = false;
  WaitEntry::Wake function = WaitEntry::Wake::kAutoremove;
  std::uint32_t state = kt::sched::kTaskUninterruptible;
  Jiffies timeout = kt::timers::kMaxScheduleTimeout;
  sim::Time start = 0;
  std::int64_t result = -1;
  bool linked_after = false;
  Task* task = nullptr;
};

struct WaitRun {
  explicit WaitRun(const support::MachineOptions& options = {}) : m(options) {}
  TestMachine m;
  WaitQueue queue;
  std::deque<Sleeper> sleepers;
  bool condition = false;
  std::vector<int> woken;
  sim::Time delay = 0;
};

Sleeper& add(WaitRun& run, const Sleeper& sleeper, kt::kthread::ThreadFunction body, int cpu = 0) {
  Sleeper& added = run.sleepers.emplace_back(sleeper);
  added.run = &run;
  added.task = &run.m.user_task(added.name, body, &added, cpu);
  return added;
}

// Sleeps once by the bare primitives.
Co<int> sleep_once(Kthreads& kthreads, Task&, void* data) {
  Sleeper& self = *static_cast<Sleeper*>(data);
  WaitRun& run = *self.run;
  WaitEntry entry;
  entry.function = self.function;
  co_await run.m.waits.prepare_to_wait(run.queue, entry, self.state, self.exclusive);
  co_await kthreads.scheduler().schedule();
  self.linked_after = entry.linked;
  co_await run.m.waits.finish_wait(run.queue, entry);
  CHECK_FALSE(entry.linked);
  run.m.note(self.name);
  co_return 0;
}

Co<int> wake_up_one_by_one(Kthreads& kthreads, Task&, void* data) {
  WaitRun& run = *static_cast<WaitRun*>(data);
  for (int i = 0; i < 4; ++i) {
    co_await kthreads.timers().msleep(kStep);
    run.m.note("wake");
    run.woken.push_back(co_await run.m.waits.wake_up(run.queue, kt::sched::kTaskNormal, 1));
  }
  co_return 0;
}

Co<int> wake_up_all(Kthreads& kthreads, Task&, void* data) {
  WaitRun& run = *static_cast<WaitRun*>(data);
  co_await kthreads.timers().msleep(kStep);
  run.woken.push_back(co_await run.m.waits.wake_up(run.queue, kt::sched::kTaskNormal, 0));
  co_return 0;
}

}  // namespace

TEST_CASE("wait: a wakeup takes all that are not exclusive, last in first, and one that is",
          "[locking]") {
  WaitRun run;
  add(run, {.name = "shared 1"}, &sleep_once);
  add(run, {.name = "exclusive 1", .exclusive = true}, &sleep_once);
  add(run, {.name = "shared 2"}, &sleep_once);
  add(run, {.name = "exclusive 2", .exclusive = true}, &sleep_once);
  run.m.thread("waker", &wake_up_one_by_one, &run, 1);
  run.m.run_until(10 * kSecond);
  CHECK(run.woken == std::vector<int>{3, 1, 0, 0});
  std::vector<std::string> wakings;  // of the sleepers, in order
  for (const auto& record : run.m.records(kt::trace::Event::kSchedWaking)) {
    const auto comm = static_cast<std::uint32_t>(record.arguments[0] >> 32);
    const std::string name(run.m.trace.names()[comm]);
    if (name.starts_with("shared") || name.starts_with("exclusive")) wakings.push_back(name);
  }
  CHECK(wakings == Notes{"shared 2", "shared 1", "exclusive 1", "exclusive 2"});
  CHECK(run.queue.head == nullptr);
  CHECK(run.m.violations() == "");
}

TEST_CASE("wait: wake_up with 0 wakes every exclusive one, in order of arrival", "[locking]") {
  WaitRun run;
  for (const char* name : {"a", "b", "c"}) add(run, {.name = name, .exclusive = true}, &sleep_once);
  run.m.thread("waker", &wake_up_all, &run, 1);
  run.m.run_until(10 * kSecond);
  CHECK(run.woken == std::vector<int>{3});
  CHECK(run.m.notes() == Notes{"a", "b", "c"});
}

TEST_CASE("wait: only the autoremove function unlinks, and only whom it woke", "[locking]") {
  WaitRun run;
  const Sleeper& removed = add(run, {.name = "autoremove"}, &sleep_once);
  const Sleeper& kept =
      add(run, {.name = "default", .function = WaitEntry::Wake::kDefault}, &sleep_once);
  // The mask does not match: it is not woken, stays linked, and does not count.
  const Sleeper& parked =
      add(run, {.name = "other state", .exclusive = true, .state = kt::sched::kTaskParked},
          &sleep_once);
  const Sleeper& last = add(run, {.name = "last", .exclusive = true}, &sleep_once);
  run.m.thread("waker", &wake_up_one_by_one, &run, 1);
  run.m.run_until(10 * kSecond);
  CHECK_FALSE(removed.linked_after);
  CHECK(kept.linked_after);
  CHECK_FALSE(last.linked_after);
  CHECK(run.woken == std::vector<int>{3, 0, 0, 0});
  CHECK(parked.task->state == kt::sched::kTaskParked);
  REQUIRE(run.queue.head != nullptr);
  CHECK(run.queue.head->task == parked.task);
}

namespace {

Co<int> wait_for_condition(Kthreads& kthreads, Task&, void* data) {
  Sleeper& self = *static_cast<Sleeper*>(data);
  WaitRun& run = *self.run;
  if (self.start != 0) co_await kthreads.timers().msleep(self.start);
  const kt::locking::Condition condition{
      [](const void* object) { return *static_cast<const bool*>(object); }, &run.condition};
  self.result = co_await run.m.waits.wait_event(run.queue, condition, self.state, self.exclusive,
                                                self.timeout);
  run.m.note(self.name);
  co_return 0;
}

// A wakeup in vain, one with the condition true.
Co<int> wake_in_vain_then_true(Kthreads& kthreads, Task&, void* data) {
  WaitRun& run = *static_cast<WaitRun*>(data);
  co_await kthreads.timers().msleep(kStep);
  co_await run.m.waits.wake_up(run.queue, kt::sched::kTaskNormal, 0);
  co_await kthreads.timers().msleep(kStep);
  run.m.note("true");
  run.condition = true;
  co_await run.m.waits.wake_up(run.queue, kt::sched::kTaskNormal, 0);
  co_return 0;
}

}  // namespace

TEST_CASE("wait: wait_event sleeps until the condition holds", "[locking]") {
  WaitRun run;
  const Sleeper& plain = add(run, {.name = "plain"}, &wait_for_condition);
  const Sleeper& timed = add(run, {.name = "timed", .timeout = 100}, &wait_for_condition);
  const Sleeper& late =
      add(run, {.name = "late", .timeout = 5, .start = 10 * kStep}, &wait_for_condition);
  const Sleeper& late_zero =
      add(run, {.name = "late zero", .timeout = 0, .start = 10 * kStep}, &wait_for_condition);
  run.m.thread("waker", &wake_in_vain_then_true, &run, 1);
  run.m.run_until(10 * kSecond);
  CHECK(run.m.notes()[0] == "true");
  CHECK(plain.result == 0);
  CHECK(timed.result > 100 - 20);
  CHECK(timed.result < 100 - 5);
  CHECK(late.result == 5);
  CHECK(late_zero.result == 1);
  CHECK(run.queue.head == nullptr);
  CHECK(run.m.violations() == "");
}

TEST_CASE("wait: a timeout that passes gives 0, or 1 if the condition has come true unheard",
          "[locking]") {
  WaitRun run;
  run.condition = GENERATE(false, true);
  CAPTURE(run.condition);
  const bool comes_true = std::exchange(run.condition, false);
  const Sleeper& timed = add(run, {.name = "timed", .timeout = 3}, &wait_for_condition);
  run.m.run_until(1'000'000);
  run.condition = comes_true;  // without a wakeup
  run.m.run_until(10 * kSecond);
  CHECK(timed.result == (comes_true ? 1 : 0));
  CHECK(run.queue.head == nullptr);
}

namespace {

Co<int> kill_sleepers(Kthreads& kthreads, Task&, void* data) {
  WaitRun& run = *static_cast<WaitRun*>(data);
  co_await kthreads.timers().msleep(kStep);
  for (const Sleeper& sleeper : run.sleepers) co_await kthreads.send_signal(*sleeper.task, SIGKILL);
  co_return 0;
}

}  // namespace

TEST_CASE("wait: a signal ends S and killable waits with -ERESTARTSYS; the condition wins over it",
          "[locking]") {
  WaitRun run;
  const Sleeper& deaf = add(run, {.name = "deaf"}, &wait_for_condition);
  const Sleeper& interruptible =
      add(run, {.name = "s", .state = kt::sched::kTaskInterruptible}, &wait_for_condition);
  const Sleeper& killable =
      add(run, {.name = "k", .state = kt::sched::kTaskKillable}, &wait_for_condition);
  const Sleeper& timed =
      add(run, {.name = "t", .state = kt::sched::kTaskInterruptible, .timeout = 1000},
          &wait_for_condition);
  run.m.thread("killer", &kill_sleepers, &run, 1);
  run.m.run_until(kStep * 2);
  CHECK(interruptible.result == -kt::locking::kErestartsys);
  CHECK(killable.result == -kt::locking::kErestartsys);
  CHECK(timed.result == -kt::locking::kErestartsys);
  CHECK(deaf.task->state == kt::sched::kTaskUninterruptible);
  CHECK(run.queue.head == run.queue.tail);
  CHECK(run.m.violations() == "");
}

namespace {

// Signalled already, and the condition comes true while it is on its way to sleep.
Co<int> waits_with_signal(Kthreads& kthreads, Task& self, void* data) {
  Sleeper& sleeper = *static_cast<Sleeper*>(data);
  WaitRun& run = *sleeper.run;
  co_await kthreads.send_signal(self, SIGKILL);
  WaitEntry entry;
  const int result = co_await run.m.waits.prepare_to_wait_event(
      run.queue, entry, kt::sched::kTaskInterruptible, false);
  CHECK(result == -kt::locking::kErestartsys);
  CHECK(self.state == kt::sched::kTaskRunning);
  CHECK_FALSE(entry.linked);
  const kt::locking::Condition true_at_second_look{
      [](const void* object) {
        auto& looks = *const_cast<int*>(static_cast<const int*>(object));
        return ++looks == 2;
      },
      &run.woken.emplace_back(0)};
  sleeper.result =
      co_await run.m.waits.wait_event(run.queue, true_at_second_look, kt::sched::kTaskInterruptible,
                                      false, kt::timers::kMaxScheduleTimeout);
  co_return 0;
}

}  // namespace

TEST_CASE("wait: with a signal pending nothing is linked and a true condition still counts",
          "[locking]") {
  WaitRun run;
  const Sleeper& sleeper = add(run, {.name = "signalled"}, &waits_with_signal);
  run.m.run_until(10 * kSecond);
  CHECK(sleeper.result == 0);
  CHECK(run.queue.head == nullptr);
}

namespace {

// The loop around wait_woken(): a wakeup between the test and the sleep is not lost.
Co<int> waits_woken(Kthreads& kthreads, Task& self, void* data) {
  Sleeper& sleeper = *static_cast<Sleeper*>(data);
  WaitRun& run = *sleeper.run;
  WaitEntry entry;
  entry.task = &self;
  entry.function = WaitEntry::Wake::kWoken;
  co_await run.m.waits.add_wait_queue(run.queue, entry);
  co_await kthreads.timers().msleep(3 * kStep);  // the first wakeup comes meanwhile
  CHECK(entry.woken);
  const Jiffies first = co_await run.m.waits.wait_woken(entry, kt::sched::kTaskInterruptible, 50);
  CHECK(first == 50);
  CHECK_FALSE(entry.woken);
  const Jiffies second = co_await run.m.waits.wait_woken(entry, kt::sched::kTaskInterruptible, 3);
  CHECK(second == 0);
  CHECK(self.state == kt::sched::kTaskRunning);
  co_await run.m.waits.remove_wait_queue(run.queue, entry);
  run.m.note("woken");
  co_return 0;
}

}  // namespace

TEST_CASE("wait: wait_woken does not sleep if the wakeup came first", "[locking]") {
  WaitRun run;
  add(run, {.name = "sleeper"}, &waits_woken);
  run.m.thread("waker", &wake_up_all, &run, 1);
  run.m.run_until(10 * kSecond);
  CHECK(run.m.notes() == Notes{"woken"});
  CHECK(run.queue.head == nullptr);
}

namespace {

Co<int> waits_until_told(Kthreads& kthreads, Task& self, void* data) {
  WaitRun& run = *static_cast<WaitRun*>(data);
  WaitEntry entry;
  entry.task = &self;
  entry.function = WaitEntry::Wake::kWoken;
  co_await run.m.waits.add_wait_queue(run.queue, entry);
  while (!Kthreads::should_stop(self)) {
    co_await kthreads.timers().msleep(2 * kStep);  // the stop comes meanwhile
    co_await run.m.waits.wait_woken(entry, kt::sched::kTaskIdle, kt::timers::kMaxScheduleTimeout);
  }
  co_await run.m.waits.remove_wait_queue(run.queue, entry);
  co_return 5;
}

Co<int> stops(Kthreads& kthreads, Task&, void* data) {
  WaitRun& run = *static_cast<WaitRun*>(data);
  const kt::kthread::Created created =
      co_await kthreads.kthread_run("woken", &waits_until_told, data);
  co_await kthreads.timers().msleep(kStep);
  run.woken.push_back(co_await kthreads.kthread_stop(*created.task));
  co_return 0;
}

}  // namespace

TEST_CASE("wait: wait_woken does not sleep in a thread that is told to stop", "[locking]") {
  WaitRun run;
  run.m.thread("stopper", &stops, &run);
  run.m.run_until(10 * kSecond);
  CHECK(run.woken == std::vector<int>{5});
}

namespace {

// Signals every other sleeper while the waker walks over all of them.
Co<int> kill_during_walk(Kthreads& kthreads, Task& self, void* data) {
  WaitRun& run = *static_cast<WaitRun*>(data);
  co_await kthreads.timers().usleep_range(500'000, 500'000);
  co_await self.cpu->run(run.delay);
  for (std::size_t i = 0; i < run.sleepers.size(); i += 2) {
    co_await kthreads.send_signal(*run.sleepers[i].task, SIGKILL);
  }
  co_return 0;
}

Co<int> wake_during_kill(Kthreads& kthreads, Task&, void* data) {
  WaitRun& run = *static_cast<WaitRun*>(data);
  co_await kthreads.timers().usleep_range(505'000, 505'000);
  run.woken.push_back(co_await run.m.waits.wake_up(run.queue, kt::sched::kTaskNormal, 0));
  co_return 0;
}

}  // namespace

TEST_CASE("wait: sleepers that leave by themselves do not disturb a wakeup's walk", "[locking]") {
  for (sim::Time delay = 0; delay < 12'000; delay += 100) {
    CAPTURE(delay);
    support::MachineOptions options;
    options.topology.nr_cpus = 8;
    WaitRun run(options);
    run.delay = delay;
    for (int i = 0; i < 6; ++i) {
      add(run,
          {.name = "s",
           .function = WaitEntry::Wake::kDefault,
           .state = kt::sched::kTaskInterruptible},
          &wait_for_condition, i);
    }
    run.m.thread("killer", &kill_during_walk, &run, 6);
    run.m.thread("waker", &wake_during_kill, &run, 7);
    run.m.run_until(10 * kSecond);
    for (std::size_t i = 0; i < run.sleepers.size(); ++i) {
      CAPTURE(i);
      const Sleeper& sleeper = run.sleepers[i];
      CHECK(sleeper.result == (i % 2 == 0 ? -kt::locking::kErestartsys : -1));
      CHECK((sleeper.task->state == kt::sched::kTaskDead) == (i % 2 == 0));
    }
    CHECK_FALSE(run.queue.locked);
    CHECK(run.m.violations() == "");
  }
}
