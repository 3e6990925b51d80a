// Kernel threads (kernel/kthread.c): kthreadd and its list of requests, the handshake of a new
// thread, stop, park, bind, exit. PID 2 forks one thread after the other, first come, first served.
#pragma once

#include <deque>
#include <string>

#include "models/locking/completion.hpp"
#include "models/sched/scheduler.hpp"

namespace kt::kthread {

using locking::Completion;
using sched::Scheduler;
using sched::Task;
using sim::Co;

class Kthreads;

/// What a thread runs: gets `data`, runs as the new task, and its value is what kthread_stop()
/// sees.
using ThreadFunction = Co<int> (*)(Kthreads& kthreads, Task& self, void* data);

/// struct kthread (enum KTHREAD_BITS as members).
struct Kthread {
  bool should_stop = false;
  bool should_park = false;
  int cpu = -1;
  int result = 0;
  int memory_node = -1;  ///< whose memory it lives in; -1: not accounted
  ThreadFunction function = nullptr;
  void* data = nullptr;
  Completion parked;
  Completion exited;
};

/// What creating a thread gave: the thread, asleep in D, or null and -ENOMEM or -EINTR.
struct Created {
  Task* task = nullptr;
  int error = 0;
};

/// Where the stack and the task_struct of a new thread come from (kernel/fork.c: dup_task_struct),
/// and what a user task had goes to: the layer of memory. None: there is always enough.
struct ThreadMemory {
  void* object = nullptr;
  Co<int> (*allocate)(void* object, Kthreads& kthreads) = nullptr;  ///< its node, or -ENOMEM
  void (*release)(void* object, int node) = nullptr;
  Co<> (*exit_mm)(void* object, Task& self) = nullptr;  ///< kernel/exit.c: of a user task
};

/// What the freezer (a layer above) does for tasks that may be frozen; kernel/freezer.c.
struct FreezerHook {
  void* object = nullptr;
  bool (*freezing)(void* object, const Task& p) = nullptr;
  /// __refrigerator(): whether the current task was frozen.
  Co<bool> (*refrigerator)(void* object, Task& self, bool check_kthr_stop) = nullptr;
  Co<> (*thaw)(void* object, Task& p) = nullptr;  ///< __thaw_task()
};

class Kthreads {
 public:
  Kthreads(Scheduler& scheduler, timers::Timers& timers, locking::Completions& completions);
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }
  [[nodiscard]] Scheduler& scheduler() const { return scheduler_; }
  [[nodiscard]] timers::Timers& timers() const { return timers_; }
  [[nodiscard]] locking::Completions& completions() const { return completions_; }

  /// Makes PID 2 (the caller sees to it that it gets that number), asleep and waiting for requests.
  Task& start_kthreadd();
  /// Makes a thread as if it had been created, had run and slept before t = 0: for a machine that
  /// has booted. It sleeps in `state`; its function starts when something wakes it.
  Task& boot_thread(std::string_view name, ThreadFunction function, void* data,
                    std::uint32_t state);

  /// Makes a thread as kthread_create() leaves it, before t = 0: it sleeps in D, and its function
  /// starts with its first wakeup, unless it is stopped before.
  Task& created_thread(std::string_view name, ThreadFunction function, void* data);

  /// kernel/kthread.c: kthread_create_on_node. The thread exists and sleeps in D.
  Co<Created> kthread_create(std::string_view name, ThreadFunction function, void* data);
  /// include/linux/kthread.h: kthread_run: creates and wakes.
  Co<Created> kthread_run(std::string_view name, ThreadFunction function, void* data);
  /// kernel/kthread.c: kthread_create_on_cpu
  Co<Created> kthread_create_on_cpu(std::string_view name, ThreadFunction function, void* data,
                                    int cpu);
  /// kernel/kthread.c: kthread_bind. False (and no effect) if the thread is not asleep in D.
  Co<bool> kthread_bind(Task& k, int cpu);
  /// kernel/kthread.c: kthread_bind_mask
  Co<bool> kthread_bind_mask(Task& k, const cpu::CpuMask& mask);
  /// kernel/kthread.c: kthread_set_per_cpu; -1 clears it.
  void kthread_set_per_cpu(Task& k, int cpu);

  /// The thread's result, or -EINTR if it never ran. kernel/kthread.c: kthread_stop
  Co<int> kthread_stop(Task& k);
  /// 0, -ENOSYS (it exits), -EBUSY (parked already). kernel/kthread.c: kthread_park
  Co<int> kthread_park(Task& k);
  Co<> kthread_unpark(Task& k);
  /// Parks the current thread while it is told to. kernel/kthread.c: kthread_parkme
  Co<> kthread_parkme();
  [[nodiscard]] static bool should_stop(const Task& k) {
    k.cpu->touch(k.kthread, cpu::Access::kRead);
    return k.kthread->should_stop;
  }
  [[nodiscard]] static bool should_park(const Task& k) {
    k.cpu->touch(k.kthread, cpu::Access::kRead);
    return k.kthread->should_park;
  }

  /// kernel/exit.c: do_exit, for kernel threads and user tasks alike. Never returns.
  Co<> do_exit(Task& self);
  /// Sends a signal: wakes an interruptible sleeper, a killable one if the signal kills. Kernel
  /// threads ignore it. kernel/signal.c: send_signal_locked, signal_wake_up_state
  Co<> send_signal(Task& p, int signal);

  /// include/linux/freezer.h: freezing. Without a freezer nothing freezes.
  [[nodiscard]] bool freezing(const Task& p) const {
    return freezer.freezing != nullptr && freezer.freezing(freezer.object, p);
  }
  /// Waits in the refrigerator while the current task is to be frozen; whether it was.
  /// include/linux/freezer.h: try_to_freeze
  Co<bool> try_to_freeze();
  /// From now on the current kernel thread freezes. kernel/freezer.c: set_freezable
  Co<bool> set_freezable();
  /// Freezes if it has to, but not a thread that is told to stop; then kthread_should_stop().
  /// kernel/kthread.c: kthread_freezable_should_stop
  Co<bool> kthread_freezable_should_stop(bool& was_frozen);

  [[nodiscard]] Task* kthreadd() const { return kthreadd_; }
  FreezerHook freezer;
  ThreadMemory thread_memory;

 private:
  // struct kthread_create_info. Owned by the creator until it is killed, then by who answers.
  struct Request {
    std::string name;
    ThreadFunction function = nullptr;
    void* data = nullptr;
    Completion done_storage;
    Completion* done = nullptr;
    Created result;
    Request* next = nullptr;
    bool in_use = false;
  };
  Co<> kthreadd_loop(Task& self);
  Co<> create_kthread(Request& request);
  Co<int> allocate_thread();
  Co<> kthread(Task& self, Request& request);
  Co<int> handshake(Task& self, Request& request);
  Co<> booted_thread(Task& self);
  Co<> woken_first(Task& self);
  Co<> kthread_exit(Task& self, int result);
  Task& new_kthread(std::string_view name);
  Request& new_request();

  Scheduler& scheduler_;
  timers::Timers& timers_;
  locking::Completions& completions_;
  Task* kthreadd_ = nullptr;
  std::deque<Kthread> kthreads_;
  std::deque<Request> requests_;
  Request* list_ = nullptr;
  Request** list_tail_ = &list_;
};

}  // namespace kt::kthread
