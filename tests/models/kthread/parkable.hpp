// A thread function as most are: sleeps until it is told to stop or to park. `data` is the Run of a
// test, which has the machine as its member `m`; notes "runs" and "unparked"; returns 42.
#pragma once

#include "models/kthread/kthread.hpp"
#include "tests/support/test_machine.hpp"

namespace support {

template <class Run>
sim::Co<int> parkable(kt::kthread::Kthreads& kthreads, kt::sched::Task& self, void* data) {
  Run& run = *static_cast<Run*>(data);
  run.m.note("runs");
  for (;;) {
    self.state = kt::sched::kTaskInterruptible;
    if (kt::kthread::Kthreads::should_stop(self)) break;
    if (kt::kthread::Kthreads::should_park(self)) {
      self.state = kt::sched::kTaskRunning;
      co_await kthreads.kthread_parkme();
      run.m.note("unparked");
      continue;
    }
    co_await kthreads.scheduler().schedule();
  }
  self.state = kt::sched::kTaskRunning;
  co_return 42;
}

}  // namespace support
