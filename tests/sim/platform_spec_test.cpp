#include "sim/platform_spec.hpp"

#include <catch2/catch.hpp>

#include "sim/error.hpp"

namespace {

sim::PlatformSpec good() {
  sim::PlatformSpec spec;
  spec.nodes = {{"node0", 1e9}, {"node1", 1e9}, {"node2", 1e9}};
  spec.cpus = {{"cpu0", 0, {{1e9, 1, 2}}, 0}, {"cpu1", 1, {{1e9, 1, 2}}, 0}};
  spec.interconnects = {{0, 1, 1e9, 100}, {2, 1, 1e9, 100}};
  spec.disks = {{"sda", 0, 1e8, 1e8}};
  return spec;
}

}  // namespace

TEST_CASE("a sound machine validates", "[platform_spec]") {
  REQUIRE_NOTHROW(good().validate());
}

TEST_CASE("what cannot be built is refused with its name", "[platform_spec]") {
  sim::PlatformSpec spec = good();
  const auto refused = [&spec](const char* because) {
    REQUIRE_THROWS_WITH(spec.validate(), Catch::Contains(because));
    REQUIRE_THROWS_AS(spec.validate(), sim::UserError);
  };
  SECTION("no node") {
    spec = {};
    refused("no node");
  }
  SECTION("no bandwidth") {
    spec.nodes[1].memory_bandwidth = 0;
    refused("memory bandwidth of node1");
  }
  SECTION("a name twice") {
    spec.disks[0].name = "cpu1";
    refused("cpu1 is used twice");
  }
  SECTION("a CPU on no node") {
    spec.cpus[0].node = 3;
    refused("cpu0 is on node 3");
  }
  SECTION("a CPU without a frequency") {
    spec.cpus[0].pstates.clear();
    refused("cpu0 has no frequency");
  }
  SECTION("a negative wattage") {
    spec.cpus[1].pstates[0].watts_busy = -1;
    refused("wattage of cpu1");
  }
  SECTION("a link to itself") {
    spec.interconnects[0].to = 0;
    refused("leads from a node to itself");
  }
  SECTION("a link twice") {
    spec.interconnects.push_back({1, 0, 1e9, 0});
    refused("is given twice");
  }
  SECTION("a node apart") {
    spec.interconnects.pop_back();
    refused("from node0 to node2");
  }
}
