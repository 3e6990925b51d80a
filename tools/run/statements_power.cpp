// Statements that suspend the machine or keep it awake, and the devices that a scenario declares.
#include <algorithm>
#include <cerrno>

#include "tools/run/interpreter.hpp"

namespace kt::run {

using power::SuspendState;
using scenario::Op;
using scenario::Verb;

void Interpreter::make_devices() {
  power::Suspend& suspend = models_.suspend;
  suspend.processes.freeze_timeout = scenario_.kernel.pm_freeze_timeout;
  const std::vector<scenario::Device>& specs = scenario_.devices;
  if (std::ranges::any_of(specs, &scenario::Device::async)) suspend.async.boot();
  std::vector<power::Device*> devices;
  device_bodies_.reserve(specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const scenario::Device& spec = specs[i];
    power::Device* parent =
        spec.parent < 0 ? nullptr : devices[static_cast<std::size_t>(spec.parent)];
    power::Device& device = suspend.dpm.add_device(spec.name, parent);
    device_bodies_.push_back({this, static_cast<std::int32_t>(i)});
    device.async_suspend = spec.async;
    device.object = &device_bodies_.back();
    device.callback = &device_callback;
    for (std::size_t phase = 0; phase < power::kDevicePhases; ++phase) {
      device.has[phase] = spec.programs[phase] >= 0;
    }
    devices.push_back(&device);
  }
  for (const scenario::Named& source : scenario_.wakeup_sources) {
    wakeup_sources_.push_back(&suspend.wakeups.add_source(source.name));
  }
}

Co<int> Interpreter::device_callback(void* object, power::Device&, power::DevicePhase phase) {
  const Body& body = *static_cast<const Body*>(object);
  const scenario::Device& spec =
      body.interpreter->scenario_.devices[static_cast<std::size_t>(body.index)];
  return body.interpreter->run_callback(spec.programs[static_cast<std::size_t>(phase)]);
}

// On behalf of whoever goes through the phase: the task that suspends, or a kworker.
Co<int> Interpreter::run_callback(std::int32_t program) {
  Task& self = models_.scheduler.current();
  const std::uint32_t location = self.location;
  const int result = co_await run_body(self, program);
  self.location = location;
  co_return result;
}

Co<> Interpreter::execute_power(const Op& op) {
  power::Wakeups& wakeups = models_.suspend.wakeups;
  switch (op.verb) {
    case Verb::kSuspend:
      return suspend(op);
    case Verb::kPmSystemWakeup:
      return wakeups.pm_system_wakeup(intern("pm_system_wakeup"));
    default:
      break;
  }
  power::WakeupSource& source = *wakeup_sources_[static_cast<std::size_t>(op.object)];
  if (op.verb == Verb::kPmRelax) return wakeups.pm_relax(source);
  if (op.verb == Verb::kPmWakeupEvent) {
    return wakeups.pm_wakeup_event(source, models_.timers.ticks().from_time(op.time), op.flag);
  }
  wakeups.pm_stay_awake(source);
  return {};
}

// With "wakeup_count": what user space does to lose no event between its last look and the suspend.
Co<> Interpreter::suspend(const Op& op) {
  int result = -EBUSY;
  bool quiet = true;
  if (op.flag) quiet = co_await models_.suspend.wakeups.save_wakeup_count();
  if (quiet) {
    const bool deep = static_cast<scenario::SleepState>(op.choice) == scenario::SleepState::kDeep;
    result = co_await models_.suspend.pm_suspend(deep ? SuspendState::kMem : SuspendState::kToIdle,
                                                 op.time);
  }
  if (op.object >= 0) store_variable(op.object, result);
  returned(op, "system", result);
}

}  // namespace kt::run
