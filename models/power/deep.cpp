// kernel/power/suspend.c, drivers/base/syscore.c: suspending to memory, once the devices are
// suspended: the other CPUs, the system core, and the machine itself.
#include <cerrno>

#include "models/power/suspend.hpp"
#include "sim/error.hpp"

namespace kt::power {

bool Suspend::wakeup_pending(void* self) {
  return static_cast<Suspend*>(self)->wakeups.pm_wakeup_pending();
}

void Suspend::cpu_phase(void* self, int cpu, bool off, bool begins) {
  Phases& phases = static_cast<Suspend*>(self)->phases;
  const char* name = off ? "CPU_OFF" : "CPU_ON";
  if (begins) {
    phases.begin(name, static_cast<std::uint32_t>(cpu));
  } else {
    phases.end(name, static_cast<std::uint32_t>(cpu));
  }
}

// pm_sleep_disable_secondary_cpus(), pm_sleep_enable_secondary_cpus(): by this task itself.
Co<int> Suspend::disable_secondary_cpus() {
  if (rcu_ != nullptr) co_await rcu_->synchronize_rcu();  // cpuidle_pause()
  if (hotplug_ == nullptr) {
    KT_ASSERT(machine_.nr_cpus() == 1, "nobody takes down the other CPUs");
    co_return 0;
  }
  const int error =
      co_await hotplug_->freeze_secondary_cpus({this, &wakeup_pending}, {this, &cpu_phase});
  co_return error;
}

Co<> Suspend::enable_secondary_cpus() {
  if (hotplug_ == nullptr) return {};
  return hotplug_->thaw_secondary_cpus({this, &cpu_phase});
}

Co<int> Suspend::enter_deep(SuspendState state) {
  int error = co_await disable_secondary_cpus();
  if (error == 0) {
    cpu::Cpu& cpu = machine_.this_cpu();
    cpu.local_irq_disable();
    error = co_await syscore_suspend();
    if (error == 0) {
      if (wakeups.pm_wakeup_pending()) {
        error = -EBUSY;
      } else {
        error = co_await machine_suspend(state);
      }
      phases.begin("syscore_resume", 0);
      co_await syscore_resume(0);
      phases.end("syscore_resume", 0);
    }
    cpu.local_irq_enable();
  }
  co_await enable_secondary_cpus();
  co_return error;
}

Co<int> Suspend::syscore_suspend() {
  phases.begin("syscore_suspend", 0);
  if (wakeups.pm_wakeup_pending()) {
    phases.note("aborted by a wakeup");
    phases.end_untraced();
    co_return -EBUSY;
  }
  co_await machine_.run(machine_.costs().syscore);
  for (std::size_t i = syscore_ops.size(); i-- > 0;) {
    const SyscoreOps& ops = syscore_ops[i];
    if (ops.suspend == nullptr) continue;
    const int error = co_await ops.suspend(ops.object);
    if (error == 0) continue;
    phases.note(std::string(machine_.trace().names()[ops.name]) + " failed");
    phases.end_untraced();
    co_await syscore_resume(i + 1);  // those that are suspended already
    co_return error;
  }
  phases.end("syscore_suspend", 0);
  co_return 0;
}

Co<> Suspend::syscore_resume(std::size_t from) {
  co_await machine_.run(machine_.costs().syscore);
  for (std::size_t i = from; i < syscore_ops.size(); ++i) {
    if (syscore_ops[i].resume != nullptr) co_await syscore_ops[i].resume(syscore_ops[i].object);
  }
}

// How long the machine is down, and what wakes it.
Time Suspend::sleep_time() {
  std::uint32_t name = alarm_name_;
  Time wake =
      alarm_at_ == sim::kNever ? sim::kNever : std::max(alarm_at_ - machine_.now(), Time{0});
  if (wake_at_once_) wake = 0;
  if (outside.next_wakeup != nullptr) {
    std::uint32_t other = 0;
    const Time event = outside.next_wakeup(outside.object, other);
    if (event < wake) {
      wake = event;
      name = other;
    }
  }
  if (wake == sim::kNever) {
    throw sim::Defect("the machine is suspended to memory, and nothing will ever wake it");
  }
  const cpu::CostTable& costs = machine_.costs();
  phases.current()->woken_by = machine_.trace().names()[name];
  return std::max(wake, costs.machine_suspend) + costs.machine_resume;
}

// No time passes here by the clocks of the machine: timekeeping is suspended.
Co<int> Suspend::machine_suspend(SuspendState state) {
  phases.begin("machine_suspend", static_cast<std::uint32_t>(state));
  const int error = co_await platform_call(PlatformStep::kEnter);
  if (error == 0) {
    phases.begin("acpi_suspend", static_cast<std::uint32_t>(state));
    const Time asleep = sleep_time();
    boot_offset_ += asleep;
    phases.current()->asleep += asleep;
    if (outside.slept != nullptr) outside.slept(outside.object, asleep);
    phases.end("acpi_suspend", static_cast<std::uint32_t>(state));
  }
  phases.end("machine_suspend", static_cast<std::uint32_t>(state));
  co_return error;
}

}  // namespace kt::power
