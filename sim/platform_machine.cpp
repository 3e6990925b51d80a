#include "sim/platform_machine.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <map>
#include <simgrid/s4u.hpp>
#include <utility>

#include "sim/error.hpp"

namespace sim {

namespace s4u = simgrid::s4u;

namespace {

std::string wattage_per_state(const PlatformSpec::Cpu& cpu) {
  std::string text;
  for (const auto& pstate : cpu.pstates) {
    if (!text.empty()) text += ',';
    text += fmt::format("{}:{}", pstate.watts_idle, pstate.watts_busy);
  }
  return text;
}

void build_cpu(s4u::NetZone& zone, const PlatformSpec::Cpu& cpu, std::size_t index, bool energy) {
  std::vector<double> speeds;
  for (const auto& pstate : cpu.pstates) speeds.push_back(pstate.hertz);
  s4u::Host* host = zone.create_host(cpu.name, speeds);
  host->set_property("cpu", std::to_string(index));
  host->set_property("node", std::to_string(cpu.node));
  if (energy) {
    host->set_property("wattage_per_state", wattage_per_state(cpu));
    host->set_property("wattage_off", fmt::format("{}", cpu.watts_off));
  }
  host->seal();
}

// A star: CPUs and the memory around the port. Streams run from the memory to a port, of this node
// or of another; the memory's link is the only one on the way inside a node.
s4u::Host* build_node(s4u::NetZone& zone, const PlatformSpec& spec, std::uint32_t index) {
  const PlatformSpec::Node& node = spec.nodes[index];
  s4u::Host* memory = zone.create_host(node.name + ".memory", 1.0);
  memory->set_property("memory", std::to_string(index));
  s4u::Host* port = zone.create_host(node.name + ".port", 1.0);
  port->set_property("port", std::to_string(index));
  for (const auto& disk : spec.disks) {
    if (disk.node == index)
      port->create_disk(disk.name, disk.read_bandwidth, disk.write_bandwidth)->seal();
  }
  for (std::size_t i = 0; i < spec.cpus.size(); ++i) {
    if (spec.cpus[i].node == index) build_cpu(zone, spec.cpus[i], i, spec.energy);
  }
  s4u::Link* controller =
      zone.create_link(node.name + ".controller", node.memory_bandwidth)->seal();
  zone.add_route(memory->get_netpoint(), nullptr, nullptr, nullptr, {s4u::LinkInRoute(controller)});
  zone.add_route(port->get_netpoint(), nullptr, nullptr, nullptr, {});
  memory->seal();
  port->seal();
  zone.seal();
  return port;
}

}  // namespace

s4u::Engine& make_simgrid_engine() {
  static bool made = false;
  KT_ASSERT(!made, "SimGrid runs one platform in each process: use one process for each run");
  made = true;
  struct sigaction interrupt {};
  sigaction(SIGINT, nullptr, &interrupt);
  // CM02 without cross traffic: latency and bandwidth as given, shares max-min fair. Precision: the
  // default of 1e-9 s would merge events of one nanosecond. No clean-up at exit: it frees models
  // that signals destroyed later still refer to.
  static std::array<std::string, 6> arguments{"ktsim",
                                              "--log=root.thresh:error",
                                              "--cfg=surf/precision:1e-12",
                                              "--cfg=network/model:CM02",
                                              "--cfg=network/crosstraffic:0",
                                              "--cfg=debug/clean-atexit:0"};
  std::array<char*, arguments.size() + 1> argv{};
  std::transform(arguments.begin(), arguments.end(), argv.begin(),
                 [](std::string& text) { return text.data(); });
  int argc = arguments.size();
  static s4u::Engine* const engine = new s4u::Engine(&argc, argv.data());
  sigaction(SIGINT, &interrupt, nullptr);
  return *engine;
}

void build_simgrid_machine(const PlatformSpec& spec) {
  s4u::NetZone* root = s4u::create_floyd_zone("machine");
  std::vector<s4u::NetZone*> zones;
  std::vector<s4u::Host*> ports;
  for (std::uint32_t i = 0; i < spec.nodes.size(); ++i) {
    zones.push_back(s4u::create_star_zone(spec.nodes[i].name));
    zones.back()->set_parent(root);
    ports.push_back(build_node(*zones.back(), spec, i));
  }
  for (const auto& edge : spec.interconnects) {
    for (const auto& [from, to] : {std::pair{edge.from, edge.to}, std::pair{edge.to, edge.from}}) {
      s4u::Link* link =
          root->create_link(fmt::format("interconnect {}-{}", from, to), edge.bandwidth);
      link->set_latency(static_cast<double>(edge.latency) / 1e9)->seal();
      root->add_route(zones[from]->get_netpoint(), zones[to]->get_netpoint(),
                      ports[from]->get_netpoint(), ports[to]->get_netpoint(),
                      {s4u::LinkInRoute(link)}, false);
    }
  }
  root->seal();
}

std::vector<s4u::Host*> numbered_hosts(const s4u::Engine& engine, const std::string& key) {
  std::map<unsigned long, s4u::Host*> found;
  for (s4u::Host* host : engine.get_all_hosts()) {
    const char* value = host->get_property(key);
    if (value == nullptr) continue;
    const std::string text = value;
    const bool number = !text.empty() && text.size() < 7 &&
                        text.find_first_not_of("0123456789") == std::string::npos;
    if (!number || !found.emplace(std::stoul(text), host).second) {
      throw UserError(
          fmt::format("platform: host {}: property {}=\"{}\" is no number or is used twice",
                      host->get_name(), key, text));
    }
  }
  std::vector<s4u::Host*> hosts;
  for (const auto& [number, host] : found) {
    if (number != hosts.size()) {
      throw UserError(
          fmt::format("platform: no host has the property {}=\"{}\"", key, hosts.size()));
    }
    hosts.push_back(host);
  }
  return hosts;
}

}  // namespace sim
