#include "models/cpu/topology.hpp"

#include <catch2/catch.hpp>

#include "sim/error.hpp"

using kt::cpu::Topology;
using kt::cpu::TopologySpec;

namespace {

constexpr std::uint64_t kGib = std::uint64_t{1} << 30;

/// Two nodes of two SMT-2 cores with a cache each.
TopologySpec two_nodes() {
  TopologySpec spec;
  spec.nr_cpus = 8;
  spec.smt = 2;
  spec.llc = {"4-7", "0-3"};
  spec.nodes = {{"0-3", 16 * kGib}, {"4-7", 1 << 20}};
  spec.distance = {{10, 21}, {21, 10}};
  return spec;
}

void refused(const TopologySpec& spec, const char* message) {
  REQUIRE_THROWS_AS(Topology(spec), sim::UserError);
  REQUIRE_THROWS_WITH(Topology(spec), Catch::Contains(message));
}

}  // namespace

TEST_CASE("by default a machine is one node with one cache and no SMT", "[topology]") {
  TopologySpec spec;
  spec.nr_cpus = 4;
  const Topology topology(spec);
  REQUIRE(topology.nr_cpus() == 4);
  REQUIRE(topology.nr_cores() == 4);
  REQUIRE(topology.nr_llcs() == 1);
  REQUIRE(topology.nr_nodes() == 1);
  REQUIRE_FALSE(topology.has_smt());
  REQUIRE(topology.siblings(2).to_list() == "2");
  REQUIRE(topology.llc_mask(3) == topology.possible());
  REQUIRE(topology.distances() == std::vector<int>{10});
}

TEST_CASE("cores, caches and nodes are found by CPU", "[topology]") {
  const Topology topology(two_nodes());
  REQUIRE(topology.has_smt());
  REQUIRE(topology.core_of(5) == 2);
  REQUIRE(topology.siblings(5).to_list() == "4-5");
  REQUIRE(topology.llc_of(6) == 1);
  REQUIRE(topology.llc_mask(0).to_list() == "0-3");
  REQUIRE(topology.node_of(6) == 1);
  REQUIRE(topology.node(0).to_list() == "0-3");
  REQUIRE(topology.memory_bytes(0) == 16 * kGib);
  REQUIRE(topology.distance(0, 1) == 21);
  REQUIRE(topology.distances() == std::vector<int>{10, 21});
}

TEST_CASE("the resolved table says it all", "[topology]") {
  REQUIRE(Topology(two_nodes()).table() ==
          "CPUs 8, cores 4, last-level caches 2, NUMA nodes 2\n"
          "node 0: CPUs 0-3, memory 16 GiB, distance 10 21\n"
          "node 1: CPUs 4-7, memory 1 MiB, distance 21 10\n"
          "cache 0: CPUs 0-3, node 0\n"
          "cache 1: CPUs 4-7, node 1\n"
          "cores: {0-1} {2-3} {4-5} {6-7}\n");
}

TEST_CASE("cores may be numbered as firmware does", "[topology]") {
  TopologySpec spec;
  spec.nr_cpus = 4;
  spec.core_of = {7, 9, 7, 9};
  const Topology topology(spec);
  REQUIRE(topology.nr_cores() == 2);
  REQUIRE(topology.siblings(3).to_list() == "1,3");
  REQUIRE(topology.core_of(2) == 0);
}

TEST_CASE("a node may have memory only", "[topology]") {
  TopologySpec spec;
  spec.nr_cpus = 2;
  spec.nodes = {{"0-1", kGib}, {"", 4 * kGib}};
  const Topology topology(spec);
  REQUIRE(topology.nr_nodes() == 2);
  REQUIRE(topology.nr_llcs() == 1);
  REQUIRE(topology.distance(0, 1) == 20);
  REQUIRE(topology.distances() == std::vector<int>{10});
  REQUIRE(topology.table().find("node 1: CPUs none, memory 4 GiB") != std::string::npos);
}

TEST_CASE("what cannot be is refused with the place and what was expected", "[topology]") {
  TopologySpec spec = two_nodes();
  spec.nr_cpus = 0;
  refused(spec, "cpus: 0 CPUs, expected 1 to 8192");
  spec = two_nodes();
  spec.smt = 3;
  refused(spec, "smt: 8 CPUs are not a multiple of 3");
  spec.smt = 9;
  refused(spec, "smt: 9 threads a core, expected 1 to 8");
  spec = two_nodes();
  spec.core_of = {0, 1};
  refused(spec, "core_of: 2 entries");
  spec = two_nodes();
  spec.nodes[1].cpus = "3-7";
  refused(spec, "nodes/1/cpus: CPU 3 is already in node 0");
  spec.nodes[1].cpus = "5-7";
  refused(spec, "nodes: CPU 4 is in no node");
  spec.nodes[1].cpus = "4-8";
  refused(spec, "nodes/1/cpus: bad CPU list \"4-8\": CPU 8 does not exist");
  spec = two_nodes();
  spec.llc = {"0-7"};
  refused(spec, "llc: CPUs 0-7 share a cache but are not in one node");
  spec.llc = {"0-3", "4,6", "5,7"};
  refused(spec, "llc: CPUs 4-5 are one core but not in one cache");
  spec.llc = {"0-3", "4-5"};
  refused(spec, "llc: CPU 6 is in no cache");
  spec.llc = {"0-3", "3-7"};
  refused(spec, "llc: CPU 3 is in two caches");
  spec = two_nodes();
  spec.distance = {{10, 21}};
  refused(spec, "distance: 1 rows");
  spec.distance = {{10, 21}, {21}};
  refused(spec, "distance/1: 1 columns");
  spec.distance = {{10, 10}, {21, 10}};
  refused(spec, "distance/0/1: 10, expected 11 to 254");
  spec.distance = {{10, 21}, {21, 11}};
  refused(spec, "distance/1/1: 11, expected 10");
}
