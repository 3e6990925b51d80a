#include "models/kthread/smpboot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "sim/error.hpp"

namespace kt::kthread {

using Status = HotplugThreadStatus;
using sched::WaitKind;

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
      self.wait = {WaitKind::kPercpuIdle, 0, nullptr};
      co_await scheduler.schedule();
      self.wait = {};
    } else {
      self.state = sched::kTaskRunning;
      co_await scheduler.preempt_enable();
      co_await descriptor.thread_fn(descriptor.object, cpu);
    }
  }
}

SmpbootThreads::Kind& SmpbootThreads::kind_of(const HotplugThread& descriptor) {
  const auto found = std::ranges::find(kinds_, &descriptor, &Kind::descriptor);
  if (found != kinds_.end()) return *found;
  const auto nr_cpus = static_cast<std::size_t>(kthreads_.scheduler().machine().nr_cpus());
  return kinds_.emplace_back(Kind{&descriptor, std::vector<SmpbootThread*>(nr_cpus)});
}

Task* SmpbootThreads::thread(const HotplugThread& descriptor, int cpu) const {
  const auto found = std::ranges::find(kinds_, &descriptor, &Kind::descriptor);
  if (found == kinds_.end()) return nullptr;
  const SmpbootThread* thread = found->threads[static_cast<std::size_t>(cpu)];
  return thread != nullptr ? thread->task : nullptr;
}

Task& SmpbootThreads::boot_thread(const HotplugThread& descriptor, int cpu) {
  SmpbootThread& data = threads_.emplace_back(
      SmpbootThread{&descriptor, nullptr, cpu, HotplugThreadStatus::kActive});
  kind_of(descriptor).threads[static_cast<std::size_t>(cpu)] = &data;
  Scheduler& scheduler = kthreads_.scheduler();
  Task& k = kthreads_.boot_thread(fmt::format("{}/{}", descriptor.comm, cpu), &smpboot_thread_fn,
                                  &data, sched::kTaskInterruptible);
  data.task = &k;
  scheduler.set_cpus_mask(k, cpu::CpuMask::of(scheduler.machine().nr_cpus(), cpu));
  k.cpu = &scheduler.machine().cpu(cpu);
  k.wake_cpu = k.recent_used_cpu = cpu;
  k.flags |= sched::kPfNoSetaffinity;
  kthreads_.kthread_set_per_cpu(k, cpu);
  return k;
}

// kernel/smpboot.c: __smpboot_create_thread. Parked before its function has run.
Co<int> SmpbootThreads::create_thread(Kind& kind, int cpu) {
  SmpbootThread*& slot = kind.threads[static_cast<std::size_t>(cpu)];
  if (slot != nullptr) co_return 0;
  const HotplugThread& descriptor = *kind.descriptor;
  SmpbootThread& data =
      threads_.emplace_back(SmpbootThread{&descriptor, nullptr, cpu, HotplugThreadStatus::kNone});
  const Created created = co_await kthreads_.kthread_create_on_cpu(
      fmt::format("{}/{}", descriptor.comm, cpu), &smpboot_thread_fn, &data, cpu);
  if (created.task == nullptr) co_return created.error;
  data.task = created.task;
  kthreads_.kthread_set_per_cpu(*data.task, cpu);
  co_await kthreads_.kthread_park(*data.task);
  slot = &data;
  if (descriptor.create != nullptr) {
    co_await kthreads_.scheduler().wait_task_inactive(*data.task, sched::kTaskParked);
    co_await descriptor.create(descriptor.object, kthreads_.scheduler().machine().cpu(cpu));
  }
  co_return 0;
}

Co<int> SmpbootThreads::smpboot_register_percpu_thread(const HotplugThread& descriptor) {
  Kind& kind = kind_of(descriptor);
  for (const int cpu : kthreads_.scheduler().machine().online_mask()) {
    const int error = co_await create_thread(kind, cpu);
    if (error != 0) {
      for (const SmpbootThread* thread : kind.threads) {
        if (thread != nullptr) co_await kthreads_.kthread_stop(*thread->task);
      }
      std::erase_if(kinds_, [&descriptor](const Kind& k) { return k.descriptor == &descriptor; });
      co_return error;
    }
    if (!descriptor.selfparking) {
      co_await kthreads_.kthread_unpark(*kind.threads[static_cast<std::size_t>(cpu)]->task);
    }
  }
  co_return 0;
}

Co<int> SmpbootThreads::smpboot_create_threads(int cpu) {
  for (Kind& kind : std::views::reverse(kinds_)) {
    const int error = co_await create_thread(kind, cpu);
    if (error != 0) co_return error;
  }
  co_return 0;
}

Co<> SmpbootThreads::smpboot_unpark_threads(int cpu) {
  for (const Kind& kind : std::views::reverse(kinds_)) {
    const SmpbootThread* thread = kind.threads[static_cast<std::size_t>(cpu)];
    if (kind.descriptor->selfparking || thread == nullptr) continue;
    co_await kthreads_.kthread_unpark(*thread->task);
  }
}

Co<> SmpbootThreads::smpboot_park_threads(int cpu) {
  for (const Kind& kind : kinds_) {
    const SmpbootThread* thread = kind.threads[static_cast<std::size_t>(cpu)];
    if (kind.descriptor->selfparking || thread == nullptr) continue;
    co_await kthreads_.kthread_park(*thread->task);
  }
}

}  // namespace kt::kthread
