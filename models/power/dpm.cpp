// drivers/base/power/main.c: the suspend phases, and what both directions share.
#include "models/power/dpm.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace kt::power {

using trace::Event;

namespace {

std::uint32_t event_of(DevicePhase phase) {
  return phase <= DevicePhase::kSuspendNoirq ? kPmEventSuspend : kPmEventResume;
}

// The word before "driver" in the events.
std::string_view ops_of(DevicePhase phase) {
  switch (phase) {
    case DevicePhase::kPrepare:
    case DevicePhase::kComplete:
      return "";
    case DevicePhase::kSuspend:
    case DevicePhase::kResume:
      return "driver ";
    case DevicePhase::kSuspendLate:
      return "late driver ";
    case DevicePhase::kResumeEarly:
      return "early driver ";
    case DevicePhase::kSuspendNoirq:
    case DevicePhase::kResumeNoirq:
      return "noirq driver ";
  }
  return "";
}

}  // namespace

Dpm::Dpm(sched::Scheduler& scheduler, locking::Completions& completions, Async& async,
         Wakeups& wakeups, Phases& phases)
    : scheduler_(scheduler),
      completions_(completions),
      async_(async),
      wakeups_(wakeups),
      phases_(phases),
      machine_(scheduler.machine()) {}

Device& Dpm::add_device(std::string_view name, Device* parent) {
  Device& device = devices_.emplace_back();
  device.name = machine_.trace().names().intern(name);
  device.completion.name = device.name;
  device.completion.done = locking::Completions::kAll;
  device.parent = parent;
  device.dpm = this;
  if (parent != nullptr) parent->children.push_back(&device);
  async_.init_entry(device.entry, &async_call, &device);
  dpm_list_.push_back(&device);
  return device;
}

bool& Dpm::suspended_flag(Device& device, DevicePhase phase) {
  if (phase == DevicePhase::kSuspend || phase == DevicePhase::kResume) return device.is_suspended;
  if (phase == DevicePhase::kSuspendLate || phase == DevicePhase::kResumeEarly) {
    return device.is_late_suspended;
  }
  return device.is_noirq_suspended;
}

void Dpm::begin(const char* name, std::uint32_t event) {
  phases_.begin(name, event);
  async_error_ = 0;
  failed_.clear();
  slowest_ = {};
}

void Dpm::finish(const char* name, std::uint32_t event) {
  if (!failed_.empty()) {
    phases_.note(failed_);
  } else if (slowest_.device != nullptr) {
    phases_.note(fmt::format("longest: {}{}, {}.{:03} ms",
                             machine_.trace().names()[slowest_.device->name],
                             slowest_.device->async_suspend ? " (async)" : "",
                             slowest_.time / 1'000'000, slowest_.time / 1'000 % 1000));
  }
  phases_.end(name, event);
}

void Dpm::note_failure(const Device* device, int error) {
  if (!failed_.empty()) return;
  failed_ = device == nullptr
                ? std::string("aborted by a wakeup")
                : fmt::format("{} failed: {}", machine_.trace().names()[device->name], error);
}

void Dpm::trace_start(const Device& device, DevicePhase phase) {
  cpu::Cpu& cpu = machine_.this_cpu();
  if (!cpu.traced(Event::kDevicePmCallbackStart)) return;
  sim::NameTable& names = machine_.trace().names();
  cpu.trace(Event::kDevicePmCallbackStart, device.name, device.name,
            device.parent != nullptr ? device.parent->name : names.intern("none"),
            cpu::pack(names.intern(ops_of(phase)), event_of(phase)));
}

void Dpm::trace_end(const Device& device, int error) {
  machine_.this_cpu().trace(Event::kDevicePmCallbackEnd, device.name, device.name,
                            static_cast<std::uint32_t>(error));
}

Co<int> Dpm::dpm_run_callback(Device& device, DevicePhase phase) {
  if (!device.calls(phase)) co_return 0;
  trace_start(device, phase);
  const Time start = machine_.now();
  const int error = co_await device.callback(device.object, device, phase);
  const Time took = machine_.now() - start;
  if (slowest_.device == nullptr || took > slowest_.time) slowest_ = {&device, took};
  trace_end(device, error);
  co_return error;
}

// Only asynchronous ones can still be under way, unless the waiter is one itself.
Co<> Dpm::dpm_wait(Device& device, bool async) {
  if (!async && !device.async_suspend) co_return;
  co_await completions_.wait_for_completion(device.completion, sched::kTaskUninterruptible,
                                            timers::kMaxScheduleTimeout,
                                            {sched::WaitKind::kDevice, device.name, nullptr});
}

Co<> Dpm::async_call(void* object) {
  Device& device = *static_cast<Device*>(object);
  return device.dpm->async_phase(device);
}

Co<> Dpm::async_phase(Device& device) {
  if (event_of(device.phase) == kPmEventResume) {
    co_await device_resume(device, device.phase, true);
  } else {
    co_await device_suspend(device, device.phase, true);
  }
}

Co<bool> Dpm::dpm_async_fn(Device& device, DevicePhase phase) {
  device.completion.done = 0;  // reinit_completion()
  device.phase = phase;
  device.async_in_progress = device.async_suspend;
  if (device.async_suspend) co_await async_.schedule(device.entry);
  co_return device.async_suspend;
}

// device_prepare()
Co<int> Dpm::device_prepare(Device& device) {
  co_await machine_.run(machine_.costs().dpm_device);
  if (!device.calls(DevicePhase::kPrepare)) co_return 0;
  const Time start = machine_.now();
  const int error = co_await device.callback(device.object, device, DevicePhase::kPrepare);
  const Time took = machine_.now() - start;
  if (slowest_.device == nullptr || took > slowest_.time) slowest_ = {&device, took};
  co_return error < 0 ? error : 0;
}

Co<int> Dpm::dpm_prepare() {
  begin("dpm_prepare", kPmEventSuspend);
  co_await machine_.run(machine_.costs().dpm_phase);
  int error = 0;
  while (!dpm_list_.empty() && error == 0) {
    Device& device = *dpm_list_.front();
    trace_start(device, DevicePhase::kPrepare);
    error = co_await device_prepare(device);
    trace_end(device, error);
    if (error == 0) {
      device.is_prepared = true;
      dpm_prepared_list_.push_back(&device);
      dpm_list_.pop_front();
    } else if (error == -EAGAIN) {
      error = 0;  // it is asked again
    } else {
      note_failure(&device, error);
    }
  }
  finish("dpm_prepare", kPmEventSuspend);
  co_return error;
}

// __device_suspend(), device_suspend_late(), device_suspend_noirq()
Co<int> Dpm::device_suspend(Device& device, DevicePhase phase, bool async) {
  int error = 0;
  co_await machine_.run(machine_.costs().dpm_device);
  for (Device* child : device.children) co_await dpm_wait(*child, async);
  if (async_error_ == 0) {
    if (phase != DevicePhase::kSuspendNoirq && wakeups_.pm_wakeup_pending()) {
      async_error_ = -EBUSY;
      note_failure(nullptr, -EBUSY);
    } else {
      error = co_await dpm_run_callback(device, phase);
      if (error == 0) {
        suspended_flag(device, phase) = true;
      } else {
        async_error_ = error;
        note_failure(&device, error);
      }
    }
  }
  co_await completions_.complete_all(device.completion);
  co_return error;
}

Co<int> Dpm::suspend_devices(List& from, List& to, DevicePhase phase) {
  co_await machine_.run(machine_.costs().dpm_phase);
  int error = 0;
  while (!from.empty()) {
    Device& device = *from.back();
    from.pop_back();
    to.push_front(&device);
    const bool elsewhere = co_await dpm_async_fn(device, phase);
    if (elsewhere) continue;
    error = co_await device_suspend(device, phase, false);
    if (error != 0 || async_error_ != 0) break;
  }
  co_await async_.synchronize_full();
  co_return error != 0 ? error : async_error_;
}

Co<int> Dpm::dpm_suspend() {
  begin("dpm_suspend", kPmEventSuspend);
  if (cpufreq != nullptr) co_await cpufreq->cpufreq_suspend();
  const int error =
      co_await suspend_devices(dpm_prepared_list_, dpm_suspended_list_, DevicePhase::kSuspend);
  finish("dpm_suspend", kPmEventSuspend);
  co_return error;
}

Co<int> Dpm::dpm_suspend_late() {
  begin("dpm_suspend_late", kPmEventSuspend);
  scheduler_.wake_up_all_idle_cpus();
  const int error = co_await suspend_devices(dpm_suspended_list_, dpm_late_early_list_,
                                             DevicePhase::kSuspendLate);
  const std::string failed = failed_;
  if (error != 0) co_await dpm_resume_early();
  failed_ = failed;
  finish("dpm_suspend_late", kPmEventSuspend);
  co_return error;
}

Co<int> Dpm::dpm_suspend_noirq() {
  co_await machine_.run(machine_.costs().suspend_irqs);
  if (device_irqs.suspend != nullptr) co_await device_irqs.suspend(device_irqs.object);
  begin("dpm_suspend_noirq", kPmEventSuspend);
  const int error =
      co_await suspend_devices(dpm_late_early_list_, dpm_noirq_list_, DevicePhase::kSuspendNoirq);
  finish("dpm_suspend_noirq", kPmEventSuspend);
  if (error != 0) co_await dpm_resume_noirq();
  co_return error;
}

}  // namespace kt::power
