#include "models/hotplug/stop_machine.hpp"

namespace kt::hotplug {

StopMachine::StopMachine(sched::Scheduler& scheduler, locking::Mutexes& mutexes)
    : scheduler_(scheduler),
      mutexes_(mutexes),
      works_(static_cast<std::size_t>(scheduler.machine().nr_cpus())) {
  stop_cpus_mutex_.name = scheduler.machine().trace().names().intern("stop_cpus_mutex");
}

void StopMachine::start(Multi& multi, int threads) {
  multi.owner = this;
  multi.threads = multi.acks_left = threads;
  left_ = scheduler_.machine().online_mask().count();
}

Co<int> StopMachine::stop_machine_cpuslocked(Function function, void* object, CpuMask where) {
  co_await mutexes_.lock(stop_cpus_mutex_);
  Multi multi{.function = function, .object = object, .where = where};
  start(multi, scheduler_.machine().online_mask().count());
  co_await queue_stop_cpus_work(multi);
  co_await wait_for_all();
  co_await mutexes_.unlock(stop_cpus_mutex_);
  co_return multi.result;
}

Co<int> StopMachine::stop_machine_from_inactive_cpu(Cpu& inactive, Function function,
                                                    void* object) {
  Multi multi{.function = function, .object = object, .where = scheduler_.machine().online_mask()};
  multi.where.set(inactive.id());
  start(multi, multi.where.count());
  co_await queue_stop_cpus_work(multi);
  co_await take_part(multi, inactive);
  while (left_ != 0) co_await inactive.run(cpu::kSpinPoll);
  co_return multi.result;
}

// In ascending order, so that no two callers can wait for each other's stoppers.
Co<> StopMachine::queue_stop_cpus_work(Multi& multi) {
  Task& self = scheduler_.current();
  scheduler_.preempt_disable();
  for (const int cpu : scheduler_.machine().online_mask()) {
    sched::Scheduler::StopWork& work = works_[static_cast<std::size_t>(cpu)];
    work = {.function = &multi_cpu_stop, .data = &multi};
    work.waiter = self.is_idle() ? nullptr : &self;
    work.left = &left_;
    co_await scheduler_.stop_one_cpu_nowait(cpu, work);
  }
  co_await scheduler_.preempt_enable();
}

Co<> StopMachine::wait_for_all() {
  Task& self = scheduler_.current();
  for (;;) {
    scheduler_.machine().touch(&self, cpu::Access::kWrite);
    self.state = sched::kTaskUninterruptible;
    if (left_ == 0) break;
    co_await scheduler_.schedule();
  }
  self.state = sched::kTaskRunning;
}

Co<> StopMachine::multi_cpu_stop(sched::Scheduler&, Cpu& cpu, sched::Scheduler::StopWork& work) {
  Multi& multi = *static_cast<Multi*>(work.data);
  return multi.owner->take_part(multi, cpu);
}

// Each state is taken by every CPU before the next one is published.
Co<> StopMachine::take_part(Multi& multi, Cpu& cpu) {
  const bool irqs_were_off = cpu.irqs_disabled();
  State current = State::kNone;
  do {
    if (multi.state == current) {
      cpu::Segment spin = cpu.spin();
      multi.spinning.push_back(&spin);
      co_await spin;
    }
    cpu.touch(&multi.state, cpu::Access::kAcquire);
    current = multi.state;
    if (current == State::kDisableIrq) cpu.local_irq_disable();
    if (current == State::kRun && multi.where.test(cpu.id())) {
      const int result = co_await multi.function(multi.object, cpu);
      if (result != 0) multi.result = result;
    }
    ack(multi, cpu);
  } while (current != State::kExit);
  if (!irqs_were_off) cpu.local_irq_enable();
}

void StopMachine::ack(Multi& multi, Cpu& cpu) {
  cpu.touch(&multi.acks_left, cpu::Access::kAcquire);
  cpu.touch(&multi.acks_left, cpu::Access::kRelease);
  if (--multi.acks_left != 0 || multi.state == State::kExit) return;
  multi.acks_left = multi.threads;
  multi.state = static_cast<State>(static_cast<int>(multi.state) + 1);
  cpu.touch(&multi.state, cpu::Access::kRelease);
  const std::vector<cpu::Segment*> spinning = std::exchange(multi.spinning, {});
  for (cpu::Segment* segment : spinning) {
    Cpu::release(*segment, scheduler_.machine().handover(cpu.id(), segment->cpu->id()));
  }
}

}  // namespace kt::hotplug
