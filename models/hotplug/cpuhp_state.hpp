// The steps that take a CPU from offline to online and back (include/linux/cpuhotplug.h: enum
// cpuhp_state). A CPU that is at state s has run the startups of all steps up to s.
#pragma once

#include <cstdint>
#include <string_view>

#include "models/cpu/cpu.hpp"

namespace kt::hotplug {

class Hotplug;

/// Numbers as the trace prints them; those that the control flow or other models ask for.
enum State : int {
  kCpuhpOffline = 0,
  kCpuhpMmVmstatDead = 14,
  kCpuhpBpPrepareDyn = 66,  ///< the first that the kernel's own subsystems leave free
  kCpuhpBpPrepareDynEnd = 84,
  kCpuhpBringupCpu = 86,
  kCpuhpApIdleDead = 87,
  kCpuhpApOffline = 88,
  kCpuhpApOnline = 144,
  kCpuhpTeardownCpu = 145,
  kCpuhpApOnlineIdle = 146,
  kCpuhpApWatchdogOnline = 187,
  kCpuhpApVmstatOnline = 193,      ///< a dynamic one: mm/vmstat:online
  kCpuhpApCompactionOnline = 195,  ///< a dynamic one: mm/compaction:online
  kCpuhpApOnlineDyn = 202,         ///< the same
  kCpuhpApOnlineDynEnd = 232,
  kCpuhpOnline = 236,
};
inline constexpr int kCpuhpStates = kCpuhpOnline + 1;

/// Whether interrupts are off while a step of this state runs (cpuhp_is_atomic_state).
constexpr bool atomic_state(int state) {
  return state >= kCpuhpApIdleDead && state < kCpuhpApOnline;
}
/// Whether the CPU itself runs it (cpuhp_is_ap_state).
constexpr bool ap_state(int state) { return state > kCpuhpBringupCpu && state != kCpuhpTeardownCpu; }

/// One direction of a step: what it does to the models, and the time of what no model does.
struct StepCallback {
  using Function = sim::Co<int> (*)(Hotplug& hotplug, cpu::Cpu& cpu, void* object);
  std::string_view name{};    ///< the kernel's function; empty: nothing to do
  sim::Time cost = 0;         ///< ns
  Function function = nullptr;  ///< null: only the time. Gives 0 or an error.
  void* object = nullptr;
};

/// struct cpuhp_step.
struct Step {
  int state = 0;
  std::string_view name{};  ///< as in /sys/devices/system/cpu/hotplug/states
  StepCallback startup{};
  StepCallback teardown{};
  int instances = 0;  ///< multi-instance steps run so many times; 0: an ordinary one
};

}  // namespace kt::hotplug
