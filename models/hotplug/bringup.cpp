// The last steps of a CPU that goes and the first of one that comes: kernel/cpu.c: takedown_cpu,
// take_cpu_down, cpuhp_report_idle_dead, bringup; arch/x86/kernel/smpboot.c: start_secondary.
#include <cerrno>

#include "models/hotplug/hotplug.hpp"
#include "sim/error.hpp"

namespace kt::hotplug {

// In the task that asks, while the CPU kills itself.
Co<int> Hotplug::takedown_cpu(Cpu& cpu) {
  kthread::Kthreads& kthreads = base_.smpboot.kthreads();
  co_await kthreads.kthread_park(thread(cpu.id()));
  co_await base_.mutexes.lock(sparse_irq_lock_);
  const int error = co_await stop_machine_.stop_machine_cpuslocked(
      &take_cpu_down, this, CpuMask::of(machine().nr_cpus(), cpu.id()));
  if (error != 0) {
    co_await base_.mutexes.unlock(sparse_irq_lock_);
    co_await kthreads.kthread_unpark(thread(cpu.id()));
    co_return error;
  }
  co_await wait_for_ap_thread(cpu.id(), false);
  KT_ASSERT(at(cpu.id()).state == kCpuhpApIdleDead, "CPU {} died in state {}", cpu.id(),
            at(cpu.id()).state);
  co_await base_.mutexes.unlock(sparse_irq_lock_);
  co_await machine().run(machine().costs().cpu_dead);  // cpuhp_bp_sync_dead()
  co_await base_.rcu.migrate_callbacks(cpu.id());
  co_return 0;
}

// On the stopper of the CPU, interrupts off everywhere.
Co<int> Hotplug::take_cpu_down(void* self, Cpu& cpu) {
  Hotplug& hotplug = *static_cast<Hotplug*>(self);
  const int id = cpu.id();
  const int error = hotplug.base_.irqs.lapic_can_unplug_cpu(cpu);  // __cpu_disable()
  if (error != 0) co_return error;
  hotplug.machine().set_cpu_online(id, false);
  co_await cpu.run(cpu.costs().cpu_disable);
  hotplug.base_.irqs.migrate_all_off_this_cpu(cpu);
  // DYING callbacks cannot fail.
  co_await hotplug.cpuhp_invoke_callback_range(false, id, kCpuhpApOffline);
  hotplug.scheduler_.enable_stopper(id, false);  // stop_machine_park()
  co_await hotplug.base_.smpboot.kthreads().kthread_park(*hotplug.scheduler_.rq(id).stop);
  co_return 0;
}

// In the idle task of a CPU that is offline: it says that it is dead, and is; when it is kicked it
// starts anew.
Co<> Hotplug::idle_dead(void* self, Cpu& cpu) {
  Hotplug& hotplug = *static_cast<Hotplug*>(self);
  CpuState& st = hotplug.at(cpu.id());
  cpu.local_irq_disable();
  KT_ASSERT(st.state == kCpuhpApOffline, "CPU {} is dead in state {}", cpu.id(), st.state);
  st.state = kCpuhpApIdleDead;
  st.dead_call = {.function = &complete_idle_dead, .object = &hotplug};
  hotplug.dying_cpu_ = cpu.id();
  co_await hotplug.scheduler_.smp_call_function_single_async(
      hotplug.machine().online_mask().first(), st.dead_call);
  cpu.disable_interrupt_controller();
  hotplug.scheduler_.note_halted(cpu);
  if (hotplug.cpu_power.call != nullptr)
    hotplug.cpu_power.call(hotplug.cpu_power.object, cpu, false);
  cpu::Segment dead = cpu.spin();
  st.parked_at = &dead;
  co_await dead;
  if (hotplug.cpu_power.call != nullptr)
    hotplug.cpu_power.call(hotplug.cpu_power.object, cpu, true);
  hotplug.scheduler_.note_running(cpu);
  cpu.enable_interrupt_controller();
  co_await hotplug.start_secondary(cpu);
}

// By an interrupt to a CPU that is online: who has left RCU may not wake anybody.
Co<> Hotplug::complete_idle_dead(void* self, Cpu&) {
  Hotplug& hotplug = *static_cast<Hotplug*>(self);
  return hotplug.complete_ap_thread(hotplug.dying_cpu_, false);
}

// With interrupts off. Until it is online no other CPU sends anything here.
Co<> Hotplug::start_secondary(Cpu& cpu) {
  CpuState& st = at(cpu.id());
  st.alive = true;
  if (!st.should_online) {  // cpuhp_ap_sync_alive()
    cpu::Segment wait = cpu.spin();
    st.parked_at = &wait;
    co_await wait;
  }
  st.parked_at = nullptr;
  co_await cpu.run(cpu.costs().cpu_boot);
  // notify_cpu_starting(): STARTING callbacks cannot fail.
  st.state = kCpuhpApOffline;
  co_await cpuhp_invoke_callback_range(true, cpu.id(), kCpuhpApOnline);
  machine().set_cpu_online(cpu.id(), true);
  scheduler_.time_hooks.start_tick(scheduler_.time_hooks.object, cpu);
  cpu.local_irq_enable();
  // cpuhp_online_idle()
  scheduler_.enable_stopper(cpu.id(), true);
  co_await base_.smpboot.kthreads().kthread_unpark(*scheduler_.rq(cpu.id()).stop);
  st.state = kCpuhpApOnlineIdle;
  co_await complete_ap_thread(cpu.id(), true);
}

// cpuhp_kick_ap_alive(): the CPU begins, and waits for the go-ahead.
Co<int> Hotplug::kick_ap_alive(Cpu& cpu) {
  CpuState& st = at(cpu.id());
  if (st.parked_at == nullptr) co_return -EAGAIN;
  st.alive = st.should_online = false;
  co_await machine().run(machine().costs().cpu_kick);
  Cpu::release(*std::exchange(st.parked_at, nullptr), 0);
  co_return 0;
}

// cpuhp_bringup_ap(): the whole of the STARTING and ONLINE sections runs inside of it.
Co<int> Hotplug::bringup_ap(Cpu& cpu) {
  CpuState& st = at(cpu.id());
  co_await base_.mutexes.lock(sparse_irq_lock_);
  while (!st.alive) co_await machine().run(cpu::kSpinPoll);  // cpuhp_bp_sync_alive()
  st.should_online = true;
  if (st.parked_at != nullptr) Cpu::release(*st.parked_at, 0);
  co_await wait_for_ap_thread(cpu.id(), true);
  co_await base_.smpboot.kthreads().kthread_unpark(thread(cpu.id()));
  co_await base_.mutexes.unlock(sparse_irq_lock_);
  if (st.target <= kCpuhpApOnlineIdle) co_return 0;
  const int result = co_await cpuhp_kick_ap(cpu.id(), st.target);
  co_return result;
}

}  // namespace kt::hotplug
