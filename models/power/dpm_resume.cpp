// drivers/base/power/main.c: the resume phases. What a callback gives back there is only reported.
#include <fmt/format.h>

#include "models/power/dpm.hpp"

namespace kt::power {

// device_resume_noirq(), device_resume_early(), device_resume()
Co<> Dpm::device_resume(Device& device, DevicePhase phase, bool async) {
  co_await machine_.run(machine_.costs().dpm_device);
  bool& suspended = suspended_flag(device, phase);
  if (suspended) {
    if (device.parent != nullptr) co_await dpm_wait(*device.parent, async);
    const int error = co_await dpm_run_callback(device, phase);
    suspended = false;
    if (error != 0) {
      async_error_ = error;
      note_failure(&device, error);
    }
  }
  co_await completions_.complete_all(device.completion);
}

// Asynchronous ones are set off first, so that they need not wait for those that they do not depend
// on.
Co<> Dpm::resume_devices(List& from, List& to, DevicePhase phase) {
  co_await machine_.run(machine_.costs().dpm_phase);
  for (Device* device : from) co_await dpm_async_fn(*device, phase);
  while (!from.empty()) {
    Device& device = *from.front();
    from.pop_front();
    to.push_back(&device);
    if (!device.async_in_progress) co_await device_resume(device, phase, false);
  }
  co_await async_.synchronize_full();
}

Co<> Dpm::dpm_resume_noirq() {
  begin("dpm_resume_noirq", kPmEventResume);
  co_await resume_devices(dpm_noirq_list_, dpm_late_early_list_, DevicePhase::kResumeNoirq);
  finish("dpm_resume_noirq", kPmEventResume);
  co_await machine_.run(machine_.costs().suspend_irqs);
  if (device_irqs.resume != nullptr) device_irqs.resume(device_irqs.object);
}

Co<> Dpm::dpm_resume_early() {
  begin("dpm_resume_early", kPmEventResume);
  co_await resume_devices(dpm_late_early_list_, dpm_suspended_list_, DevicePhase::kResumeEarly);
  finish("dpm_resume_early", kPmEventResume);
}

Co<> Dpm::dpm_resume() {
  begin("dpm_resume", kPmEventResume);
  co_await resume_devices(dpm_suspended_list_, dpm_prepared_list_, DevicePhase::kResume);
  if (cpufreq != nullptr) cpufreq->cpufreq_resume();
  finish("dpm_resume", kPmEventResume);
}

Co<> Dpm::dpm_complete() {
  begin("dpm_complete", kPmEventResume);
  co_await machine_.run(machine_.costs().dpm_phase);
  List list;
  while (!dpm_prepared_list_.empty()) {
    Device& device = *dpm_prepared_list_.back();
    device.is_prepared = false;
    dpm_prepared_list_.pop_back();
    list.push_front(&device);
    trace_start(device, DevicePhase::kComplete);
    co_await machine_.run(machine_.costs().dpm_device);
    if (device.calls(DevicePhase::kComplete)) {
      co_await device.callback(device.object, device, DevicePhase::kComplete);
    }
    trace_end(device, 0);
  }
  dpm_list_.insert(dpm_list_.begin(), list.begin(), list.end());
  finish("dpm_complete", kPmEventResume);
}

}  // namespace kt::power
