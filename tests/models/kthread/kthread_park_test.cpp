#include <catch2/catch.hpp>
#include <cerrno>
#include <string>
#include <vector>

#include "models/kthread/kthread.hpp"
#include "tests/models/kthread/parkable.hpp"
#include "tests/support/test_machine.hpp"

namespace {

using kt::kthread::Created;
using kt::kthread::Kthreads;
using kt::sched::Task;
using kt::trace::Event;
using sim::Co;
using sim::kSecond;
using support::parkable;
using support::TestMachine;
constexpr sim::Time kPause = 10'000'000;

struct ParkRun {
  TestMachine m;
  Task* thread = nullptr;
  std::vector<int> results;
};

Co<int> park_new(Kthreads& kthreads, Task&, void* data) {
  ParkRun& run = *static_cast<ParkRun*>(data);
  const Created created = co_await kthreads.kthread_create("parked", &parkable<ParkRun>, data);
  run.thread = created.task;
  run.results.push_back(co_await kthreads.kthread_park(*run.thread));
  CHECK(run.thread->state == kt::sched::kTaskParked);
  CHECK(run.thread->on_rq == kt::sched::OnRq::kNo);
  CHECK_FALSE(run.thread->on_cpu);
  co_await kthreads.timers().msleep(kPause);
  CHECK(run.m.notes().empty());
  // Nothing but an unpark wakes it.
  const bool woken = co_await kthreads.scheduler().wake_up_process(*run.thread);
  CHECK_FALSE(woken);
  co_await kthreads.kthread_unpark(*run.thread);
  co_await kthreads.timers().msleep(kPause);
  CHECK(run.m.notes() == std::vector<std::string>{"runs"});
  run.results.push_back(co_await kthreads.kthread_stop(*run.thread));
  co_return 0;
}

}  // namespace

TEST_CASE("park: a thread that was never woken parks before its function", "[kthread]") {
  ParkRun run;
  run.m.thread("parker", &park_new, &run);
  run.m.run_until(kSecond);
  CHECK(run.results == std::vector<int>{0, 42});
  CHECK(run.m.violations() == "");
}

namespace {

Co<int> park_running(Kthreads& kthreads, Task&, void* data) {
  ParkRun& run = *static_cast<ParkRun*>(data);
  const Created created = co_await kthreads.kthread_run("parked", &parkable<ParkRun>, data);
  run.thread = created.task;
  co_await kthreads.timers().msleep(kPause);
  run.results.push_back(co_await kthreads.kthread_park(*run.thread));
  run.results.push_back(co_await kthreads.kthread_park(*run.thread));
  co_await kthreads.kthread_unpark(*run.thread);
  co_await kthreads.kthread_unpark(*run.thread);  // the second does nothing
  co_await kthreads.timers().msleep(kPause);
  run.results.push_back(co_await kthreads.kthread_park(*run.thread));
  run.results.push_back(co_await kthreads.kthread_stop(*run.thread));
  run.results.push_back(run.thread->kthread->should_park ? 1 : 0);
  co_return 0;
}

}  // namespace

TEST_CASE("park: a sleeping thread parks, twice is busy, a parked one can be stopped",
          "[kthread]") {
  ParkRun run;
  run.m.thread("parker", &park_running, &run);
  run.m.run_until(kSecond);
  CHECK(run.results == std::vector<int>{0, -EBUSY, 0, 42, 0});
  CHECK(run.m.notes() == std::vector<std::string>{"runs", "unparked", "unparked"});
  CHECK(run.m.violations() == "");
}

namespace {

Co<int> parks_itself(Kthreads& kthreads, Task& self, void* data) {
  ParkRun& run = *static_cast<ParkRun*>(data);
  run.results.push_back(co_await kthreads.kthread_park(self));
  run.results.push_back(Kthreads::should_park(self) ? 1 : 0);
  co_return 0;
}

Co<int> park_exited(Kthreads& kthreads, Task&, void* data) {
  ParkRun& run = *static_cast<ParkRun*>(data);
  const Created created = co_await kthreads.kthread_run("self", &parks_itself, data);
  co_await kthreads.timers().msleep(kPause);
  run.results.push_back(co_await kthreads.kthread_park(*created.task));
  co_return 0;
}

}  // namespace

TEST_CASE("park: of oneself only sets the bit; of an exiting thread is -ENOSYS", "[kthread]") {
  ParkRun run;
  run.m.thread("parker", &park_exited, &run);
  run.m.run_until(kSecond);
  CHECK(run.results == std::vector<int>{0, 1, -ENOSYS});
}

namespace {

Co<int> park_per_cpu(Kthreads& kthreads, Task&, void* data) {
  ParkRun& run = *static_cast<ParkRun*>(data);
  const Created created =
      co_await kthreads.kthread_create_on_cpu("percpu/1", &parkable<ParkRun>, data, 1);
  run.thread = created.task;
  kthreads.kthread_set_per_cpu(*run.thread, 1);
  run.results.push_back(co_await kthreads.kthread_park(*run.thread));
  // As the fallback for an offline CPU does:
  kthreads.scheduler().set_cpus_mask(*run.thread, run.m.machine.topology().possible());
  co_await kthreads.kthread_unpark(*run.thread);
  co_await kthreads.timers().msleep(kPause);
  CHECK(*run.thread->cpus_ptr == kt::cpu::CpuMask::of(2, 1));
  run.results.push_back(co_await kthreads.kthread_stop(*run.thread));
  co_return 0;
}

}  // namespace

TEST_CASE("park: unparking a per-CPU thread binds it to its CPU again", "[kthread]") {
  ParkRun run;
  run.m.thread("parker", &park_per_cpu, &run);
  run.m.run_until(kSecond);
  CHECK(run.results == std::vector<int>{0, 42});
  for (const auto& record : run.m.records(Event::kMark)) CHECK(record.cpu == 1);
  CHECK(run.m.violations() == "");
}
