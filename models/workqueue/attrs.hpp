// What distinguishes worker pools that are not bound to one CPU (struct workqueue_attrs), and the
// pods of CPUs that the affinity scopes make (struct wq_pod_type).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "models/cpu/topology.hpp"

namespace kt::workqueue {

using cpu::CpuMask;

/// include/linux/workqueue.h: enum wq_affn_scope.
enum class AffnScope : std::uint8_t { kDfl, kCpu, kSmt, kCache, kNuma, kSystem };
inline constexpr std::size_t kAffnScopes = 6;

/// struct workqueue_attrs.
struct WorkqueueAttrs {
  explicit WorkqueueAttrs(const CpuMask& mask) : cpumask(mask), pod_cpumask(mask) {}
  int nice = 0;  ///< -20 … 19
  CpuMask cpumask;
  CpuMask pod_cpumask;  ///< __pod_cpumask: where an item's worker is put when it wakes
  bool affn_strict = false;
  AffnScope affn_scope = AffnScope::kDfl;
  bool ordered = false;
};

/// What somebody changes of a queue's attributes; what is not set stays.
struct AttrsChange {
  std::optional<int> nice{};
  std::optional<CpuMask> cpus{};
  std::optional<AffnScope> affn_scope{};
  std::optional<bool> affn_strict{};
};

/// kernel/workqueue.c: wqattrs_equal: whether two sets of attributes share a pool.
bool same_pool(const WorkqueueAttrs& a, const WorkqueueAttrs& b);

/// struct wq_pod_type: a partition of the possible CPUs.
struct Pods {
  std::vector<CpuMask> cpus;  ///< of each pod
  std::vector<int> node;      ///< of each pod
  std::vector<int> pod_of;    ///< of each CPU
};

/// The pods of every scope; that of kDfl stays empty (it stands for another one). A CPU that is
/// isolated from the scheduler's domains shares its cache with nobody (sd_llc_id).
std::array<Pods, kAffnScopes> make_pods(const cpu::Topology& topology, const CpuMask& isolated);

}  // namespace kt::workqueue
