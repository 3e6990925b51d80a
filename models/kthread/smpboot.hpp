// Per-CPU threads (kernel/smpboot.c): the loop that ksoftirqd/N, migration/N, cpuhp/N and
// idle_inject/N share, and the callbacks that tell them apart. A thread stays on its CPU: it parks
// before the CPU goes away and goes on when it is back.
#pragma once

#include "models/kthread/kthread.hpp"

namespace kt::kthread {

/// struct smp_hotplug_thread: what the threads of one kind do. All callbacks but the first two may
/// be null; all run in the thread, on its CPU unless said otherwise. Outlives its threads.
struct HotplugThread {
  using Callback = Co<> (*)(void* object, cpu::Cpu& cpu);
  std::string_view comm;  ///< the thread of CPU 3 is COMM/3
  void* object = nullptr;
  bool (*thread_should_run)(void* object, cpu::Cpu& cpu) = nullptr;  ///< with preemption off
  Callback thread_fn = nullptr;
  Callback setup = nullptr;
  Callback cleanup = nullptr;  ///< on any CPU
  Callback park = nullptr;
  Callback unpark = nullptr;
  bool selfparking = false;  ///< hotplug neither parks nor unparks it
};

/// HP_THREAD_*.
enum class HotplugThreadStatus : std::uint8_t { kNone, kActive, kParked };

/// struct smpboot_thread_data: one thread's state, and the argument of its function.
struct SmpbootThread {
  const HotplugThread* descriptor = nullptr;
  int cpu = -1;
  HotplugThreadStatus status = HotplugThreadStatus::kNone;
};

/// The thread function; `data` is a SmpbootThread. 0 when it was stopped. kernel/smpboot.c:
/// smpboot_thread_fn
Co<int> smpboot_thread_fn(Kthreads& kthreads, Task& self, void* data);

}  // namespace kt::kthread
