#include <array>
#include <catch2/catch.hpp>

#include "sim/random.hpp"
#include "tests/models/kthread/worker_run.hpp"

using namespace worker_test;  // NOLINT: one set of names for the tests of one class

namespace {

constexpr int kCallers = 4;

struct Crowd : Run {
  Crowd(const MachineOptions& options, std::uint64_t seed) : Run(options), random(seed, "/crowd") {}
  sim::RandomStream random;
  int finished = 0;
};

// One call on one of the works.
Co<> call_at_random(Crowd& crowd) {
  KthreadWorkers& workers = crowd.workers;
  const std::array<KthreadWork*, 4> works{&crowd.a, &crowd.b, &crowd.c, &crowd.slow};
  KthreadWork& work = *works[crowd.random.bounded(works.size())];
  KthreadDelayedWork& delayed = crowd.random.bounded(2) == 0 ? crowd.d : crowd.e;
  const kt::timers::Jiffies delay = crowd.random.bounded(3);
  switch (crowd.random.bounded(8)) {
    case 0:
      co_await workers.kthread_flush_work(work);
      break;
    case 1:
      co_await workers.kthread_flush_worker(*crowd.worker);
      break;
    case 2:
      co_await workers.kthread_cancel_work_sync(work);
      break;
    case 3:
      co_await workers.kthread_cancel_delayed_work_sync(delayed);
      break;
    case 4:
      co_await workers.kthread_queue_delayed_work(*crowd.worker, delayed, delay);
      break;
    case 5:
      co_await workers.kthread_mod_delayed_work(*crowd.worker, delayed, delay);
      break;
    default:
      co_await workers.kthread_queue_work(*crowd.worker, work);
  }
}

Co<int> caller(Kthreads& kthreads, Task& self, void* data) {
  Crowd& crowd = *static_cast<Crowd*>(data);
  co_await kthreads.timers().usleep_range(1'000'000, 1'000'000);  // the worker is there
  for (int i = 0; i < 40; ++i) {
    co_await self.cpu->run(static_cast<sim::Time>(crowd.random.bounded(3'000)));
    co_await call_at_random(crowd);
    crowd.m.note("called");
  }
  ++crowd.finished;
  co_return 0;
}

Co<int> owner(Kthreads& kthreads, Task&, void* data) {
  Crowd& crowd = *static_cast<Crowd*>(data);
  co_await make_worker(crowd);
  while (crowd.finished < kCallers) co_await kthreads.timers().msleep(kPause);
  for (KthreadDelayedWork* work : {&crowd.d, &crowd.e}) {
    co_await crowd.workers.kthread_cancel_delayed_work_sync(*work);
  }
  co_await crowd.workers.kthread_destroy_worker(*crowd.worker);
  co_return 0;
}

}  // namespace

TEST_CASE("kthread_worker: any mix of calls by many ends in order", "[kthread]") {
  using kt::sched::Preempt;
  const Preempt preempt = GENERATE(Preempt::kNone, Preempt::kVoluntary, Preempt::kFull);
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    CAPTURE(static_cast<int>(preempt), seed);
    MachineOptions options;
    options.topology.nr_cpus = 1 + static_cast<int>(seed % 4);
    options.sched.preempt = preempt;
    Crowd crowd(options, seed);
    for (int i = 0; i < kCallers; ++i) {
      crowd.m.thread("caller", &caller, &crowd, i % options.topology.nr_cpus, false);
    }
    crowd.m.thread("owner", &owner, &crowd);
    crowd.m.run_until(10 * kEnd);
    CHECK(crowd.finished == kCallers);
    CHECK(crowd.worker->destroyed);
    CHECK(crowd.m.timers.armed() == 0);
    for (const KthreadWork* work : {&crowd.a, &crowd.b, &crowd.c, &crowd.slow}) {
      CHECK(work->list == nullptr);
      CHECK(work->canceling == 0);
    }
    CHECK(crowd.m.violations() == "");
  }
}
