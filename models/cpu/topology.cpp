#include "models/cpu/topology.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sim/error.hpp"

namespace kt::cpu {

namespace {

constexpr int kMaxSmt = 8;
constexpr int kUnreachable = 255;  // ACPI SLIT

template <class... Arguments>
[[noreturn]] void fail(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  throw sim::UserError("machine: " + fmt::format(format, std::forward<Arguments>(arguments)...));
}

/// parse() with the name of the field in the message.
CpuMask parse_field(int nr_cpus, const std::string& cpulist, const std::string& field) {
  try {
    return CpuMask::parse(nr_cpus, cpulist);
  } catch (const sim::UserError& error) {
    fail("{}: {}", field, error.what());
  }
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t kMib = 1U << 20;
  constexpr std::uint64_t kGib = 1U << 30;
  if (bytes % kGib == 0) return fmt::format("{} GiB", bytes / kGib);
  if (bytes % kMib == 0) return fmt::format("{} MiB", bytes / kMib);
  return fmt::format("{} bytes", bytes);
}

}  // namespace

Topology::Topology(const TopologySpec& spec) {
  if (spec.nr_cpus < 1 || spec.nr_cpus > kMaxCpus)
    fail("cpus: {} CPUs, expected 1 to {}", spec.nr_cpus, kMaxCpus);
  cpus_.resize(static_cast<std::size_t>(spec.nr_cpus));
  possible_ = CpuMask::all(spec.nr_cpus);
  place_cores(spec);
  place_nodes(spec);
  place_llcs(spec);
  place_distances(spec);
  check_nesting();
}

void Topology::place_cores(const TopologySpec& spec) {
  if (spec.smt < 1 || spec.smt > kMaxSmt)
    fail("smt: {} threads a core, expected 1 to {}", spec.smt, kMaxSmt);
  if (!spec.core_of.empty() && spec.core_of.size() != cpus_.size())
    fail("core_of: {} entries, expected one for each of {} CPUs", spec.core_of.size(), nr_cpus());
  if (spec.core_of.empty() && spec.nr_cpus % spec.smt != 0)
    fail("smt: {} CPUs are not a multiple of {} threads a core", spec.nr_cpus, spec.smt);
  std::map<int, int> ids;  // as given → in order of the lowest CPU
  for (int cpu = 0; cpu < nr_cpus(); ++cpu) {
    const auto i = static_cast<std::size_t>(cpu);
    const int given = spec.core_of.empty() ? cpu / spec.smt : spec.core_of[i];
    const int id = ids.try_emplace(given, nr_cores()).first->second;
    if (id == nr_cores()) cores_.emplace_back(nr_cpus());
    cores_[static_cast<std::size_t>(id)].set(cpu);
    cpus_[i].core = id;
  }
}

void Topology::place_nodes(const TopologySpec& spec) {
  if (spec.nodes.empty()) {
    nodes_.push_back({.cpus = possible_, .memory_bytes = 0});
    for (Cpu& cpu : cpus_) cpu.node = 0;
    return;
  }
  if (spec.nodes.size() > kMaxNodes)
    fail("nodes: {} nodes, expected 1 to {}", spec.nodes.size(), kMaxNodes);
  for (const NodeSpec& node : spec.nodes) {
    const int id = nr_nodes();
    nodes_.push_back({.cpus = parse_field(nr_cpus(), node.cpus, fmt::format("nodes/{}/cpus", id)),
                      .memory_bytes = node.memory_bytes});
    for (const int cpu : nodes_.back().cpus) {
      int& place = cpus_[static_cast<std::size_t>(cpu)].node;
      if (place >= 0) fail("nodes/{}/cpus: CPU {} is already in node {}", id, cpu, place);
      place = id;
    }
  }
  for (int cpu = 0; cpu < nr_cpus(); ++cpu)
    if (node_of(cpu) < 0) fail("nodes: CPU {} is in no node, expected every CPU in one", cpu);
}

void Topology::place_llcs(const TopologySpec& spec) {
  std::vector<CpuMask> caches;
  for (const std::string& cpus : spec.llc)
    caches.push_back(parse_field(nr_cpus(), cpus, fmt::format("llc/{}", caches.size())));
  if (spec.llc.empty())
    for (const Node& node : nodes_) caches.push_back(node.cpus);
  std::erase_if(caches, [](const CpuMask& mask) { return mask.empty(); });
  std::sort(caches.begin(), caches.end(),
            [](const CpuMask& a, const CpuMask& b) { return a.first() < b.first(); });
  for (CpuMask& mask : caches) {
    for (const int cpu : mask) {
      int& place = cpus_[static_cast<std::size_t>(cpu)].llc;
      if (place >= 0) fail("llc: CPU {} is in two caches, expected one", cpu);
      place = nr_llcs();
    }
    llcs_.push_back(std::move(mask));
  }
  for (int cpu = 0; cpu < nr_cpus(); ++cpu)
    if (llc_of(cpu) < 0) fail("llc: CPU {} is in no cache, expected every CPU in one", cpu);
}

// What drivers/acpi/numa/srat.c: slit_valid accepts.
void Topology::place_distances(const TopologySpec& spec) {
  const std::size_t count = nodes_.size();
  const bool given = !spec.distance.empty();
  if (given && spec.distance.size() != count)
    fail("distance: {} rows, expected one for each of {} nodes", spec.distance.size(), count);
  for (std::size_t from = 0; from < count; ++from) {
    if (given && spec.distance[from].size() != count)
      fail("distance/{}: {} columns, expected one for each of {} nodes", from,
           spec.distance[from].size(), count);
    for (std::size_t to = 0; to < count; ++to) {
      const int normal = from == to ? kLocalDistance : kRemoteDistance;
      const int value = given ? spec.distance[from][to] : normal;
      if (from == to && value != kLocalDistance)
        fail("distance/{}/{}: {}, expected {} (a node to itself)", from, to, value, kLocalDistance);
      if (from != to && (value <= kLocalDistance || value >= kUnreachable))
        fail("distance/{}/{}: {}, expected {} to {}", from, to, value, kLocalDistance + 1,
             kUnreachable - 1);
      distance_.push_back(value);
    }
  }
}

// The kernel cuts cores and caches at node boundaries (arch/x86/kernel/smpboot.c: topology_sane);
// here they are refused.
void Topology::check_nesting() const {
  for (const CpuMask& mask : cores_) {
    const int cpu = mask.first();
    if (!mask.subset_of(llc_mask(cpu)))
      fail("llc: CPUs {} are one core but not in one cache", mask.to_list());
  }
  for (const CpuMask& mask : llcs_) {
    const int cpu = mask.first();
    if (!mask.subset_of(node(node_of(cpu))))
      fail("llc: CPUs {} share a cache but are not in one node", mask.to_list());
  }
}

std::vector<int> Topology::distances() const {
  std::vector<int> found;
  for (int from = 0; from < nr_nodes(); ++from)
    for (int to = 0; to < nr_nodes(); ++to)
      if (!node(from).empty() && !node(to).empty()) found.push_back(distance(from, to));
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

std::string Topology::table() const {
  std::string text = fmt::format("CPUs {}, cores {}, last-level caches {}, NUMA nodes {}\n",
                                 nr_cpus(), nr_cores(), nr_llcs(), nr_nodes());
  for (int id = 0; id < nr_nodes(); ++id) {
    text +=
        fmt::format("node {}: CPUs {}, memory {}, distance", id,
                    node(id).empty() ? "none" : node(id).to_list(), size_text(memory_bytes(id)));
    for (int to = 0; to < nr_nodes(); ++to) text += fmt::format(" {}", distance(id, to));
    text += '\n';
  }
  for (int id = 0; id < nr_llcs(); ++id)
    text += fmt::format("cache {}: CPUs {}, node {}\n", id, llc(id).to_list(),
                        node_of(llc(id).first()));
  if (!has_smt()) return text;
  text += "cores:";
  for (const CpuMask& mask : cores_) text += fmt::format(" {{{}}}", mask.to_list());
  return text + '\n';
}

}  // namespace kt::cpu
