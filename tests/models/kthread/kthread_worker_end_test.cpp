#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "sim/error.hpp"
#include "tests/models/kthread/worker_run.hpp"

using namespace worker_test;  // NOLINT: one set of names for the tests of one class

namespace {

Co<int> stop_with_works(Kthreads& kthreads, Task&, void* data) {
  Run& run = *static_cast<Run*>(data);
  co_await make_worker(run);
  co_await run.workers.kthread_queue_work(*run.worker, run.slow);
  co_await run.m.timers.usleep_range(100'000, 100'000);
  co_await run.workers.kthread_queue_work(*run.worker, run.a);
  co_await kthreads.kthread_stop(*run.worker->task);
  run.m.note("stopped");
  co_return 0;
}

}  // namespace

TEST_CASE("kthread_worker: what is pending when the thread is stopped stays", "[kthread]") {
  Run run;
  run.m.thread("stopper", &stop_with_works, &run);
  run.m.run_until(kEnd);
  CHECK(run.m.notes() == Notes{"slow begins", "slow ends", "stopped"});
  CHECK(run.worker->works.head == &run.a);
  CHECK(run.worker->task == nullptr);
  CHECK(run.m.violations() == "");
}

namespace {

Co<int> two_workers(Kthreads&, Task&, void* data) {
  Run& run = *static_cast<Run*>(data);
  co_await make_worker(run);
  const CreatedWorker other =
      co_await run.workers.kthread_create_worker(0, "others", kWorker + 0x1000);
  co_await run.workers.kthread_queue_work(*run.worker, run.a);
  co_await run.workers.kthread_flush_worker(*run.worker);
  co_await run.workers.kthread_queue_work(*other.worker, run.a);
  co_return 0;
}

Co<int> destroy_with_delayed(Kthreads&, Task&, void* data) {
  Run& run = *static_cast<Run*>(data);
  co_await make_worker(run);
  co_await run.workers.kthread_queue_delayed_work(*run.worker, run.d, 100);
  co_await run.workers.kthread_destroy_worker(*run.worker);
  co_return 0;
}

Co<int> use_after_destroy(Kthreads&, Task&, void* data) {
  Run& run = *static_cast<Run*>(data);
  co_await make_worker(run);
  co_await run.workers.kthread_destroy_worker(*run.worker);
  co_await run.workers.kthread_queue_work(*run.worker, run.a);
  co_return 0;
}

Co<int> wrong_cancel(Kthreads&, Task&, void* data) {
  Run& run = *static_cast<Run*>(data);
  co_await make_worker(run);
  co_await run.workers.kthread_queue_delayed_work(*run.worker, run.d, 2);
  co_await run.workers.kthread_cancel_work_sync(run.d);
  co_return 0;
}

void check_defect(kt::kthread::ThreadFunction body, const char* message) {
  Run run;
  run.m.thread("culprit", body, &run);
  CHECK_THROWS_WITH(run.m.run_until(kEnd), Catch::Contains(message));
}

}  // namespace

TEST_CASE("kthread_worker: what the kernel warns of is a defect", "[kthread]") {
  check_defect(&two_workers, "is used with two workers: others, and before with works");
  check_defect(&destroy_with_delayed, "kthread_worker works destroyed with kthread_work d");
  check_defect(&use_after_destroy, "kthread_worker works used after kthread_destroy_worker()");
  check_defect(&wrong_cancel, "was taken off its list while its timer was armed");
}

namespace {

struct Freezer {
  bool on = false;
  int frozen = 0;
  Run* run = nullptr;
  [[nodiscard]] sim::FramePool& frame_pool() const { return run->frame_pool(); }
  Co<bool> freeze(Task& self) {
    ++frozen;
    self.state = kt::sched::kTaskFrozen;
    co_await run->m.scheduler.schedule();
    co_return true;
  }
};

bool is_freezing(void* object, const Task& p) {
  return static_cast<Freezer*>(object)->on && (p.flags & kt::sched::kPfNofreeze) == 0;
}

Co<bool> refrigerator(void* object, Task& self, bool) {
  return static_cast<Freezer*>(object)->freeze(self);
}

Co<int> freeze_and_thaw(Kthreads& kthreads, Task&, void* data) {
  Freezer& freezer = *static_cast<Freezer*>(data);
  Run& run = *freezer.run;
  co_await make_worker(run, kt::kthread::kKtwFreezable);
  CHECK((run.worker->task->flags & kt::sched::kPfNofreeze) == 0);
  freezer.on = true;
  co_await run.workers.kthread_queue_work(*run.worker, run.a);
  co_await run.m.timers.msleep(kPause);
  co_await run.workers.kthread_queue_work(*run.worker, run.b);
  co_await run.m.timers.msleep(kPause);
  run.m.note("thaws");
  freezer.on = false;
  co_await kthreads.scheduler().wake_up_state(*run.worker->task, kt::sched::kTaskFrozen);
  co_await run.workers.kthread_destroy_worker(*run.worker);
  co_return 0;
}

}  // namespace

TEST_CASE("kthread_worker: a freezable worker freezes between two works", "[kthread]") {
  Run run;
  Freezer freezer{.run = &run};
  run.m.kthreads.freezer = {&freezer, &is_freezing, &refrigerator};
  run.m.thread("freezer", &freeze_and_thaw, &freezer);
  run.m.run_until(kEnd);
  // The wakeup for a ends its sleep; what it finds first is the freezer.
  CHECK(run.m.notes() == Notes{"thaws", "a", "b"});
  CHECK(freezer.frozen == 1);
}
