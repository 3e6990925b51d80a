#include "tests/models/kthread/worker_run.hpp"

namespace worker_test {

Co<> note_name(KthreadWorkers& workers, KthreadWork& work) {
  Run& run = *static_cast<Run*>(work.object);
  co_await workers.kthreads().scheduler().machine().run(500);
  run.m.note(run.m.trace.names()[work.function_name]);
}

Co<> long_work(KthreadWorkers& workers, KthreadWork& work) {
  Run& run = *static_cast<Run*>(work.object);
  run.m.note("slow begins");
  co_await workers.kthreads().scheduler().machine().run(kLong);
  run.m.note("slow ends");
}

Co<> make_worker(Run& run, unsigned flags) {
  const CreatedWorker made = co_await run.workers.kthread_create_worker(flags, "works", kWorker);
  run.worker = made.worker;
  co_await run.m.timers.usleep_range(200'000, 200'000);  // it has run and sleeps
}

}  // namespace worker_test
