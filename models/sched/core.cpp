// kernel/sched/core.c: __schedule(), context switches, preemption points, class dispatch.
#include "models/sched/scheduler.hpp"
#include "sim/error.hpp"

namespace kt::sched {

using cpu::ThreadInfo;
using trace::Event;

// Leaves prev's code where it stands and goes on with next's, on the same CPU.
struct Scheduler::SwitchTo {
  Rq* rq;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> here) const noexcept {
    rq->switch_prev->resume_point = here;
    rq->cpu->current = rq->curr;
    return rq->curr->resume_point;
  }
  void await_resume() const noexcept {}
};

Scheduler::Scheduler(cpu::Machine& machine, const SchedConfig& config)
    : machine_(machine),
      config_(config),
      active_(machine.topology().possible()),
      dying_(machine.nr_cpus()),
      last_tick_(-config.tick_offset) {
  const int nr_cpus = machine.nr_cpus();
  if (config_.isolated.nr_cpus() == 0) config_.isolated = cpu::CpuMask(nr_cpus);
  if (config_.nohz_full.nr_cpus() == 0) config_.nohz_full = cpu::CpuMask(nr_cpus);
  if (config_.tick_full.nr_cpus() == 0) config_.tick_full = cpu::CpuMask(nr_cpus);
  housekeeping_ = without(config_.nohz_full);
  domain_cpus_ = without(config_.isolated);
  push_works_.resize(static_cast<std::size_t>(nr_cpus));
  tunables = {base_slice_of(static_cast<unsigned>(active_.count())), config.tick};
  for (int id = 0; id < nr_cpus; ++id) {
    rqs_.push_back(std::make_unique<Rq>(*this, machine.cpu(id), tunables));
    rqs_.back()->tick_nohz_full = config_.tick_full.test(id);
  }
  stoppers_ = std::vector<Stopper>(static_cast<std::size_t>(nr_cpus));
  for (Stopper& stopper : stoppers_) stopper.tail = &stopper.head;
  nohz_idle_ = lb_cpus_ = cpu::CpuMask(nr_cpus);
  rebuild_sched_domains();
  for (int id = 0; id < nr_cpus; ++id) {  // it has been up for long and has balanced
    cache_state(id).has_idle_cores = true;
    cache_state(id).nr_idle_scan = domains_->llc_size(id);
  }
  machine.full_preemption = config.preempt >= Preempt::kFull;
  cpu::InterruptHooks& hooks = machine.hooks;
  hooks.vectors[static_cast<std::size_t>(cpu::Vector::kReschedule)] = {&handle_reschedule, this};
  hooks.vectors[static_cast<std::size_t>(cpu::Vector::kCallFunctionSingle)] = {
      &handle_call_function, this};
  hooks.preempt = {&handle_preempt_irq, this};
  hooks.exit_to_user = {&handle_exit_to_user, this};
  hooks.signal_lost = {&tell_if_all_idle, this};
}

/// The machine's CPUs but these, or all if that would be none.
const cpu::CpuMask* Scheduler::without(const cpu::CpuMask& mask) {
  cpu::CpuMask rest = machine_.topology().possible();
  rest -= mask;
  return &*masks_.insert(rest.empty() ? machine_.topology().possible() : rest).first;
}

// Coroutines refer to tasks, the pool and each other: they go first.
Scheduler::~Scheduler() {
  for (Task& p : tasks_) p.body.reset();
}

Task& Scheduler::new_task(std::string_view comm) {
  Task& p = tasks_.emplace_back(machine_.topology().possible());
  p.pid = next_pid++;
  p.cpu = &machine_.this_cpu();
  p.wake_cpu = p.recent_used_cpu = p.cpu->id();
  p.preempt_count = 2;  // FORK_PREEMPT_COUNT: schedule_tail() brings it to 0
  p.se.load = load_weight_of_nice(0);
  p.se.slice = tunables.base_slice;
  p.load_avg.start(machine_.now(), {Rq::kCapacity, Rq::kCapacity / 2, Rq::kCapacity / 2});
  set_comm(p, comm);
  return p;
}

Task* Scheduler::find_task(std::int32_t pid) {
  for (Task& p : tasks_) {
    if (p.pid == pid) return &p;
  }
  return nullptr;
}

void Scheduler::set_comm(Task& p, std::string_view comm) {
  constexpr std::size_t kCommLength = 15;
  p.full_name = machine_.trace().names().intern(comm);
  p.comm = machine_.trace().names().intern(comm.substr(0, kCommLength));
}

void Scheduler::trace_task(Event event, const Task& p) {
  machine_.this_cpu().trace(event, cpu::pack(p.comm, p.pid),
                            cpu::pack(static_cast<std::uint32_t>(p.prio), p.cpu->id()));
}

// kernel/sched/core.c: resched_curr
void Scheduler::resched_curr(Rq& rq) {
  Task& curr = *rq.curr;
  if (curr.need_resched) return;
  Cpu& here = machine_.this_cpu();
  curr.need_resched = true;
  if (rq.cpu == &here) {
    curr.resched_folded = true;
    return;
  }
  if (rq.cpu->polling) {
    here.trace(Event::kSchedWakeIdleWithoutIpi, rq.id());
    rq.cpu->end_halt(machine_.costs().idle_poll);
    return;
  }
  here.trace(Event::kIpiSendCpu, rq.id(), 0, 0);
  here.send_ipi(*rq.cpu, cpu::Vector::kReschedule);
}

Co<> Scheduler::handle_reschedule(void*, Cpu& cpu) {
  co_await cpu.run(cpu.costs().ipi_handler);
  cpu.current->resched_folded = cpu.current->need_resched;
}

// generic_smp_call_function_single_interrupt(): remote wakeups and nohz kicks.
Co<> Scheduler::handle_call_function(void* self, Cpu& cpu) {
  Scheduler& scheduler = *static_cast<Scheduler*>(self);
  Rq& rq = scheduler.rq(cpu.id());
  co_await cpu.run(cpu.costs().ipi_handler);
  co_await scheduler.flush_calls(rq);
}

// preempt_schedule_irq(): entered and left with interrupts off.
Co<> Scheduler::handle_preempt_irq(void* self, Cpu& cpu) {
  ThreadInfo& curr = *cpu.current;
  cpu.local_irq_enable();
  co_await static_cast<Scheduler*>(self)->schedule_loop(Mode::kPreempt);
  curr.cpu->local_irq_disable();
}

Co<> Scheduler::handle_exit_to_user(void* self, Cpu& cpu) {
  Scheduler& scheduler = *static_cast<Scheduler*>(self);
  Task& curr = static_cast<Task&>(*cpu.current);
  while (scheduler.exit_work(curr)) {
    curr.cpu->local_irq_enable();
    co_await scheduler.exit_to_user_mode();
    curr.cpu->local_irq_disable();
  }
}

Co<> Scheduler::exit_to_user_mode() {
  Task& curr = current();
  while (exit_work(curr)) {
    if (curr.need_resched) co_await schedule();
    if (curr.sigpending && exit_work(curr)) co_await get_signal.run(get_signal.object, curr);
  }
}

Co<> Scheduler::schedule() {
  return (current().flags & kPfWqWorker) != 0 ? schedule_worker() : schedule_loop(Mode::kNone);
}

// sched_submit_work() and sched_update_worker() around it.
Co<> Scheduler::schedule_worker() {
  Task& self = current();
  if (self.state != kTaskRunning) co_await worker_hooks.sleeping(worker_hooks.object, self);
  co_await schedule_loop(Mode::kNone);
  co_await worker_hooks.running(worker_hooks.object, self);
}

Co<> Scheduler::schedule_rtlock() {
  return schedule_loop(Mode::kRtlockWait);
}

Co<> Scheduler::preempt_schedule() {
  return schedule_loop(Mode::kPreempt);
}

Co<> Scheduler::schedule_preempt_disabled() {
  Task& curr = current();
  curr.preempt_count -= cpu::kPreemptOffset;
  co_await schedule();
  curr.preempt_count += cpu::kPreemptOffset;
}

Co<bool> Scheduler::cond_resched() {
  Cpu& cpu = machine_.this_cpu();
  if (!cpu.preemptible()) co_return false;
  this_rq().last_resched_point = this_rq().last_quiescent = cpu.now();
  if (config_.preempt >= Preempt::kFull || !cpu.current->need_resched) co_return false;
  co_await preempt_schedule();
  co_return true;
}

Co<> Scheduler::might_sleep() {
  if (config_.preempt == Preempt::kVoluntary) co_await cond_resched();
}

Co<> Scheduler::preempt_enable() {
  machine_.this_cpu().preempt_enable_no_resched();
  if (should_resched()) co_await preempt_schedule();
}

// kernel/sched/core.c: try_to_block_task
void Scheduler::try_to_block_task(Rq& rq, Task& p, std::uint32_t& state) {
  p.voluntary_switch = true;
  if (signal_pending_state(state, p)) {
    p.state = state = kTaskRunning;
    return;
  }
  machine_.touch(&p, cpu::Access::kRelease);
  p.contributes_to_load =
      (state & kTaskUninterruptible) != 0 && (state & (kTaskNoload | kTaskFrozen)) == 0;
  p.sleep_start = rq.clock();
  if (dequeue_task(rq, p, {.sleep = true, .special = special_state(state)})) block_task(rq, p);
}

void Scheduler::block_task(Rq&, Task& p) {
  if (p.contributes_to_load) ++nr_uninterruptible_;
  p.on_rq = OnRq::kNo;
}

// kernel/sched/core.c: wakeup_preempt
void Scheduler::wakeup_preempt(Rq& rq, Task& p) {
  Task& curr = *rq.curr;
  if (p.sched_class < curr.sched_class) {
    resched_curr(rq);
  } else if (p.sched_class == curr.sched_class) {
    if (p.sched_class == Class::kRt) wakeup_preempt_rt(rq, p);
    if (p.sched_class == Class::kFair && !curr.need_resched) {
      rq.cfs.wakeup_preempt(p.se, rq.clock());
    }
  }
}

void Scheduler::update_curr(Rq& rq) {
  Task& curr = *rq.curr;
  const Time now = rq.clock();
  if (curr.sched_class == Class::kFair) {
    rq.cfs.update_curr(now);
    return;
  }
  if (curr.is_idle()) return;
  const Time delta = now - curr.se.exec_start;  // update_curr_common()
  if (delta <= 0) return;
  curr.se.sum_exec_runtime += delta;
  curr.se.exec_start = now;
  machine_.this_cpu().trace(Event::kSchedStatRuntime, cpu::pack(curr.comm, curr.pid), delta);
}

void Scheduler::put_prev_task(Rq& rq, Task& p) {
  if (p.sched_class == Class::kFair) {
    if (p.se.on_rq && !p.se.sched_delayed) {
      p.update_load(rq.clock_pelt(), {Rq::kCapacity, Rq::kCapacity, Rq::kCapacity});
    }
    rq.cfs.put_prev(p.se, rq.clock());
  } else {
    update_curr(rq);
  }
}

void Scheduler::set_next_task(Rq& rq, Task& p) {
  if (p.sched_class == Class::kFair) {
    p.update_load(rq.clock_pelt(), {.load = Rq::kCapacity, .runnable = Rq::kCapacity});
    p.se.recency = ++rq.next_recency;
    rq.cfs.set_next(p.se, rq.clock());
  } else {
    p.se.exec_start = rq.clock();
    if (p.is_idle()) {
      rq.update_idle_clock_pelt();
      update_idle_core(rq);
    }
  }
}

// kernel/sched/core.c: __pick_next_task, put_prev_set_next_task
Task& Scheduler::pick_next_task(Rq& rq) {
  const Task& prev = *rq.curr;
  if (prev.sched_class == Class::kRt && rt_overloaded_ != 0 && rq.rt.highest_prio() > prev.prio) {
    pull_rt_task(rq);  // balance_rt()
  }
  Task* next = nullptr;
  if (rq.stop_queued != nullptr) {
    next = rq.stop_queued;
  } else {
    if (rq.fair_server.queued() && rq.rt.nr_running() != 0) {
      Entity* se = rq.cfs.pick(rq.clock());
      if (se != nullptr) {
        next = &task_of(*se);
      } else {
        rq.fair_server.stop();
      }
    }
    if (next == nullptr) next = rq.rt.first();
    if (next == nullptr) {
      Entity* se = rq.cfs.pick(rq.clock());
      next = se != nullptr ? &task_of(*se) : rq.idle;
    }
  }
  if (next != rq.curr) {
    if (prev.sched_class == Class::kFair || next->sched_class == Class::kFair) {
      update_load_avg(rq);
    } else {
      rq.update_load();
    }
    put_prev_task(rq, *rq.curr);
    set_next_task(rq, *next);
  }
  return *next;
}

namespace {

// include/linux/sched.h: __task_state_index; include/trace/events/sched.h:
// __trace_sched_switch_state
std::uint64_t reported_state(const Task& p, std::uint32_t state, bool preempted) {
  if (preempted) return 0x100;
  if (state == kTaskIdle) return 0x80;
  if ((state & (kTaskFrozen | kTaskRtlockWait)) != 0) return kTaskUninterruptible;
  const std::uint32_t reported = (state | p.exit_state) & 0x7f;
  std::uint32_t highest = 0;
  for (std::uint32_t bit = 1; bit <= 0x40; bit <<= 1) {
    if ((reported & bit) != 0) highest = bit;
  }
  return highest;
}

}  // namespace

// What a switch leaves behind for the reports.
void Scheduler::note_switch(Rq& rq, Task& prev, Task& next) {
  const Time now = rq.clock();
  ++rq.nr_switches;
  if (!prev.is_idle()) rq.busy_time += now - rq.last_switch;
  rq.last_switch = now;
  if (prev.on_rq == OnRq::kQueued && !prev.se.sched_delayed && !prev.is_idle()) {
    prev.runnable_since = now;
    prev.woken = false;
  }
  if (next.runnable_since >= 0) {
    next.stats.run_delay += now - next.runnable_since;
    const Time from = next.woken ? next.waking_time : next.runnable_since;
    next.cpu_wait = {from, now, prev.comm, prev.pid};
    if (next.woken) {
      next.note_latency(now - next.waking_time);
      wakeup_latencies.record(now - next.waking_time);
    }
    next.runnable_since = -1;
  }
}

namespace {

constexpr bool may_block(Mode mode) {
  return mode == Mode::kNone || mode == Mode::kRtlockWait;
}

}  // namespace

// kernel/sched/core.c: __schedule(), with the loop of its callers: until need_resched stays clear.
Co<> Scheduler::schedule_loop(Mode mode) {
  // A sleeper's frame stays small: one segment for all, and few names that live across an await.
  Task& prev = current();
  cpu::Segment segment;
  do {
    Rq& rq = task_rq(prev);
    if ((prev.preempt_count & ~cpu::kPreemptMask) != 0 ||
        prev.preempt_count != (prev.is_idle() ? cpu::kPreemptOffset : 0)) [[unlikely]] {
      scheduling_while_atomic(prev);
    }
    if (mode != Mode::kIdle) prev.preempt_count += cpu::kPreemptOffset;
    rq.cpu->local_irq_disable();
    if (rq.exp_wanted) [[unlikely]]
      co_await note_context_switch.run(note_context_switch.object, *rq.cpu);
    rq.cpu->preempt_disable();  // rq lock
    segment = rq.cpu->run(schedule_cost(prev, mode));
    co_await segment;
    // From here to the switch the rq lock keeps everybody out.
    rq.cpu->touch(&rq, cpu::Access::kRead);
    rq.cpu->touch(&prev, cpu::Access::kRead);
    std::uint32_t prev_state = prev.state;
    prev.voluntary_switch = false;
    if (may_block(mode) && prev_state != kTaskRunning) try_to_block_task(rq, prev, prev_state);
    // Sleepers whose dequeue is delayed are not company: the pick lets go of them.
    if (rq.nr_running == rq.cfs.h_nr_delayed()) (void)rq.cfs.pick(rq.clock());
    if (rq.nr_running == 0 && !prev.is_idle() && wants_newidle_balance(rq)) {
      co_await sched_balance_newidle(rq);
    }
    if (switch_decided(rq, mode, prev_state)) {
      co_await SwitchTo{&rq};
      // prev has been chosen again, perhaps on another CPU.
      segment = prev.cpu->run(switch_cost(prev));
      co_await segment;
      finish_task_switch();
      if (task_rq(prev).balance_push) [[unlikely]]
        co_await balance_push(task_rq(prev));
      segment = prev.cpu->run(cold_cache_penalty(prev));
      co_await segment;
    } else {
      rq.cpu->preempt_enable_no_resched();
      rq.cpu->local_irq_enable();
      if (rq.balance_push) [[unlikely]]
        co_await balance_push(rq);
    }
    if (mode != Mode::kIdle) prev.preempt_count -= cpu::kPreemptOffset;
  } while (prev.need_resched);
}

Time Scheduler::schedule_cost(const Task& prev, Mode mode) const {
  const cpu::CostTable& costs = machine_.costs();
  const bool blocks = may_block(mode) && prev.state != kTaskRunning;
  return blocks ? costs.schedule + costs.block : costs.schedule;
}

void Scheduler::scheduling_while_atomic(const Task& p) const {
  throw sim::Defect(fmt::format("BUG: scheduling while atomic: {}/{}/{:#010x}",
                                machine_.trace().names()[p.comm], p.pid, p.preempt_count));
}

// The choice: true if the current task changes, and then everything is ready for the switch.
bool Scheduler::switch_decided(Rq& rq, Mode mode, std::uint32_t prev_state) {
  Task& prev = *rq.curr;
  rq.last_resched_point = rq.last_quiescent = rq.clock();
  const bool keeps_idling = mode == Mode::kIdle && rq.nr_running == 0;
  Task& next = keeps_idling ? prev : pick_next_task(rq);
  prev.need_resched = prev.resched_folded = false;
  if (&next == &prev) return false;
  const bool preempted = mode == Mode::kPreempt;
  ++(prev.voluntary_switch ? prev.stats.nvcsw : prev.stats.nivcsw);
  note_switch(rq, prev, next);
  rq.cpu->trace(Event::kSchedSwitch, cpu::pack(prev.comm, prev.pid),
                cpu::pack(static_cast<std::uint32_t>(prev.prio),
                          static_cast<std::int64_t>(reported_state(prev, prev_state, preempted))),
                cpu::pack(next.comm, next.pid), next.prio);
  rq.curr = &next;
  rq.switch_prev = &prev;
  next.on_cpu = true;
  return true;
}

// context_switch(): a kernel thread borrows the address space that is loaded.
Time Scheduler::switch_cost(const Task& next) {
  const cpu::CostTable& costs = machine_.costs();
  Rq& rq = task_rq(next);
  if (next.mm == 0 || next.mm == rq.active_mm) return costs.context_switch;
  rq.active_mm = next.mm;
  return costs.context_switch + costs.mm_switch;
}

// kernel/sched/core.c: finish_task_switch(), on the new task's stack
void Scheduler::finish_task_switch() {
  Cpu& cpu = machine_.this_cpu();
  Rq& rq = this_rq();
  Task& prev = *rq.switch_prev;
  prev.on_cpu = false;
  if (prev.state == kTaskDead) {
    detach_task_load(prev);
    prev.body.reset();
  }
  if (rq.rt.nr_running() > 1) push_rt_tasks(rq);
  cpu.preempt_enable_no_resched();
  cpu.local_irq_enable();
}

// What refilling the caches costs a task that ran elsewhere before.
Time Scheduler::cold_cache_penalty(Task& p) {
  const int here = p.cpu->id();
  if (p.cache_cpu == here || p.is_idle()) return 0;
  const int warm = std::exchange(p.cache_cpu, here);
  return warm >= 0 ? machine_.cold_cache(warm, here) : 0;
}

Co<> Scheduler::schedule_tail() {
  Task& self = current();
  co_await self.cpu->run(switch_cost(self));
  finish_task_switch();
  if (this_rq().balance_push) co_await balance_push(this_rq());
  cold_cache_penalty(self);
  co_await preempt_enable();
}

Co<> Scheduler::do_task_dead() {
  co_await set_special_state(kTaskDead);
  co_await schedule();
  KT_ASSERT(false, "a dead task was scheduled");
}

}  // namespace kt::sched
