// Weights of the fair class and the fixed-point division by a weight. Every result equals the
// kernel's to the nanosecond: the same reciprocal table, the same shifts, the same truncation.
// Weights are the scaled-down ones (nice 0 is 1024); /proc shows them shifted left by 10 bits.
#pragma once

#include <cstdint>

namespace kt::sched {

/// A weight and its reciprocal: inv_weight is about 2^32 / weight.
/// include/linux/sched.h: struct load_weight
struct LoadWeight {
  std::uint32_t weight = 1024;
  std::uint32_t inv_weight = 4'194'304;

  bool operator==(const LoadWeight&) const = default;
};

inline constexpr std::uint32_t kNice0Weight = 1024;
inline constexpr int kMinNice = -20;
inline constexpr int kMaxNice = 19;

/// The weight of a nice value in -20..19, about 1024 / 1.25^nice; asserts the range.
/// kernel/sched/core.c: sched_prio_to_weight, sched_prio_to_wmult
[[nodiscard]] LoadWeight load_weight_of_nice(int nice);

/// The weight of every SCHED_IDLE task: 3. kernel/sched/sched.h: WEIGHT_IDLEPRIO
inline constexpr LoadWeight kIdlePolicyWeight{3, 1'431'655'765};

/// delta_exec * 1024 / weight for a weight other than 1024, with the kernel's loss of low bits.
/// kernel/sched/fair.c: __calc_delta
[[nodiscard]] std::uint64_t calc_delta(std::uint64_t delta_exec, std::uint32_t inv_weight);

/// Real nanoseconds to virtual ones: the identity for nice 0.
/// kernel/sched/fair.c: calc_delta_fair
[[nodiscard]] inline std::uint64_t calc_delta_fair(std::uint64_t delta, const LoadWeight& load) {
  return load.weight == kNice0Weight ? delta : calc_delta(delta, load.inv_weight);
}

}  // namespace kt::sched
