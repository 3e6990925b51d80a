#include "sim/platform_spec.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "sim/error.hpp"

namespace sim {

namespace {

void require(bool condition, const std::string& message) {
  if (!condition) throw UserError("platform: " + message);
}

void require_positive(double value, std::string_view what, std::string_view name) {
  require(std::isfinite(value) && value > 0,
          fmt::format("{} of {} is {}, expected a value above 0", what, name, value));
}

void require_watts(double value, std::string_view name) {
  require(std::isfinite(value) && value >= 0,
          fmt::format("wattage of {} is {}, expected 0 or more", name, value));
}

void require_node(std::uint32_t node, const PlatformSpec& spec, std::string_view name) {
  require(node < spec.nodes.size(),
          fmt::format("{} is on node {}, but there are {} nodes", name, node, spec.nodes.size()));
}

void validate_names(const PlatformSpec& spec) {
  std::set<std::string_view> names;
  const auto add = [&names](const std::string& name) {
    require(!name.empty(), "a name is empty");
    require(names.insert(name).second, fmt::format("the name {} is used twice", name));
  };
  for (const auto& node : spec.nodes) add(node.name);
  for (const auto& cpu : spec.cpus) add(cpu.name);
  for (const auto& disk : spec.disks) add(disk.name);
}

void validate_cpu(const PlatformSpec::Cpu& cpu, const PlatformSpec& spec) {
  require_node(cpu.node, spec, cpu.name);
  require(!cpu.pstates.empty(), fmt::format("{} has no frequency", cpu.name));
  require_watts(cpu.watts_off, cpu.name);
  for (const auto& pstate : cpu.pstates) {
    require_positive(pstate.hertz, "frequency", cpu.name);
    require_watts(pstate.watts_idle, cpu.name);
    require_watts(pstate.watts_busy, cpu.name);
  }
}

void validate_connected(const PlatformSpec& spec) {
  std::vector<std::uint32_t> reached{0};
  std::vector<bool> seen(spec.nodes.size(), false);
  seen[0] = true;
  for (std::size_t i = 0; i < reached.size(); ++i) {
    for (const auto& link : spec.interconnects) {
      if (link.from != reached[i] && link.to != reached[i]) continue;
      const std::uint32_t other = link.from == reached[i] ? link.to : link.from;
      if (!seen[other]) reached.push_back(other);
      seen[other] = true;
    }
  }
  for (std::size_t node = 0; node < seen.size(); ++node) {
    require(seen[node], fmt::format("no interconnect leads from {} to {}", spec.nodes[0].name,
                                    spec.nodes[node].name));
  }
}

}  // namespace

void PlatformSpec::validate() const {
  require(!nodes.empty(), "there is no node");
  validate_names(*this);
  for (const auto& node : nodes) {
    require_positive(node.memory_bandwidth, "memory bandwidth", node.name);
  }
  for (const auto& cpu : cpus) validate_cpu(cpu, *this);
  std::set<std::pair<std::uint32_t, std::uint32_t>> pairs;
  for (const auto& link : interconnects) {
    const std::string name = fmt::format("the interconnect {}-{}", link.from, link.to);
    require_node(link.from, *this, name);
    require_node(link.to, *this, name);
    require(link.from != link.to, name + " leads from a node to itself");
    require(pairs.insert(std::minmax(link.from, link.to)).second, name + " is given twice");
    require_positive(link.bandwidth, "bandwidth", name);
    require(link.latency >= 0, fmt::format("latency of {} is {} ns", name, link.latency));
  }
  for (const auto& disk : disks) {
    require_node(disk.node, *this, disk.name);
    require_positive(disk.read_bandwidth, "read bandwidth", disk.name);
    require_positive(disk.write_bandwidth, "write bandwidth", disk.name);
  }
  validate_connected(*this);
}

}  // namespace sim
