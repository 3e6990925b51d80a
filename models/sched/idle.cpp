// kernel/sched/idle.c: the idle loop of each CPU.
#include "models/cpu/speed.hpp"
#include "models/sched/scheduler.hpp"

namespace kt::sched {

void Scheduler::wake_up_idle_cpu(int cpu) {
  if (rq(cpu).curr->is_idle()) resched_curr(rq(cpu));
}

void Scheduler::wake_up_all_idle_cpus() {
  for (int cpu = 0; cpu < machine_.nr_cpus(); ++cpu) {
    if (machine_.cpu(cpu).online) wake_up_idle_cpu(cpu);
  }
}

using trace::Event;

namespace {

constexpr std::uint64_t kIdleState = 1;           // the arch default without a cpuidle driver
constexpr std::uint64_t kIdleExit = 4294967295U;  // PWR_EVENT_EXIT

}  // namespace

// Whether it takes anything from its siblings.
void Scheduler::set_running(Cpu& cpu, bool running) {
  if (machine_.speeds != nullptr) [[unlikely]]
    machine_.speeds->set_running(cpu, running);
}

void Scheduler::note_running(Cpu& cpu) {
  --nr_halted_;
  set_running(cpu, true);
  if (idle_power.call != nullptr) idle_power.call(idle_power.object, cpu, false);
}

void Scheduler::note_halted(Cpu& cpu) {
  set_running(cpu, false);
  if (idle_power.call != nullptr) idle_power.call(idle_power.object, cpu, true);
  ++nr_halted_;
  tell_if_all_idle(this);
}

void Scheduler::tell_if_all_idle(void* self) {
  Scheduler& scheduler = *static_cast<Scheduler*>(self);
  if (scheduler.nr_halted_ == scheduler.machine_.nr_cpus() && scheduler.all_idle.call != nullptr)
    scheduler.all_idle.call(scheduler.all_idle.object);
}

// One pass of the idle loop: cpu_startup_entry() -> do_idle().
Co<> Scheduler::do_idle(Cpu& cpu) {
  Rq& rq = this->rq(cpu.id());
  Task& idle = *rq.idle;
  if (rq.switch_prev != nullptr) {  // the CPU did not start idle: this is its first switch here
    co_await cpu.run(switch_cost(idle));
    finish_task_switch();
  }
  for (;;) {
    if (!cpu.online) [[unlikely]] {
      co_await idle_dead.body(idle_dead.object, cpu);
    }
    cpu.polling = true;
    bool got_tick = cpu.got_idle_tick = false;
    while (!idle.need_resched) {
      cpu.local_irq_disable();
      co_await cpu.run(cpu.costs().idle_enter);
      if (idle.need_resched) {
        cpu.local_irq_enable();
        break;
      }
      time_hooks.stop_tick(time_hooks.object, cpu, got_tick);
      cpu.trace(Event::kCpuIdle, kIdleState, cpu.id());
      cpu.polling = config_.mwait_idle;
      cpu.local_irq_enable();
      ++rq.nr_halts;
      note_halted(cpu);
      cpu::Segment halt = cpu.halt();
      co_await halt;
      note_running(cpu);
      cpu.polling = true;
      cpu.trace(Event::kCpuIdle, kIdleExit, cpu.id());
      got_tick = std::exchange(cpu.got_idle_tick, false);
    }
    time_hooks.exit(time_hooks.object, cpu);
    cpu.polling = false;
    // flush_smp_call_function_queue(): calls and wakeups whose IPI the polling flag has spared,
    // then the softirqs that they raised (do_softirq_post_smp_call_flush).
    cpu.local_irq_disable();
    if (calls_queued(rq)) {
      co_await flush_calls(rq);
      if (cpu.softirq_pending != 0)
        co_await machine_.hooks.softirq.body(machine_.hooks.softirq.object, cpu);
    }
    cpu.local_irq_enable();
    idle.resched_folded = idle.need_resched;
    co_await schedule_loop(Mode::kIdle);  // schedule_idle()
  }
}

void Scheduler::make_idle_tasks() {
  for (int id = 0; id < machine_.nr_cpus(); ++id) {
    Rq& rq = this->rq(id);
    Task& idle = tasks_.emplace_back(machine_.topology().possible());
    idle.sched_class = Class::kIdle;
    idle.flags = kPfKthread | kPfNofreeze | kPfNoSetaffinity;
    idle.state = kTaskRunning;
    idle.preempt_count = cpu::kPreemptOffset;
    idle.cpu = rq.cpu;
    idle.on_cpu = true;
    set_comm(idle, fmt::format("swapper/{}", id));
    set_cpus_mask(idle, cpu::CpuMask::of(machine_.nr_cpus(), id));
    idle.body = do_idle(*rq.cpu);
    idle.resume_point = idle.body.handle();
    rq.idle = rq.curr = &idle;
    rq.cpu->current = &idle;
  }
}

// At t = 0 the init task has been running for a while.
void Scheduler::put_on_cpu(Task& init) {
  Rq& rq = task_rq(init);
  activate_task(rq, init, {.initial = true});
  rq.idle->preempt_count += cpu::kPreemptOffset;  // the rq lock, until its first switch-in ends
  rq.idle->on_cpu = false;
  rq.curr = &init;
  rq.cpu->current = &init;
  init.state = kTaskRunning;
  init.preempt_count = 0;
  init.on_cpu = true;
  init.cache_cpu = rq.id();
  rq.active_mm = init.mm;
  if (idle_power.call != nullptr) idle_power.call(idle_power.object, *rq.cpu, false);
  set_running(*rq.cpu, true);
  set_next_task(rq, init);
  time_hooks.start_tick(time_hooks.object, *rq.cpu);
}

void Scheduler::start(Task* init) {
  if (init != nullptr) put_on_cpu(*init);
  for (int id = 0; id < machine_.nr_cpus(); ++id) {
    Rq& rq = this->rq(id);
    machine_.start_cpu(*rq.cpu, rq.curr->body.handle());
  }
}

}  // namespace kt::sched
