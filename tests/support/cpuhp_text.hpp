// The payloads of the events of CPU hotplug (include/trace/events/cpuhp.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace support {

/// cpuhp_enter, cpuhp_multi_enter: "cpu: 0001 target: 145 step: 235 (sched_cpu_deactivate)".
struct HotplugStep {
  std::int64_t cpu = 0;
  std::int64_t target = 0;
  std::int64_t step = 0;
  std::string function;
};
HotplugStep parse_cpuhp_enter(std::string_view payload);

/// cpuhp_exit: " cpu: 0001  state: 234 step: 235 ret: 0".
struct HotplugStepEnd {
  std::int64_t cpu = 0;
  std::int64_t state = 0;
  std::int64_t step = 0;
  std::int64_t ret = 0;
};
HotplugStepEnd parse_cpuhp_exit(std::string_view payload);

}  // namespace support
