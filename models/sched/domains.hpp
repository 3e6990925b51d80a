// The scheduling domains of every CPU for a set of active CPUs, built as kernel/sched/topology.c
// does on x86: SMT, MC (the last-level cache), PKG, NODE, and a NUMA level for each further
// distance; domains that say nothing new are dropped. When the set of active CPUs
// changes a new object is built. What balancing keeps for a domain (last_balance,
// nr_balance_failed, …) is the scheduler's, in an array indexed by Domain::id.
//
// Spans, groups and group lists that are equal are stored once, so that a CPU costs about 100 bytes
// a level however large the machine.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/cpu/cpu_mask.hpp"
#include "models/cpu/topology.hpp"

namespace kt::sched {

/// Domain::flags (include/linux/sched/sd_flags.h).
enum DomainFlag : std::uint32_t {
  kSdBalanceNewidle = 1U << 0,
  kSdBalanceExec = 1U << 1,
  kSdBalanceFork = 1U << 2,
  kSdBalanceWake = 1U << 3,  ///< never set by default
  kSdWakeAffine = 1U << 4,
  kSdShareCpucapacity = 1U << 5,
  kSdShareLlc = 1U << 6,
  kSdSerialize = 1U << 7,
  kSdPreferSibling = 1U << 8,
  kSdOverlap = 1U << 9,
  kSdNuma = 1U << 10,
};

/// CPUs that balancing treats as one (struct sched_group).
struct Group {
  const cpu::CpuMask* span = nullptr;
  /// CPUs that may balance on the group's behalf; the first of them is group_balance_cpu().
  const cpu::CpuMask* balance_mask = nullptr;
  int weight = 0;           ///< group_weight
  int cores = 0;            ///< sched_group::cores
  std::uint32_t flags = 0;  ///< of the child domain that it stands for; 0 if that was dropped
  std::uint32_t id = 0;     ///< 0 … SchedDomains::nr_groups() - 1: for the scheduler's own arrays
};

/// The groups of a domain in the kernel's (circular) order from the one that holds the domain's
/// CPU.
class GroupList {
 public:
  GroupList() = default;
  GroupList(std::span<const Group* const> ring, std::size_t first) : ring_(ring), first_(first) {}
  [[nodiscard]] std::size_t size() const { return ring_.size(); }
  const Group& operator[](std::size_t i) const {
    const std::size_t position = first_ + i;
    return *ring_[position < ring_.size() ? position : position - ring_.size()];
  }

 private:
  std::span<const Group* const> ring_;
  std::size_t first_ = 0;
};

/// One level of one CPU (struct sched_domain).
struct Domain {
  std::string_view name;  ///< SMT, MC, PKG, NODE or NUMA
  const cpu::CpuMask* span = nullptr;
  const Domain* parent = nullptr;  ///< wider
  const Domain* child = nullptr;   ///< narrower
  GroupList groups;
  std::uint32_t flags = 0;
  std::uint32_t id = 0;  ///< 0 … SchedDomains::nr_domains() - 1
  int span_weight = 0;
  int min_interval = 0;  ///< ms
  int max_interval = 0;  ///< ms
  int busy_factor = 0;
  int imbalance_pct = 0;
  int cache_nice_tries = 0;
  int imb_numa_nr = 0;  ///< tasks that may be imbalanced across nodes
  int level = 0;        ///< 0 is the narrowest of this CPU
};

/// Immutable once built, so that machines with the same topology can share one.
class SchedDomains {
 public:
  /// `active` must not be empty. The topology need not outlive this object.
  /// `node_reclaim_distance`: 30, on some AMD machines 32 (mm/page_alloc.c;
  /// arch/x86/kernel/cpu/amd.c).
  SchedDomains(const cpu::Topology& topology, const cpu::CpuMask& active,
               int node_reclaim_distance = 30);
  SchedDomains(const SchedDomains&) = delete;
  SchedDomains& operator=(const SchedDomains&) = delete;

  /// rq->sd: the lowest domain of a CPU; null if it has none (one CPU, or not active).
  [[nodiscard]] const Domain* lowest(int cpu) const { return at(cpu).lowest; }
  /// sd_llc: the widest domain that shares the last-level cache, or null.
  [[nodiscard]] const Domain* llc(int cpu) const { return at(cpu).llc; }
  /// sd_llc_size and sd_llc_id (the lowest CPU of that domain); 1 and the CPU itself without one.
  [[nodiscard]] int llc_size(int cpu) const;
  [[nodiscard]] int llc_id(int cpu) const;
  /// sd_numa: the narrowest NUMA domain, or null.
  [[nodiscard]] const Domain* numa(int cpu) const { return at(cpu).numa; }
  /// cpus_share_cache().
  [[nodiscard]] bool share_cache(int a, int b) const { return llc_id(a) == llc_id(b); }

  [[nodiscard]] std::uint32_t nr_domains() const { return nr_domains_; }
  [[nodiscard]] std::uint32_t nr_groups() const {
    return static_cast<std::uint32_t>(groups_.size());
  }

  /// Bytes held, the shared parts included.
  [[nodiscard]] std::size_t memory_bytes() const;
  /// A line for each domain of a CPU, narrowest first: name, span, groups, flags.
  [[nodiscard]] std::string table(int cpu) const;

 private:
  friend class DomainBuilder;
  struct Cpu {
    const Domain* lowest = nullptr;
    const Domain* llc = nullptr;
    const Domain* numa = nullptr;
  };
  [[nodiscard]] const Cpu& at(int cpu) const { return cpus_[static_cast<std::size_t>(cpu)]; }

  std::vector<Cpu> cpus_;
  std::vector<std::unique_ptr<Domain[]>> domains_;  // one block a CPU, narrowest first
  std::vector<std::unique_ptr<const cpu::CpuMask>> spans_;
  std::vector<std::unique_ptr<const Group>> groups_;
  std::vector<std::vector<const Group*>> rings_;
  std::uint32_t nr_domains_ = 0;
};

}  // namespace kt::sched
