#include "models/sched/domains.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "models/cpu/topology.hpp"

using kt::cpu::CpuMask;
using kt::cpu::Topology;
using kt::cpu::TopologySpec;
using kt::sched::Domain;
using kt::sched::GroupList;
using kt::sched::SchedDomains;
using namespace kt::sched;

namespace {

constexpr std::uint32_t kUsual =
    kSdBalanceNewidle | kSdBalanceExec | kSdBalanceFork | kSdWakeAffine;
constexpr std::uint32_t kNumaFlags = kUsual | kSdNuma | kSdOverlap | kSdSerialize;

std::string range(int first, int count) {
  return std::to_string(first) + "-" + std::to_string(first + count - 1);
}

/// `nodes` equal nodes, each cut into `llcs` caches.
TopologySpec machine(int nr_cpus, int smt, int nodes, int llcs) {
  TopologySpec spec;
  spec.nr_cpus = nr_cpus;
  spec.smt = smt;
  const int per_node = nr_cpus / nodes;
  const int per_llc = per_node / llcs;
  for (int cpu = 0; cpu < nr_cpus; cpu += per_node) spec.nodes.push_back({range(cpu, per_node), 1});
  for (int cpu = 0; cpu < nr_cpus; cpu += per_llc) spec.llc.push_back(range(cpu, per_llc));
  return spec;
}

/// 1,024 CPUs, SMT 2, two sockets of four nodes of eight caches.
Topology large() {
  TopologySpec spec = machine(1024, 2, 8, 8);
  for (int from = 0; from < 8; ++from) {
    spec.distance.emplace_back();
    for (int to = 0; to < 8; ++to)
      spec.distance.back().push_back(from == to ? 10 : from / 4 == to / 4 ? 16 : 32);
  }
  return Topology(spec);
}

std::string groups(const Domain* domain) {
  std::string text;
  for (std::size_t i = 0; i < domain->groups.size(); ++i)
    text += "{" + domain->groups[i].span->to_list() + "}";
  return text;
}

/// "SMT 0-1, MC 0-3"
std::string shape(const SchedDomains& domains, int cpu) {
  std::string text;
  for (const Domain* domain = domains.lowest(cpu); domain != nullptr; domain = domain->parent)
    text += (text.empty() ? "" : ", ") + std::string(domain->name) + " " + domain->span->to_list();
  return text;
}

/// What holds for every machine.
void check_invariants(const SchedDomains& domains, const CpuMask& active) {
  std::vector<bool> seen(domains.nr_domains());
  for (const int cpu : active) {
    const Domain* child = nullptr;
    for (const Domain* domain = domains.lowest(cpu); domain != nullptr; domain = domain->parent) {
      REQUIRE(domain->child == child);
      REQUIRE(domain->span->test(cpu));
      REQUIRE(domain->span->subset_of(active));
      REQUIRE(domain->span_weight == domain->span->count());
      REQUIRE(domain->groups.size() >= 2);
      REQUIRE(domain->groups[0].span->test(cpu));
      if (child != nullptr) REQUIRE(child->span->subset_of(*domain->span));
      CpuMask covered(active.nr_cpus());
      for (std::size_t i = 0; i < domain->groups.size(); ++i) {
        covered |= *domain->groups[i].span;
        REQUIRE(domain->groups[i].balance_mask->subset_of(*domain->groups[i].span));
        REQUIRE_FALSE(domain->groups[i].balance_mask->empty());
      }
      REQUIRE(covered == *domain->span);
      REQUIRE_FALSE(seen[domain->id]);
      seen[domain->id] = true;
      child = domain;
    }
    if (child != nullptr) REQUIRE(*child->span == active);
  }
}

}  // namespace

TEST_CASE("one CPU has no domain", "[domains]") {
  const Topology topology(TopologySpec{});
  const SchedDomains domains(topology, topology.possible());
  REQUIRE(domains.lowest(0) == nullptr);
  REQUIRE(domains.llc(0) == nullptr);
  REQUIRE(domains.llc_size(0) == 1);
  REQUIRE(domains.llc_id(0) == 0);
  REQUIRE(domains.nr_domains() == 0);
}

TEST_CASE("four CPUs under one cache have one MC domain", "[domains]") {
  const Topology topology(machine(4, 1, 1, 1));
  const SchedDomains domains(topology, topology.possible());
  check_invariants(domains, topology.possible());
  const Domain* mc = domains.lowest(2);
  REQUIRE(shape(domains, 2) == "MC 0-3");
  REQUIRE(groups(mc) == "{2}{3}{0}{1}");
  REQUIRE(mc->flags == (kUsual | kSdShareLlc | kSdPreferSibling));
  REQUIRE(mc->groups[0].flags == 0);
  REQUIRE(mc->imbalance_pct == 117);
  REQUIRE(mc->cache_nice_tries == 1);
  REQUIRE(mc->busy_factor == 16);
  REQUIRE(mc->min_interval == 4);
  REQUIRE(mc->max_interval == 8);
  REQUIRE(domains.llc(2) == mc);
  REQUIRE(domains.llc_size(2) == 4);
  REQUIRE(domains.llc_id(2) == 0);
  REQUIRE(domains.numa(2) == nullptr);
}

TEST_CASE("SMT cores in two nodes have SMT, MC and NUMA domains", "[domains]") {
  const Topology topology(machine(8, 2, 2, 1));
  const SchedDomains domains(topology, topology.possible());
  check_invariants(domains, topology.possible());
  REQUIRE(shape(domains, 5) == "SMT 4-5, MC 4-7, NUMA 0-7");
  const Domain* smt = domains.lowest(5);
  const Domain* mc = smt->parent;
  const Domain* numa = mc->parent;
  REQUIRE(groups(smt) == "{5}{4}");
  REQUIRE(groups(mc) == "{4-5}{6-7}");
  REQUIRE(groups(numa) == "{4-7}{0-3}");
  REQUIRE(smt->flags == (kUsual | kSdShareCpucapacity | kSdShareLlc | kSdPreferSibling));
  REQUIRE(smt->imbalance_pct == 110);
  REQUIRE(smt->cache_nice_tries == 0);
  REQUIRE(mc->flags == (kUsual | kSdShareLlc | kSdPreferSibling));
  REQUIRE(mc->groups[1].flags == smt->flags);
  REQUIRE(mc->groups[1].cores == 1);
  REQUIRE(numa->flags == kNumaFlags);
  REQUIRE(numa->cache_nice_tries == 2);
  REQUIRE(numa->imb_numa_nr == 1);
  REQUIRE(numa->groups[1].cores == 2);
  REQUIRE(numa->groups[1].weight == 4);
  REQUIRE(*numa->groups[1].balance_mask == *numa->groups[1].span);
  REQUIRE(domains.llc(5) == mc);
  REQUIRE(domains.llc_id(5) == 4);
  REQUIRE(domains.numa(5) == numa);
  REQUIRE(domains.share_cache(4, 7));
  REQUIRE_FALSE(domains.share_cache(3, 4));
  REQUIRE(domains.table(0) ==
          "SMT 0-1: groups {0} {1}, flags BALANCE_NEWIDLE BALANCE_EXEC BALANCE_FORK WAKE_AFFINE "
          "SHARE_CPUCAPACITY SHARE_LLC PREFER_SIBLING\n"
          "MC 0-3: groups {0-1} {2-3}, flags BALANCE_NEWIDLE BALANCE_EXEC BALANCE_FORK WAKE_AFFINE "
          "SHARE_LLC PREFER_SIBLING\n"
          "NUMA 0-7: groups {0-3} {4-7}, flags BALANCE_NEWIDLE BALANCE_EXEC BALANCE_FORK "
          "WAKE_AFFINE SERIALIZE OVERLAP NUMA\n");
}

TEST_CASE("several caches in a node keep the PKG domain", "[domains]") {
  const Topology topology(machine(16, 1, 1, 4));
  const SchedDomains domains(topology, topology.possible());
  check_invariants(domains, topology.possible());
  REQUIRE(shape(domains, 9) == "MC 8-11, PKG 0-15");
  const Domain* pkg = domains.lowest(9)->parent;
  REQUIRE(pkg->flags == (kUsual | kSdPreferSibling));
  REQUIRE(pkg->imb_numa_nr == 4);
  REQUIRE(groups(pkg) == "{8-11}{12-15}{0-3}{4-7}");
  REQUIRE(pkg->groups[1].flags == domains.llc(9)->flags);
}

TEST_CASE("a node of one CPU starts at NUMA", "[domains]") {
  const Topology topology(machine(2, 1, 2, 1));
  const SchedDomains domains(topology, topology.possible());
  REQUIRE(shape(domains, 1) == "NUMA 0-1");
  REQUIRE(domains.lowest(1)->groups[0].flags == 0);
  REQUIRE(domains.llc(1) == nullptr);
  REQUIRE(domains.llc_id(1) == 1);
}

// As in the kernel, dropping levels corrects the flags of a CPU's own group only.
TEST_CASE("where nodes are single cores the far group keeps the flags of its node", "[domains]") {
  const Topology topology(machine(4, 2, 2, 1));
  const SchedDomains domains(topology, topology.possible());
  REQUIRE(shape(domains, 0) == "SMT 0-1, NUMA 0-3");
  const GroupList& sides = domains.numa(0)->groups;
  REQUIRE(sides[0].flags == domains.lowest(0)->flags);
  REQUIRE(sides[1].flags == (kUsual | kSdPreferSibling));
  REQUIRE(domains.numa(2)->groups[0].flags == domains.lowest(2)->flags);
}

TEST_CASE("1,024 CPUs in eight nodes have a level for each distance", "[domains]") {
  const Topology topology = large();
  const SchedDomains domains(topology, topology.possible());
  check_invariants(domains, topology.possible());
  REQUIRE(shape(domains, 700) ==
          "SMT 700-701, MC 688-703, PKG 640-767, NUMA 512-1023, NUMA 0-1023");
  const Domain* near = domains.numa(700);
  const Domain* far = near->parent;
  REQUIRE(groups(near) == "{640-767}{768-895}{896-1023}{512-639}");
  REQUIRE(groups(far) == "{512-1023}{0-511}");
  REQUIRE(near->flags == kNumaFlags);
  REQUIRE(far->flags == (kNumaFlags & ~(kSdBalanceExec | kSdBalanceFork | kSdWakeAffine)));
  REQUIRE(near->child->imb_numa_nr == 8);
  REQUIRE(near->imb_numa_nr == 8);
  REQUIRE(far->imb_numa_nr == 16);
  REQUIRE(far->groups[0].cores == 256);
  REQUIRE(domains.nr_domains() == 5 * 1024);
  REQUIRE(domains.memory_bytes() < 2 * 1024 * 1024);

  const SchedDomains patient(topology, topology.possible(), 32);
  REQUIRE(patient.numa(700)->parent->flags == kNumaFlags);
}

TEST_CASE("in a line of nodes groups overlap and stay within their domain", "[domains]") {
  TopologySpec spec = machine(8, 1, 4, 1);
  spec.distance = {{10, 20, 30, 40}, {20, 10, 20, 30}, {30, 20, 10, 20}, {40, 30, 20, 10}};
  const Topology topology(spec);
  const SchedDomains domains(topology, topology.possible(), 40);
  check_invariants(domains, topology.possible());
  REQUIRE(shape(domains, 0) == "MC 0-1, NUMA 0-3, NUMA 0-5, NUMA 0-7");
  const Domain* hop = domains.numa(0);
  REQUIRE(groups(hop) == "{0-1}{2-3}");
  REQUIRE(groups(hop->parent) == "{0-3}{4-5}");  // node 2's neighbours reach out of the domain
  REQUIRE(groups(hop->parent->parent) == "{0-5}{2-7}");
  REQUIRE(shape(domains, 2) == "MC 2-3, NUMA 0-5, NUMA 0-7");
  REQUIRE(groups(domains.numa(2)) == "{2-3}{4-5}{0-1}");
  REQUIRE(groups(domains.numa(2)->parent) == "{0-5}{4-7}");
  REQUIRE(hop->parent->parent->groups[0].balance_mask->to_list() == "0-1");
}

TEST_CASE("siblings may be numbered apart", "[domains]") {
  TopologySpec spec;
  spec.nr_cpus = 8;
  spec.core_of = {0, 1, 2, 3, 0, 1, 2, 3};
  const Topology topology(spec);
  const SchedDomains domains(topology, topology.possible());
  check_invariants(domains, topology.possible());
  REQUIRE(shape(domains, 6) == "SMT 2,6, MC 0-7");
  REQUIRE(groups(domains.llc(6)) == "{2,6}{3,7}{0,4}{1,5}");
  REQUIRE(groups(domains.lowest(6)) == "{6}{2}");
}

TEST_CASE("domains follow the set of active CPUs", "[domains]") {
  const Topology topology(machine(8, 2, 2, 1));
  const auto active = [&](const char* list) { return CpuMask::parse(8, list); };
  const SchedDomains seven(topology, active("0-4,6-7"));
  check_invariants(seven, active("0-4,6-7"));
  REQUIRE(shape(seven, 4) == "MC 4,6-7, NUMA 0-4,6-7");
  REQUIRE(groups(seven.lowest(4)) == "{4}{6-7}");
  REQUIRE(seven.lowest(4)->groups[0].flags == 0);
  REQUIRE(seven.lowest(6)->child == nullptr);
  REQUIRE(shape(seven, 6) == "SMT 6-7, MC 4,6-7, NUMA 0-4,6-7");
  REQUIRE(seven.lowest(5) == nullptr);
  const SchedDomains node(topology, active("4-7"));  // no second node: no NUMA level
  REQUIRE(shape(node, 4) == "SMT 4-5, MC 4-7");
  const SchedDomains boot(topology, active("0"));
  REQUIRE(boot.lowest(0) == nullptr);
}

TEST_CASE("any shape of machine keeps the invariants", "[domains][property]") {
  const int smt = GENERATE(1, 2, 4);
  const int nodes = GENERATE(1, 2, 4);
  const int llcs = GENERATE(1, 2);
  const int cores = GENERATE(1, 3, 16);
  CAPTURE(smt, nodes, llcs, cores);
  const Topology topology(machine(smt * nodes * llcs * cores, smt, nodes, llcs));
  CpuMask active = topology.possible();
  check_invariants(SchedDomains(topology, active), active);
  while (active.count() > 1) {
    for (int i = 0; i <= active.count() / 8; ++i)
      active.clear(active.next_wrap(active.count() * 7 % active.nr_cpus()));
    check_invariants(SchedDomains(topology, active), active);
  }
}
