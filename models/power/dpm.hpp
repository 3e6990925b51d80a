// The phases of all devices in a suspend and a resume (drivers/base/power/main.c). Devices stand in
// one list in the order in which they were added, parents first; prepare and the resume phases go
// along it, complete and the suspend phases against it. Each device moves from list to list as it
// goes through the phases, so that a suspend that fails in the middle undoes what was done and no
// more. Callbacks of devices that are marked as asynchronous run on kworkers; each phase ends with
// a barrier. Not modelled: runtime power management, device links, power domains.
#pragma once

#include <cstdint>
#include <deque>

#include "models/cpufreq/cpufreq.hpp"
#include "models/power/device.hpp"
#include "models/power/phases.hpp"
#include "models/power/wakeup.hpp"

namespace kt::power {

/// What the interrupt layer does around the phase in which devices have no interrupts
/// (kernel/irq/pm.c: suspend_device_irqs, resume_device_irqs).
struct DeviceIrqHook {
  void* object = nullptr;
  Co<> (*suspend)(void* object) = nullptr;
  void (*resume)(void* object) = nullptr;
};

inline constexpr std::uint32_t kPmEventSuspend = 2;  ///< include/linux/pm.h: PM_EVENT_SUSPEND
inline constexpr std::uint32_t kPmEventResume = 16;  ///< PM_EVENT_RESUME

class Dpm {
 public:
  Dpm(sched::Scheduler& scheduler, locking::Completions& completions, Async& async,
      Wakeups& wakeups, Phases& phases);
  Dpm(const Dpm&) = delete;
  Dpm& operator=(const Dpm&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

  /// At the end of the list, so that a parent has to be there before its children.
  Device& add_device(std::string_view name, Device* parent);
  [[nodiscard]] const std::deque<Device>& devices() const { return devices_; }

  // Each gives 0 or a negative errno, -EBUSY for a wakeup.
  Co<int> dpm_prepare();
  Co<int> dpm_suspend();
  /// If it fails, what it did is undone.
  Co<int> dpm_suspend_late();
  Co<int> dpm_suspend_noirq();
  Co<> dpm_resume_noirq();
  Co<> dpm_resume_early();
  Co<> dpm_resume();
  Co<> dpm_complete();

  DeviceIrqHook device_irqs;
  cpufreq::Cpufreq* cpufreq = nullptr;  ///< its governors stop while the devices are suspended

 private:
  using List = std::deque<Device*>;
  struct Slowest {
    const Device* device = nullptr;
    Time time = 0;
  };

  Co<int> suspend_devices(List& from, List& to, DevicePhase phase);
  Co<> resume_devices(List& from, List& to, DevicePhase phase);
  Co<int> device_suspend(Device& device, DevicePhase phase, bool async);
  Co<> device_resume(Device& device, DevicePhase phase, bool async);
  Co<bool> dpm_async_fn(Device& device, DevicePhase phase);
  static Co<> async_call(void* device);
  Co<> async_phase(Device& device);
  Co<> dpm_wait(Device& device, bool async);
  Co<int> dpm_run_callback(Device& device, DevicePhase phase);
  Co<int> device_prepare(Device& device);
  void trace_start(const Device& device, DevicePhase phase);
  void trace_end(const Device& device, int error);
  void begin(const char* name, std::uint32_t event);
  void finish(const char* name, std::uint32_t event);
  void note_failure(const Device* device, int error);
  static bool& suspended_flag(Device& device, DevicePhase phase);

  sched::Scheduler& scheduler_;
  locking::Completions& completions_;
  Async& async_;
  Wakeups& wakeups_;
  Phases& phases_;
  cpu::Machine& machine_;
  std::deque<Device> devices_;
  List dpm_list_;
  List dpm_prepared_list_;
  List dpm_suspended_list_;
  List dpm_late_early_list_;
  List dpm_noirq_list_;
  int async_error_ = 0;
  std::string failed_;  // who made a phase fail, in words
  Slowest slowest_;
};

}  // namespace kt::power
