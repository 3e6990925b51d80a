#include "models/kthread/kthread_worker.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <string>
#include <vector>

#include "tests/models/kthread/worker_run.hpp"

using namespace worker_test;  // NOLINT: one set of names for the tests of one class

namespace {

Co<int> queue_three(Kthreads&, Task&, void* data) {
  Run& run = *static_cast<Run*>(data);
  co_await make_worker(run);
  for (KthreadWork* work : {&run.slow, &run.a, &run.b, &run.a}) {
    run.results.push_back(co_await run.workers.kthread_queue_work(*run.worker, *work));
  }
  co_await run.workers.kthread_flush_worker(*run.worker);
  run.m.note("flushed");
  run.results.push_back(co_await run.workers.kthread_queue_work(*run.worker, run.a));
  co_await run.workers.kthread_destroy_worker(*run.worker);
  run.m.note("destroyed");
  co_return 0;
}

}  // namespace

TEST_CASE("kthread_worker: works run in order, a pending one is not queued again", "[kthread]") {
  const auto preempt = GENERATE(kt::sched::Preempt::kNone, kt::sched::Preempt::kVoluntary,
                                kt::sched::Preempt::kFull);
  MachineOptions options;
  options.sched.preempt = preempt;
  Run run(options);
  run.m.thread("queuer", &queue_three, &run);
  run.m.run_until(kEnd);
  CHECK(run.results == std::vector<bool>{true, true, true, false, true});
  CHECK(run.m.notes() == Notes{"slow begins", "slow ends", "a", "b", "flushed", "a", "destroyed"});
  CHECK(run.m.violations() == "");
}

TEST_CASE("kthread_worker: only a worker without a work at hand is woken, under the lock",
          "[kthread]") {
  Run run;
  const Task& queuer = run.m.thread("queuer", &queue_three, &run);
  run.m.run_until(kEnd);
  const std::string_view worker = "works";
  std::vector<std::uint8_t> depths;
  for (const auto& record : run.m.records(Event::kSchedWaking)) {
    if (run.m.trace.names()[static_cast<std::uint32_t>(record.arguments[0] >> 32)] != worker ||
        record.pid != queuer.pid ||
        record.time < run.times_of(Event::kSchedKthreadWorkQueueWork, run.slow)[0]) {
      continue;
    }
    CHECK((record.flags & kt::trace::kIrqsOff) != 0);
    depths.push_back(record.preempt_depth);
  }
  // For slow, and for a after the flush; kthread_stop() and the barrier of the end may wake too.
  REQUIRE(depths.size() >= 2);
  CHECK(depths[0] == 3);  // worker->lock, try_to_wake_up(), pi_lock
  CHECK(depths[1] == 3);
}

namespace {

Co<int> create_worker_only(Kthreads&, Task&, void* data) {
  Run& run = *static_cast<Run*>(data);
  const CreatedWorker made = co_await run.workers.kthread_create_worker(0, "works", kWorker);
  CHECK(made.worker == nullptr);
  CHECK(made.error == -ENOMEM);
  run.m.note("done");
  co_return 0;
}

// Fails the allocation number `which`, counting from 0.
struct FailOne : sim::Chooser {
  explicit FailOne(int which_) : which(which_) {}
  std::uint32_t choose(sim::Question question, std::uint32_t, std::uint32_t) override {
    return question == sim::Question::kAllocation && which-- == 0 ? 1 : 0;
  }
  int which;
};

}  // namespace

TEST_CASE("kthread_worker: allocation of the worker or fork of its thread fails", "[kthread]") {
  const int which = GENERATE(0, 1);
  FailOne chooser(which);
  MachineOptions options;
  options.chooser = &chooser;
  Run run(options);
  run.m.thread("creator", &create_worker_only, &run);
  run.m.run_until(kEnd);
  CHECK(run.m.notes() == Notes{"done"});
  CHECK(run.m.records(Event::kSchedProcessFork).empty());
}

namespace {

Co<int> on_cpu_1(Kthreads&, Task&, void* data) {
  Run& run = *static_cast<Run*>(data);
  const CreatedWorker made =
      co_await run.workers.kthread_create_worker_on_cpu(1, 0, "works/1", kWorker);
  CHECK_FALSE(made.worker->task->per_cpu_kthread);
  CHECK((made.worker->task->flags & kt::sched::kPfNoSetaffinity) != 0);
  co_await run.workers.kthread_queue_work(*made.worker, run.a);
  co_await run.workers.kthread_destroy_worker(*made.worker);
  co_return 0;
}

}  // namespace

TEST_CASE("kthread_worker: a worker on a CPU is bound to it and not per CPU", "[kthread]") {
  Run run;
  run.m.thread("creator", &on_cpu_1, &run);
  run.m.run_until(kEnd);
  CHECK(run.m.notes() == Notes{"a"});
  CHECK(run.m.records(Event::kSchedKthreadWorkExecuteStart)[0].cpu == 1);
  CHECK(run.m.violations() == "");
}

namespace {

// Flushes a pending work, a running one, and one that has run.
Co<int> flushes(Kthreads&, Task&, void* data) {
  Run& run = *static_cast<Run*>(data);
  co_await make_worker(run);
  co_await run.workers.kthread_flush_work(run.a);  // never queued: nothing to wait for
  run.m.note("flushed unused");
  co_await run.workers.kthread_queue_work(*run.worker, run.slow);
  co_await run.workers.kthread_queue_work(*run.worker, run.a);
  co_await run.workers.kthread_queue_work(*run.worker, run.b);
  co_await run.workers.kthread_flush_work(run.a);
  run.m.note("flushed a");
  co_await run.workers.kthread_queue_work(*run.worker, run.slow);
  co_await run.m.timers.usleep_range(200'000, 200'000);
  co_await run.workers.kthread_queue_work(*run.worker, run.c);
  co_await run.workers.kthread_flush_work(run.slow);  // runs: the barrier goes before c
  run.m.note("flushed slow");
  co_await run.workers.kthread_flush_work(run.slow);
  run.m.note("flushed idle");
  co_await run.workers.kthread_destroy_worker(*run.worker);
  co_return 0;
}

}  // namespace

TEST_CASE("kthread_worker: a flush waits for a pending work or a running one only", "[kthread]") {
  Run run;
  run.m.thread("flusher", &flushes, &run, 0);
  run.m.run_until(kEnd);
  std::vector<std::string> executed;  // by the worker, barriers included
  for (const auto& record : run.m.records(Event::kSchedKthreadWorkExecuteStart)) {
    executed.emplace_back(run.m.trace.names()[static_cast<std::uint32_t>(record.arguments[1])]);
  }
  const std::string barrier = "kthread_flush_work_fn";
  CHECK(executed == Notes{"slow", "a", barrier, "b", "slow", barrier, "c", barrier});
  CHECK(run.m.notes()[0] == "flushed unused");
  CHECK(run.m.violations() == "");
}
