// Builds SchedDomains: the steps of kernel/sched/topology.c: build_sched_domains, which makes all
// domains of all CPUs, then their groups, and then drops what is degenerate. Internal to
// SchedDomains.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <tuple>
#include <vector>

#include "models/sched/domains.hpp"

namespace kt::sched {

class DomainBuilder {
 public:
  DomainBuilder(SchedDomains& domains, const cpu::Topology& topology, const cpu::CpuMask& active,
                int node_reclaim_distance);
  void build();

 private:
  /// What partitions the CPUs of a level: CPUs of one core, cache or node have the same span.
  enum class Place : std::uint8_t { kCore, kLlc, kNode };
  /// struct sched_domain_topology_level
  struct Level {
    std::string_view name;
    Place place;
    std::uint32_t flags;
    int distance;                            // NUMA: of the farthest node in the span
    std::vector<const cpu::CpuMask*> spans;  // by core, cache or node; null: no active CPU there
  };
  /// A group of an overlapping domain: the level whose child made it is part of its identity.
  struct GroupDraft {
    std::size_t level;
    const cpu::CpuMask* span;
    std::uint32_t flags;
  };
  /// A domain before the degenerate ones are dropped.
  struct Draft {
    Domain domain;
    std::uint32_t group_flags = 0;    // what the group that holds the CPU ends up with
    std::vector<GroupDraft> overlap;  // only if kSdOverlap
    bool several_groups = false;
  };
  using Tree = std::vector<Draft>;  // one CPU's, by level
  struct MaskLess {
    bool operator()(const cpu::CpuMask* a, const cpu::CpuMask* b) const { return a->less(*b); }
  };

  void make_levels();
  void add_level(std::string_view name, Place place, std::uint32_t flags, int distance);
  const cpu::CpuMask* intern(cpu::CpuMask mask);
  [[nodiscard]] const cpu::CpuMask* span_of(std::size_t level, int cpu) const;

  void make_tree(int cpu);
  [[nodiscard]] Domain make_domain(std::size_t level, int cpu) const;
  static void allow_numa_imbalance(Tree& tree);
  void make_overlap_groups(int cpu, std::size_t level);
  [[nodiscard]] std::size_t descend(const Tree& sibling, std::size_t level,
                                    const cpu::CpuMask& span) const;
  [[nodiscard]] const cpu::CpuMask* balance_mask(std::size_t level, const cpu::CpuMask* span);

  void drop_degenerate(int cpu);
  void attach(int cpu);
  GroupList ring_of(int cpu, std::size_t level);
  GroupList overlap_ring(int cpu, std::size_t level);
  const Group* make_group(std::size_t level, const cpu::CpuMask* span, std::uint32_t flags,
                          const cpu::CpuMask* balance);

  Tree& tree(int cpu) { return trees_[static_cast<std::size_t>(cpu)]; }

  SchedDomains& out_;
  const cpu::Topology& topology_;
  const cpu::CpuMask& active_;
  int node_reclaim_distance_;
  std::vector<Level> levels_;
  std::vector<Tree> trees_;                     // by CPU
  std::vector<std::vector<std::size_t>> kept_;  // by CPU: levels that stay
  // Looked up only, never walked: the order of pointers does not show.
  std::map<const cpu::CpuMask*, const cpu::CpuMask*, MaskLess> masks_;
  std::map<std::tuple<std::size_t, const cpu::CpuMask*, std::uint32_t>, const Group*> groups_;
  std::map<std::pair<std::size_t, const cpu::CpuMask*>, std::size_t> rings_;
  std::map<std::vector<const Group*>, std::size_t> overlap_rings_;
};

}  // namespace kt::sched
