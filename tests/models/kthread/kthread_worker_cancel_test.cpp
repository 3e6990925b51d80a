#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/models/kthread/worker_run.hpp"

using namespace worker_test;  // NOLINT: one set of names for the tests of one class

namespace {

Co<int> delays(Kthreads&, Task&, void* data) {
  Run& run = *static_cast<Run*>(data);
  co_await make_worker(run);
  run.results.push_back(co_await run.workers.kthread_queue_delayed_work(*run.worker, run.e, 0));
  run.results.push_back(co_await run.workers.kthread_queue_delayed_work(*run.worker, run.d, 3));
  run.results.push_back(co_await run.workers.kthread_queue_delayed_work(*run.worker, run.d, 1));
  run.m.note("armed");
  co_await run.m.timers.msleep(2 * kPause);
  co_await run.workers.kthread_destroy_worker(*run.worker);
  co_return 0;
}

}  // namespace

TEST_CASE("kthread_worker: a delayed work is queued by its timer, in softirq, irqs off",
          "[kthread]") {
  Run run;
  run.m.thread("queuer", &delays, &run);
  run.m.run_until(kEnd);
  CHECK(run.results == std::vector<bool>{true, true, false});
  REQUIRE(run.m.notes().back() == "d");
  const auto queued = run.m.records(Event::kSchedKthreadWorkQueueWork);
  REQUIRE(queued.size() >= 2);
  CHECK(queued[0].arguments[0] == run.e.address);
  CHECK(queued[0].flags == kt::trace::kIrqsOff);
  CHECK(queued[1].arguments[0] == run.d.address);
  CHECK((queued[1].flags & kt::trace::kSoftirq) != 0);
  CHECK((queued[1].flags & kt::trace::kIrqsOff) != 0);
  CHECK(queued[1].time - queued[0].time >= 2 * run.m.ticks.period);
  CHECK(queued[1].time - queued[0].time <= 5 * run.m.ticks.period);
  CHECK(run.m.violations() == "");
}

namespace {

Co<int> modifies(Kthreads&, Task&, void* data) {
  Run& run = *static_cast<Run*>(data);
  co_await make_worker(run);
  auto& results = run.results;
  results.push_back(co_await run.workers.kthread_mod_delayed_work(*run.worker, run.d, 2));
  results.push_back(co_await run.workers.kthread_mod_delayed_work(*run.worker, run.d, 50));
  co_await run.m.timers.msleep(2 * kPause);
  CHECK(run.m.notes().empty());
  results.push_back(co_await run.workers.kthread_mod_delayed_work(*run.worker, run.d, 0));
  co_await run.workers.kthread_flush_worker(*run.worker);
  CHECK(run.m.notes() == Notes{"d"});
  results.push_back(co_await run.workers.kthread_mod_delayed_work(*run.worker, run.d, 50));
  results.push_back(co_await run.workers.kthread_cancel_delayed_work_sync(run.d));
  results.push_back(co_await run.workers.kthread_cancel_delayed_work_sync(run.d));
  co_await run.workers.kthread_destroy_worker(*run.worker);
  run.m.note("destroyed");
  co_return 0;
}

}  // namespace

TEST_CASE("kthread_worker: mod_delayed_work moves the delay, cancel takes the work off",
          "[kthread]") {
  Run run;
  run.m.thread("queuer", &modifies, &run);
  run.m.run_until(kEnd);
  CHECK(run.results == std::vector<bool>{false, true, true, false, true, false});
  CHECK(run.m.notes() == Notes{"d", "destroyed"});
  CHECK(run.m.violations() == "");
}

namespace {

Co<int> cancels(Kthreads&, Task&, void* data) {
  Run& run = *static_cast<Run*>(data);
  co_await make_worker(run);
  co_await run.workers.kthread_queue_work(*run.worker, run.slow);
  co_await run.workers.kthread_queue_work(*run.worker, run.a);
  co_await run.m.timers.usleep_range(200'000, 200'000);
  run.results.push_back(co_await run.workers.kthread_cancel_work_sync(run.a));
  run.results.push_back(co_await run.workers.kthread_cancel_work_sync(run.slow));
  run.m.note("cancelled");
  run.results.push_back(co_await run.workers.kthread_cancel_work_sync(run.b));
  run.results.push_back(co_await run.workers.kthread_queue_work(*run.worker, run.slow));
  co_await run.workers.kthread_destroy_worker(*run.worker);
  co_return 0;
}

}  // namespace

TEST_CASE("kthread_worker: cancelling waits for the running work", "[kthread]") {
  Run run;
  run.m.thread("canceller", &cancels, &run);
  run.m.run_until(kEnd);
  CHECK(run.results == std::vector<bool>{true, false, false, true});
  CHECK(run.m.notes() ==
        Notes{"slow begins", "slow ends", "cancelled", "slow begins", "slow ends"});
  CHECK(run.m.violations() == "");
}

namespace {

Co<> requeues_itself(KthreadWorkers& workers, KthreadWork& work) {
  Run& run = *static_cast<Run*>(work.object);
  co_await workers.kthreads().scheduler().machine().run(10'000);
  run.results.push_back(co_await workers.kthread_queue_work(*run.worker, work));
}

Co<int> cancel_requeuing(Kthreads&, Task&, void* data) {
  Run& run = *static_cast<Run*>(data);
  co_await make_worker(run);
  run.init(run.c, &requeues_itself, "again", kWork + 0x200);
  co_await run.workers.kthread_queue_work(*run.worker, run.c);
  co_await run.m.timers.usleep_range(300'000, 300'000);
  co_await run.workers.kthread_cancel_work_sync(run.c);
  run.m.note("cancelled");
  CHECK(run.c.list == nullptr);
  CHECK(run.worker->current_work != &run.c);
  co_await run.workers.kthread_destroy_worker(*run.worker);
  co_return 0;
}

}  // namespace

TEST_CASE("kthread_worker: a work that queues itself again ends when it is cancelled",
          "[kthread]") {
  Run run;
  run.m.thread("canceller", &cancel_requeuing, &run);
  run.m.run_until(kEnd);
  REQUIRE(run.results.size() > 2);
  CHECK_FALSE(run.results.back());
  CHECK(run.results.front());
  CHECK(run.m.notes() == Notes{"cancelled"});
  CHECK(run.m.violations() == "");
}
