// kernel/cpu.c: cpu_up(), cpu_down() and their locks.
#include <fmt/format.h>

#include <cerrno>

#include "models/hotplug/hotplug.hpp"

namespace kt::hotplug {

namespace {

constexpr std::size_t kDetailedOperations = 256;

}  // namespace

Hotplug::Hotplug(const Base& base, kthread::HotplugThread& cpuhp_threads)
    : base_(base),
      scheduler_(base.scheduler),
      cpuhp_threads_(cpuhp_threads),
      stop_machine_(base.scheduler, base.mutexes),
      rwsems_(base.rcu, base.waits, base.scheduler),
      states_(static_cast<std::size_t>(scheduler_.machine().nr_cpus())),
      frozen_cpus_(scheduler_.machine().nr_cpus()) {
  sim::NameTable& names = machine().trace().names();
  cpu_hotplug_lock_.name = names.intern("cpu_hotplug_lock");
  mem_hotplug_lock_.name = names.intern("mem_hotplug_lock");
  device_hotplug_lock_.name = names.intern("device_hotplug_lock");
  cpu_add_remove_lock_.name = names.intern("cpu_add_remove_lock");
  sparse_irq_lock_.name = names.intern("sparse_irq_lock");
  cpuhp_state_mutex_.name = names.intern("cpuhp_state_mutex");
  cpuhp_threads_.object = this;
  cpuhp_threads_.thread_should_run = &cpuhp_should_run;
  cpuhp_threads_.thread_fn = &cpuhp_thread_fun;
  scheduler_.idle_dead = {this, &idle_dead};
  make_steps();
}

namespace {

Moves counters(const Base& base, int cpu) {
  Moves moves;
  moves.tasks_pushed = base.scheduler.rq(cpu).nr_pushed;
  moves.hrtimers = base.timers.moved().hrtimers;
  moves.timers = base.timers.moved().timers;
  moves.irqs = base.irqs.moved();
  moves.tasklets = base.tasklets.moved();
  moves.works = base.workqueues.works_moved();
  return moves;
}

}  // namespace

void Hotplug::begin(bool up, int cpu, bool frozen, Time asked) {
  operation_ = &operations_.emplace_back();
  operation_->up = up;
  operation_->cpu = cpu;
  operation_->frozen = frozen;
  operation_->start = asked;
  operation_->locked = machine().now();
  before_ = counters(base_, cpu);
  if (observer.call != nullptr) observer.call(observer.object, *operation_, true);
}

void Hotplug::end(int result) {
  const Moves now = counters(base_, operation_->cpu);
  operation_->end = machine().now();
  operation_->result = result;
  operation_->moves = {now.tasks_pushed - before_.tasks_pushed,
                       now.hrtimers - before_.hrtimers,
                       now.timers - before_.timers,
                       now.irqs - before_.irqs,
                       now.tasklets - before_.tasklets,
                       now.works - before_.works};
  if (operations_.size() > kDetailedOperations) operation_->steps = {};
  if (observer.call != nullptr) observer.call(observer.object, *operation_, false);
  operation_ = nullptr;
}

Co<> Hotplug::cpus_write_lock() {
  return rwsems_.down_write(cpu_hotplug_lock_);
}
Co<> Hotplug::cpus_write_unlock() {
  return rwsems_.up_write(cpu_hotplug_lock_);
}

Co<> Hotplug::cpu_hotplug_disable() {
  co_await base_.mutexes.lock(cpu_add_remove_lock_);
  ++hotplug_disabled_;
  co_await base_.mutexes.unlock(cpu_add_remove_lock_);
}

Co<> Hotplug::cpu_hotplug_enable() {
  co_await base_.mutexes.lock(cpu_add_remove_lock_);
  --hotplug_disabled_;
  co_await base_.mutexes.unlock(cpu_add_remove_lock_);
}

// drivers/base/core.c: device_online(), kernel/cpu.c: cpu_up(). The node's memory is looked at
// under a lock of its own, whose writer waits for a grace period too (try_online_node).
Co<int> Hotplug::cpu_up(int cpu) {
  co_await machine().run(machine().costs().syscall);
  const Time asked = machine().now();
  co_await base_.mutexes.lock(device_hotplug_lock_);
  int result = 0;
  if (!machine().cpu(cpu).online) {
    co_await rwsems_.down_read(cpu_hotplug_lock_);
    co_await rwsems_.down_write(mem_hotplug_lock_);
    co_await rwsems_.up_write(mem_hotplug_lock_);
    co_await rwsems_.up_read(cpu_hotplug_lock_);
    co_await base_.mutexes.lock(cpu_add_remove_lock_);
    result = -EBUSY;
    if (hotplug_disabled_ == 0) result = co_await _cpu_up(cpu, false, kCpuhpOnline, asked);
    co_await base_.mutexes.unlock(cpu_add_remove_lock_);
  }
  co_await base_.mutexes.unlock(device_hotplug_lock_);
  co_return result;
}

Co<int> Hotplug::_cpu_up(int cpu, bool frozen, int target, Time asked) {
  co_await cpus_write_lock();
  begin(true, cpu, frozen, asked);
  int result = 0;
  if (at(cpu).state < target) {
    cpuhp_set_state(cpu, target);
    if (at(cpu).state > kCpuhpBringupCpu) result = co_await cpuhp_kick_ap_work(cpu);
    if (result == 0) {
      result = co_await cpuhp_up_callbacks(cpu, std::min<int>(target, kCpuhpBringupCpu));
    }
  }
  end(result);
  co_await cpus_write_unlock();
  co_return result;
}

// drivers/base/core.c: device_offline(), kernel/cpu.c: cpu_down()
Co<int> Hotplug::cpu_down(int cpu) {
  co_await machine().run(machine().costs().syscall);
  const Time asked = machine().now();
  co_await base_.mutexes.lock(device_hotplug_lock_);
  int result = 0;
  if (machine().cpu(cpu).online) {
    co_await base_.mutexes.lock(cpu_add_remove_lock_);
    result = co_await cpu_down_maps_locked(cpu, asked);
    co_await base_.mutexes.unlock(cpu_add_remove_lock_);
  }
  co_await base_.mutexes.unlock(device_hotplug_lock_);
  co_return result;
}

namespace {

// struct work_for_cpu, on the stack of the caller.
struct WorkForCpu : workqueue::Work {
  Hotplug* hotplug = nullptr;
  int cpu = -1;
  Time asked = 0;
  int result = 0;
};

}  // namespace

// A worker of another CPU does it: the caller might run on the one that goes.
Co<int> Hotplug::cpu_down_maps_locked(int cpu, Time asked) {
  if (hotplug_disabled_ != 0) co_return -EBUSY;
  const CpuMask online = machine().online_mask() & scheduler_.domain_cpus();
  int other = online.first();
  if (other == cpu) other = online.next(cpu + 1);
  if (other < 0) co_return -EBUSY;
  WorkForCpu work;  // work_on_cpu()
  work.hotplug = this;
  work.cpu = cpu;
  work.asked = asked;
  workqueue::Workqueues& workqueues = base_.workqueues;
  workqueues.init_work(work, &work_for_cpu_fn, "work_for_cpu_fn",
                       timers::Timers::stack_address(scheduler_.current()));
  co_await workqueues.queue_work_on(other, *workqueues.system().events, work);
  co_await workqueues.flush_work(work);
  co_return work.result;
}

Co<> Hotplug::work_for_cpu_fn(workqueue::Workqueues&, workqueue::Work& work) {
  WorkForCpu& down = static_cast<WorkForCpu&>(work);
  down.result = co_await down.hotplug->_cpu_down(down.cpu, false, kCpuhpOffline, down.asked);
}

Co<int> Hotplug::_cpu_down(int cpu, bool frozen, int target, Time asked) {
  if (machine().online_mask().count() == 1) co_return -EBUSY;
  co_await cpus_write_lock();
  begin(false, cpu, frozen, asked);
  CpuState& st = at(cpu);
  const int prev_state = cpuhp_set_state(cpu, target);
  int result = 0;
  if (st.state > kCpuhpTeardownCpu) {
    st.target = std::max<int>(target, kCpuhpTeardownCpu);
    result = co_await cpuhp_kick_ap_work(cpu);  // it has rolled back already if it failed
    st.target = target;
  }
  if (result == 0 && st.state <= kCpuhpTeardownCpu) {
    result = co_await cpuhp_down_callbacks(cpu, target);
    if (result != 0 && st.state == kCpuhpTeardownCpu) {
      cpuhp_reset_state(cpu, prev_state);
      co_await kick_ap(cpu);
    }
  }
  end(result);
  co_await cpus_write_unlock();
  co_return result;
}

Co<int> Hotplug::freeze_secondary_cpus(WakeupPending wakeup_pending, CpuPhase phase) {
  int error = 0;
  co_await base_.mutexes.lock(cpu_add_remove_lock_);
  frozen_cpus_.clear_all();
  for (int cpu = machine().nr_cpus() - 1; cpu > 0 && error == 0; --cpu) {
    if (!machine().cpu(cpu).online) continue;
    if (wakeup_pending.test != nullptr && wakeup_pending.test(wakeup_pending.object)) {
      error = -EBUSY;
      break;
    }
    phase.call(phase.object, cpu, true, true);
    error = co_await _cpu_down(cpu, true, kCpuhpOffline, machine().now());
    phase.call(phase.object, cpu, true, false);
    if (error == 0) frozen_cpus_.set(cpu);
  }
  // Nobody brings them back but thaw_secondary_cpus(), also after an error.
  ++hotplug_disabled_;
  co_await base_.mutexes.unlock(cpu_add_remove_lock_);
  co_return error;
}

Co<> Hotplug::thaw_secondary_cpus(CpuPhase phase) {
  co_await base_.mutexes.lock(cpu_add_remove_lock_);
  --hotplug_disabled_;
  const CpuMask frozen = frozen_cpus_;
  cache_aps_delayed_init_ = !frozen.empty();  // arch_thaw_secondary_cpus_begin()
  for (const int cpu : frozen) {
    phase.call(phase.object, cpu, false, true);
    co_await _cpu_up(cpu, true, kCpuhpOnline, machine().now());
    phase.call(phase.object, cpu, false, false);
  }
  if (!frozen.empty()) co_await cache_aps_init();  // arch_thaw_secondary_cpus_end()
  frozen_cpus_.clear_all();
  co_await base_.mutexes.unlock(cpu_add_remove_lock_);
}

}  // namespace kt::hotplug
