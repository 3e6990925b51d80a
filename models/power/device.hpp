// A device as power management sees it (struct device, struct dev_pm_info): its parent, its
// driver's callbacks, and how far it has been suspended.
#pragma once

#include <array>
#include <vector>

#include "models/locking/completion.hpp"
#include "models/power/async.hpp"

namespace kt::power {

class Dpm;
struct Device;

/// The callbacks of struct dev_pm_ops that a suspend calls, in its order.
enum class DevicePhase : std::uint8_t {
  kPrepare,
  kSuspend,
  kSuspendLate,
  kSuspendNoirq,
  kResumeNoirq,
  kResumeEarly,
  kResume,
  kComplete,
};
inline constexpr std::size_t kDevicePhases = 8;

/// A driver's callback: 0 or a negative errno. That of kComplete gives nothing back.
using DeviceCallback = Co<int> (*)(void* object, Device& device, DevicePhase phase);

struct Device {
  std::uint32_t name = 0;  ///< NameTable id; its driver has the same
  Device* parent = nullptr;
  std::vector<Device*> children;
  bool async_suspend = false;
  std::array<bool, kDevicePhases> has{};  ///< the callbacks that its driver has
  DeviceCallback callback = nullptr;
  void* object = nullptr;

  // struct dev_pm_info
  bool is_prepared = false;
  bool is_suspended = false;
  bool is_late_suspended = false;
  bool is_noirq_suspended = false;
  bool async_in_progress = false;
  locking::Completion completion;
  AsyncEntry entry;
  DevicePhase phase = DevicePhase::kPrepare;  ///< of the call that is under way
  Dpm* dpm = nullptr;

  [[nodiscard]] bool calls(DevicePhase which) const { return has[static_cast<std::size_t>(which)]; }
};

}  // namespace kt::power
