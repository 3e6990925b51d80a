// Per-CPU threads (kernel/smpboot.c): the loop that ksoftirqd/N, migration/N, cpuhp/N and
// idle_inject/N share, and the callbacks that tell them apart. A thread stays on its CPU: it parks
// before the CPU goes away and goes on when it is back.
#pragma once

#include <vector>

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
  Callback create = nullptr;   ///< once, in the creator, when the thread is parked
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
  Task* task = nullptr;
  int cpu = -1;
  HotplugThreadStatus status = HotplugThreadStatus::kNone;
};

/// The thread function; `data` is a SmpbootThread. 0 when it was stopped. kernel/smpboot.c:
/// smpboot_thread_fn
Co<int> smpboot_thread_fn(Kthreads& kthreads, Task& self, void* data);

/// The registered kinds of per-CPU threads, and their threads. A thread that exists outlives the
/// offline times of its CPU.
class SmpbootThreads {
 public:
  explicit SmpbootThreads(Kthreads& kthreads) : kthreads_(kthreads) {}
  SmpbootThreads(const SmpbootThreads&) = delete;
  SmpbootThreads& operator=(const SmpbootThreads&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return kthreads_.frame_pool(); }
  [[nodiscard]] Kthreads& kthreads() const { return kthreads_; }

  /// The thread of a CPU as it is after the boot, asleep; the kind is registered with its first.
  Task& boot_thread(const HotplugThread& descriptor, int cpu);
  /// A thread on each CPU that is online, unparked. The caller keeps CPUs from coming and going. 0,
  /// -ENOMEM or -EINTR: then there are none. kernel/smpboot.c: smpboot_register_percpu_thread
  Co<int> smpboot_register_percpu_thread(const HotplugThread& descriptor);

  /// The thread of a kind on a CPU, or null.
  [[nodiscard]] Task* thread(const HotplugThread& descriptor, int cpu) const;

  // Of one CPU, of all kinds: newest first for the way up, oldest first for the way down
  /// 0 or what kthread_create() gave. kernel/smpboot.c: smpboot_create_threads
  Co<int> smpboot_create_threads(int cpu);
  Co<> smpboot_unpark_threads(int cpu);
  Co<> smpboot_park_threads(int cpu);

 private:
  struct Kind {
    const HotplugThread* descriptor = nullptr;
    std::vector<SmpbootThread*> threads;  // by CPU; null: never made
  };
  Kind& kind_of(const HotplugThread& descriptor);
  Co<int> create_thread(Kind& kind, int cpu);

  Kthreads& kthreads_;
  std::deque<Kind> kinds_;  // in order of registration
  std::deque<SmpbootThread> threads_;
};

}  // namespace kt::kthread
