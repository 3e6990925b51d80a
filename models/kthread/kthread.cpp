#include "models/kthread/kthread.hpp"

#include <cerrno>

#include "sim/error.hpp"

namespace kt::kthread {

using sched::Wait;
using sched::WaitKind;
using trace::Event;

Kthreads::Kthreads(Scheduler& scheduler, timers::Timers& timers, locking::Completions& completions)
    : scheduler_(scheduler), timers_(timers), completions_(completions) {
  scheduler.should_stop_or_park = [](const Task& p) {
    if (p.kthread != nullptr) p.cpu->touch(p.kthread, cpu::Access::kRead);
    return p.kthread != nullptr && (p.kthread->should_stop || p.kthread->should_park);
  };
}

Task& Kthreads::new_kthread(std::string_view name) {
  Task& k = scheduler_.new_task(name);
  k.flags = sched::kPfKthread | sched::kPfNofreeze;  // inherited from kthreadd
  k.ppid = 2;
  if (scheduler_.has_nohz_full()) scheduler_.set_cpus_mask(k, scheduler_.housekeeping());
  Kthread& data = kthreads_.emplace_back();
  data.parked.name = data.exited.name = k.full_name;
  k.kthread = &data;
  return k;
}

Kthreads::Request& Kthreads::new_request() {
  for (Request& request : requests_) {
    if (!request.in_use) {
      request = {};
      return request;
    }
  }
  return requests_.emplace_back();
}

namespace {

// A thread that sleeps as if it had gone through schedule() before t = 0.
void put_to_sleep(Task& k, std::uint32_t state) {
  k.state = state;
  k.on_rq = sched::OnRq::kNo;
  k.on_cpu = false;
  k.load_avg.start(k.cpu->now(), {});
  k.resume_point = k.body.handle();
}

}  // namespace

Task& Kthreads::start_kthreadd() {
  kthreadd_ = &new_kthread("kthreadd");
  kthreadd_->ppid = 0;
  kthreadd_->body = kthreadd_loop(*kthreadd_);
  put_to_sleep(*kthreadd_, sched::kTaskInterruptible);
  return *kthreadd_;
}

Task& Kthreads::boot_thread(std::string_view name, ThreadFunction function, void* data,
                            std::uint32_t state) {
  Task& k = new_kthread(name);
  k.kthread->function = function;
  k.kthread->data = data;
  k.body = booted_thread(k);
  put_to_sleep(k, state);
  return k;
}

Co<> Kthreads::booted_thread(Task& self) {
  co_await scheduler_.schedule_tail();
  const int result = co_await self.kthread->function(*this, self, self.kthread->data);
  co_await kthread_exit(self, result);
}

Task& Kthreads::created_thread(std::string_view name, ThreadFunction function, void* data) {
  Task& k = new_kthread(name);
  k.kthread->function = function;
  k.kthread->data = data;
  k.body = woken_first(k);
  put_to_sleep(k, sched::kTaskUninterruptible);
  k.wait = {WaitKind::kKthreadCreate, 0, nullptr};
  return k;
}

// What kthread() does behind its handshake.
Co<> Kthreads::woken_first(Task& self) {
  co_await scheduler_.schedule_tail();
  self.wait = {};
  int result = -EINTR;
  if (!should_stop(self)) {
    co_await kthread_parkme();
    result = co_await self.kthread->function(*this, self, self.kthread->data);
  }
  co_await kthread_exit(self, result);
}

// kernel/kthread.c: kthreadd
Co<> Kthreads::kthreadd_loop(Task& self) {
  co_await scheduler_.schedule_tail();
  for (;;) {
    while (list_ != nullptr) {
      Request& request = *list_;
      list_ = request.next;
      if (list_ == nullptr) list_tail_ = &list_;
      co_await create_kthread(request);
    }
    self.state = sched::kTaskInterruptible;
    if (list_ == nullptr) co_await scheduler_.schedule();
    self.state = sched::kTaskRunning;
  }
}

// kernel/fork.c: dup_task_struct. The node, or -ENOMEM.
Co<int> Kthreads::allocate_thread() {
  const bool denied =
      sim::choose(scheduler_.machine().chooser, sim::Question::kAllocation, 2, 2) != 0;
  if (denied) co_return -ENOMEM;
  if (thread_memory.allocate == nullptr) co_return 0;
  co_return co_await thread_memory.allocate(thread_memory.object, *this);
}

// kernel/kthread.c: create_kthread: the fork.
Co<> Kthreads::create_kthread(Request& request) {
  cpu::Machine& machine = scheduler_.machine();
  co_await machine.run(machine.costs().fork);
  const int memory_node = co_await allocate_thread();
  if (memory_node < 0) {
    Completion* done = std::exchange(request.done, nullptr);
    if (done == nullptr) {
      request.in_use = false;
      co_return;
    }
    request.result = {nullptr, memory_node};
    co_await completions_.complete(*done);
    co_return;
  }
  Task& k = new_kthread(request.name);
  if (thread_memory.allocate != nullptr) k.kthread->memory_node = memory_node;
  k.body = kthread(k, request);
  k.resume_point = k.body.handle();
  const Task& parent = scheduler_.current();
  machine.this_cpu().trace(Event::kSchedProcessFork, cpu::pack(parent.comm, parent.pid),
                           cpu::pack(k.comm, k.pid));
  co_await scheduler_.wake_up_new_task(k);
}

// kernel/kthread.c: kthread: the first code of every thread.
Co<> Kthreads::kthread(Task& self, Request& request) {
  Co<int> step = handshake(self, request);  // one for both: a sleeper's frame stays small
  int result = co_await step;
  if (result == 0) {
    step = self.kthread->function(*this, self, self.kthread->data);
    result = co_await step;
  }
  co_await kthread_exit(self, result);
}

// Tells the creator and waits for the first wakeup; 0: go on, -EINTR: stopped before, or nobody
// waits any more.
Co<int> Kthreads::handshake(Task& self, Request& request) {
  co_await scheduler_.schedule_tail();
  co_await scheduler_.machine().run(scheduler_.machine().costs().kthread_start);
  Completion* done = std::exchange(request.done, nullptr);
  if (done == nullptr) {  // the creator was killed
    request.in_use = false;
    co_return -EINTR;
  }
  self.kthread->function = request.function;
  self.kthread->data = request.data;
  scheduler_.preempt_disable();
  self.state = sched::kTaskUninterruptible;
  self.wait = {WaitKind::kKthreadCreate, 0, nullptr};
  request.result = {&self, 0};
  co_await completions_.complete(*done);
  co_await scheduler_.schedule_preempt_disabled();
  self.wait = {};
  co_await scheduler_.preempt_enable();
  if (should_stop(self)) co_return -EINTR;
  co_await kthread_parkme();
  co_return 0;
}

Co<Created> Kthreads::kthread_create(std::string_view name, ThreadFunction function, void* data) {
  Request& request = new_request();
  request.in_use = true;
  request.name = name;
  request.function = function;
  request.data = data;
  request.done = &request.done_storage;
  co_await scheduler_.machine().run(scheduler_.machine().costs().kthread_call);
  *list_tail_ = &request;
  list_tail_ = &request.next;
  co_await scheduler_.wake_up_process(*kthreadd_);
  const Wait why{WaitKind::kKthreadCreate,
                 scheduler_.machine().trace().names().intern(request.name), kthreadd_};
  const std::int64_t waited = co_await completions_.wait_for_completion(
      request.done_storage, sched::kTaskKillable, timers::kMaxScheduleTimeout, why);
  if (waited < 0) {
    // Killed. If nobody has answered yet the request is theirs to free.
    if (std::exchange(request.done, nullptr) != nullptr) co_return {nullptr, -EINTR};
    co_await completions_.wait_for_completion(request.done_storage, sched::kTaskUninterruptible,
                                              timers::kMaxScheduleTimeout, why);
  }
  const Created result = request.result;
  request.in_use = false;
  co_return result;
}

Co<Created> Kthreads::kthread_run(std::string_view name, ThreadFunction function, void* data) {
  const Created created = co_await kthread_create(name, function, data);
  if (created.task != nullptr) co_await scheduler_.wake_up_process(*created.task);
  co_return created;
}

Co<Created> Kthreads::kthread_create_on_cpu(std::string_view name, ThreadFunction function,
                                            void* data, int cpu) {
  const Created created = co_await kthread_create(name, function, data);
  if (created.task != nullptr) {
    co_await kthread_bind(*created.task, cpu);
    created.task->kthread->cpu = cpu;
  }
  co_return created;
}

Co<bool> Kthreads::kthread_bind(Task& k, int cpu) {
  const cpu::CpuMask mask = cpu::CpuMask::of(scheduler_.machine().nr_cpus(), cpu);
  const bool bound = co_await kthread_bind_mask(k, mask);
  co_return bound;
}

Co<bool> Kthreads::kthread_bind_mask(Task& k, const cpu::CpuMask& mask) {
  const std::uint64_t off_cpu =
      co_await scheduler_.wait_task_inactive(k, sched::kTaskUninterruptible);
  if (off_cpu == 0) co_return false;
  scheduler_.set_cpus_mask(k, mask);
  k.flags |= sched::kPfNoSetaffinity;
  co_return true;
}

void Kthreads::kthread_set_per_cpu(Task& k, int cpu) {
  k.per_cpu_kthread = cpu >= 0;
  if (cpu >= 0) k.kthread->cpu = cpu;
}

Co<int> Kthreads::kthread_stop(Task& k) {
  cpu::Machine& machine = scheduler_.machine();
  machine.this_cpu().trace(Event::kSchedKthreadStop, cpu::pack(k.comm, k.pid));
  co_await machine.run(machine.costs().kthread_call);
  machine.touch(k.kthread, cpu::Access::kWrite);
  k.kthread->should_stop = true;
  co_await kthread_unpark(k);
  k.sigpending = true;  // TIF_NOTIFY_SIGNAL: it cannot sleep in S any more
  co_await scheduler_.wake_up_process(k);
  const Wait why{WaitKind::kKthreadStop, k.full_name, &k};
  co_await completions_.wait_for_completion(k.kthread->exited, sched::kTaskUninterruptible,
                                            timers::kMaxScheduleTimeout, why);
  machine.this_cpu().trace(Event::kSchedKthreadStopRet,
                           static_cast<std::uint32_t>(k.kthread->result));
  co_return k.kthread->result;
}

Co<int> Kthreads::kthread_park(Task& k) {
  co_await scheduler_.machine().run(scheduler_.machine().costs().kthread_call);
  scheduler_.machine().touch(k.kthread, cpu::Access::kWrite);
  if ((k.flags & sched::kPfExiting) != 0) co_return -ENOSYS;
  if (k.kthread->should_park) co_return -EBUSY;
  k.kthread->should_park = true;
  if (&k == &scheduler_.current()) co_return 0;
  co_await scheduler_.wake_up_process(k);
  const Wait why{WaitKind::kKthreadPark, k.full_name, &k};
  co_await completions_.wait_for_completion(k.kthread->parked, sched::kTaskUninterruptible,
                                            timers::kMaxScheduleTimeout, why);
  co_await scheduler_.wait_task_inactive(k, sched::kTaskParked);
  co_return 0;
}

Co<> Kthreads::kthread_unpark(Task& k) {
  scheduler_.machine().touch(k.kthread, cpu::Access::kRead);
  if (!k.kthread->should_park) co_return;
  co_await scheduler_.machine().run(scheduler_.machine().costs().kthread_call);
  if (k.per_cpu_kthread) {  // its mask may have been widened while its CPU was away
    co_await scheduler_.wait_task_inactive(k, sched::kTaskParked);
    scheduler_.set_cpus_mask(k, cpu::CpuMask::of(scheduler_.machine().nr_cpus(), k.kthread->cpu));
    k.flags |= sched::kPfNoSetaffinity;
  }
  scheduler_.machine().touch(k.kthread, cpu::Access::kWrite);
  k.kthread->should_park = false;
  co_await scheduler_.wake_up_state(k, sched::kTaskParked);
}

// kernel/kthread.c: __kthread_parkme
Co<> Kthreads::kthread_parkme() {
  Task& self = scheduler_.current();
  for (;;) {
    co_await scheduler_.set_special_state(sched::kTaskParked);
    if (!should_park(self)) break;
    // No preemption between the completion and the sleep: the parker waits for both.
    scheduler_.preempt_disable();
    self.wait = {WaitKind::kParked, 0, nullptr};
    co_await completions_.complete(self.kthread->parked);
    co_await scheduler_.schedule_preempt_disabled();
    self.wait = {};
    co_await scheduler_.preempt_enable();
  }
  self.state = sched::kTaskRunning;
}

Co<> Kthreads::kthread_exit(Task& self, int result) {
  self.kthread->result = result;
  co_await do_exit(self);
}

Co<> Kthreads::do_exit(Task& self) {
  cpu::Machine& machine = scheduler_.machine();
  co_await machine.run(machine.costs().kthread_call);
  self.flags |= sched::kPfExiting;
  if (self.kthread != nullptr) {
    machine.touch(self.kthread, cpu::Access::kWrite);
    scheduler_.preempt_disable();  // task_lock
    co_await completions_.complete(self.kthread->exited);
    co_await scheduler_.preempt_enable();
  }
  if (!self.is_kthread() && thread_memory.exit_mm != nullptr) {
    co_await thread_memory.exit_mm(thread_memory.object, self);
  }
  machine.this_cpu().trace(Event::kSchedProcessExit, cpu::pack(self.comm, self.pid), self.prio);
  co_await machine.run(machine.costs().exit);
  if (self.kthread != nullptr && self.kthread->memory_node >= 0) {
    thread_memory.release(thread_memory.object, std::exchange(self.kthread->memory_node, -1));
  }
  self.exit_state = self.is_kthread() ? sched::kExitDead : sched::kExitZombie;
  self.flags |= sched::kPfNofreeze;
  co_await scheduler_.do_task_dead();
}

Co<> Kthreads::send_signal(Task& p, int signal) {
  co_await scheduler_.machine().run(scheduler_.machine().costs().kthread_call);
  const bool allowed = signal < 32 && (p.allowed_signals >> signal & 1U) != 0;
  if (p.is_kthread() && !allowed) co_return;
  p.sigpending = true;
  constexpr int kSigchld = 17;
  constexpr int kSigcont = 18;
  constexpr int kSigurg = 23;
  constexpr int kSigwinch = 28;
  const bool ignored =
      signal == kSigchld || signal == kSigcont || signal == kSigurg || signal == kSigwinch;
  if (ignored) {  // by default: never queued
    p.sigpending = false;
    co_return;
  }
  p.fatal_signal = !p.is_kthread();  // no handlers are modelled: what is not ignored kills
  const std::uint32_t mask =
      sched::kTaskInterruptible | (p.fatal_signal ? std::uint32_t{sched::kTaskWakekill} : 0U);
  co_await scheduler_.wake_up_state(p, mask);
}

}  // namespace kt::kthread
