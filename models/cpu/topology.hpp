// Which CPU is where: cores (SMT siblings), last-level caches, NUMA nodes with their memory, and
// the distances between nodes as the firmware's SLIT gives them (10: local). Built once from a
// spec, with what it leaves out filled in, checked, and immutable from then on, so that machines
// can share it.
//
// It holds possible CPUs; which are online is the hotplug code's knowledge, and masks are to be cut
// down to it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/cpu/cpu_mask.hpp"

namespace kt::cpu {

inline constexpr int kMaxCpus = 8192;       // CONFIG_NR_CPUS of x86 distribution kernels
inline constexpr int kMaxNodes = 1024;      // 1 << CONFIG_NODES_SHIFT
inline constexpr int kLocalDistance = 10;   // include/linux/topology.h: LOCAL_DISTANCE
inline constexpr int kRemoteDistance = 20;  // REMOTE_DISTANCE

/// A NUMA node as described by the user.
struct NodeSpec {
  std::string cpus;  ///< cpulist; "" is a node with memory only
  std::uint64_t memory_bytes = 0;
};

/// A machine as described by the user. Every list may stay empty.
struct TopologySpec {
  int nr_cpus = 1;  ///< 1 … kMaxCpus
  int smt = 1;      ///< threads a core, 1 … 8; siblings are adjacent: core = cpu / smt
  std::vector<std::string> llc;            ///< cpulists; default: a cache a node
  std::vector<NodeSpec> nodes;             ///< default: one node with all CPUs
  std::vector<std::vector<int>> distance;  ///< default: 10 on the diagonal, else 20
  std::vector<int> core_of;                ///< core id of each CPU, instead of `smt`
};

class Topology {
 public:
  /// Throws sim::UserError that names the field, the CPU or node, and what was expected.
  explicit Topology(const TopologySpec& spec);

  [[nodiscard]] int nr_cpus() const { return static_cast<int>(cpus_.size()); }
  [[nodiscard]] int nr_cores() const { return static_cast<int>(cores_.size()); }
  [[nodiscard]] int nr_llcs() const { return static_cast<int>(llcs_.size()); }
  [[nodiscard]] int nr_nodes() const { return static_cast<int>(nodes_.size()); }
  /// Whether some core has two threads or more.
  [[nodiscard]] bool has_smt() const { return nr_cores() < nr_cpus(); }

  /// Ids count from 0 in the order of their lowest CPU (cores, caches) or of the spec (nodes).
  [[nodiscard]] int core_of(int cpu) const { return at(cpu).core; }
  [[nodiscard]] int llc_of(int cpu) const { return at(cpu).llc; }
  [[nodiscard]] int node_of(int cpu) const { return at(cpu).node; }

  /// cpu_smt_mask, cpu_coregroup_mask and cpumask_of_node: the CPU itself included.
  [[nodiscard]] const CpuMask& siblings(int cpu) const { return core(core_of(cpu)); }
  [[nodiscard]] const CpuMask& llc_mask(int cpu) const { return llc(llc_of(cpu)); }
  [[nodiscard]] const CpuMask& core(int id) const { return cores_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const CpuMask& llc(int id) const { return llcs_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const CpuMask& node(int id) const {
    return nodes_[static_cast<std::size_t>(id)].cpus;
  }
  [[nodiscard]] std::uint64_t memory_bytes(int node) const {
    return nodes_[static_cast<std::size_t>(node)].memory_bytes;
  }

  /// node_distance(); not symmetric if the spec is not.
  [[nodiscard]] int distance(int from, int to) const {
    return distance_[static_cast<std::size_t>(from) * nodes_.size() + static_cast<std::size_t>(to)];
  }
  /// The distinct distances between nodes with CPUs, ascending: the first is the local one.
  [[nodiscard]] std::vector<int> distances() const;

  /// All possible CPUs.
  [[nodiscard]] const CpuMask& possible() const { return possible_; }

  /// The resolved table: a summary, a line for each node (CPUs, memory, distances), cache and core
  /// layout. Ends in a newline.
  [[nodiscard]] std::string table() const;

 private:
  struct Cpu {
    int core = -1;
    int llc = -1;
    int node = -1;
  };
  struct Node {
    CpuMask cpus;
    std::uint64_t memory_bytes = 0;
  };
  void place_cores(const TopologySpec& spec);
  void place_nodes(const TopologySpec& spec);
  void place_llcs(const TopologySpec& spec);
  void place_distances(const TopologySpec& spec);
  void check_nesting() const;
  [[nodiscard]] const Cpu& at(int cpu) const { return cpus_[static_cast<std::size_t>(cpu)]; }

  std::vector<Cpu> cpus_;
  std::vector<CpuMask> cores_;
  std::vector<CpuMask> llcs_;
  std::vector<Node> nodes_;
  std::vector<int> distance_;
  CpuMask possible_;
};

}  // namespace kt::cpu
