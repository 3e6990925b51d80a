#include "models/kthread/smpboot.hpp"

#include "sim/error.hpp"

namespace kt::kthread {

using Status = HotplugThreadStatus;

Co<int> smpboot_thread_fn(Kthreads& kthreads, Task& self, void* data) {
  SmpbootThread& thread = *static_cast<SmpbootThread*>(data);
  const HotplugThread& descriptor = *thread.descriptor;
  Scheduler& scheduler = kthreads.scheduler();
  cpu::Cpu& cpu = scheduler.machine().cpu(thread.cpu);
  for (;;) {
    self.state = sched::kTaskInterruptible;
    scheduler.preempt_disable();
    if (Kthreads::should_stop(self)) {
      self.state = sched::kTaskRunning;
      co_await scheduler.preempt_enable();
      if (descriptor.cleanup != nullptr && thread.status != Status::kNone) {
        co_await descriptor.cleanup(descriptor.object, cpu);
      }
      co_return 0;
    }
    if (Kthreads::should_park(self)) {
      self.state = sched::kTaskRunning;
      co_await scheduler.preempt_enable();
      if (descriptor.park != nullptr && thread.status == Status::kActive) {
        co_await descriptor.park(descriptor.object, cpu);
        thread.status = Status::kParked;  // so that only who has both callbacks sees unpark
      }
      co_await kthreads.kthread_parkme();
      continue;  // it may be told to stop now
    }
    KT_ASSERT(&scheduler.machine().this_cpu() == &cpu, "{}/{} runs on CPU {}", descriptor.comm,
              thread.cpu, scheduler.machine().this_cpu().id());
    if (thread.status != Status::kActive) {
      const bool first = thread.status == Status::kNone;
      const HotplugThread::Callback callback = first ? descriptor.setup : descriptor.unpark;
      self.state = sched::kTaskRunning;
      co_await scheduler.preempt_enable();
      if (callback != nullptr) co_await callback(descriptor.object, cpu);
      thread.status = Status::kActive;
      continue;
    }
    if (!descriptor.thread_should_run(descriptor.object, cpu)) {
      cpu.preempt_enable_no_resched();
      co_await scheduler.schedule();
    } else {
      self.state = sched::kTaskRunning;
      co_await scheduler.preempt_enable();
      co_await descriptor.thread_fn(descriptor.object, cpu);
    }
  }
}

}  // namespace kt::kthread
