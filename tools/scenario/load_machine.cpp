// machine: the scenario's keys before those of the preset it names.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "tools/scenario/keys.hpp"
#include "tools/scenario/load_context.hpp"
#include "tools/scenario/nearest.hpp"

namespace kt::scenario {
namespace {

constexpr std::int32_t kMostCpus = 8192;         // arch/x86/Kconfig: NR_CPUS with MAXSMP
constexpr std::int32_t kLocalDistance = 10;      // include/linux/topology.h: LOCAL_DISTANCE
constexpr std::int32_t kRemoteDistance = 20;     // include/linux/topology.h: REMOTE_DISTANCE
constexpr std::int32_t kFarthestDistance = 254;  // ACPI SLIT: 255 is unreachable

class MachineLoader {
 public:
  MachineLoader(LoadContext& context, Machine& machine) : context_(context), machine_(machine) {}

  void load(const Value& object) {
    require_keys(object, keys_of("machine"), "the machine, an object");
    machine_.origin = context_.origin(object);
    layers_.push_back(object);
    if (const auto preset = object.find("preset")) add_preset(*preset);
    cpus();
    smt_speed();
    nodes();
    distance();
    caches();
    frequency();
    disks();
    check_dirty();
    costs();
    power();
    idle();
    platform();
  }

  /// What a machine without the key has.
  void defaults() {
    nodes();
    distance();
    caches();
  }

 private:
  std::optional<Value> find(std::string_view key) const {
    for (const Value& layer : layers_)
      if (const auto member = layer.find(key)) return member;
    return std::nullopt;
  }

  /// As find(), for what a preset says of its own CPUs: not for a scenario that brings others.
  std::optional<Value> find_shape(std::string_view key) const {
    if (!layers_.empty() && layers_[0].find("cpus")) return layers_[0].find(key);
    return find(key);
  }

  /// The machine preset that `value` names.
  Value open_preset(const Value& value, const std::string& name) {
    std::optional<PresetFile> file;
    if (context_.options.find_preset) file = context_.options.find_preset(name);
    if (!file)
      value.fail({fmt::format("unknown machine preset \"{}\"", name),
                  "the name of a file in scenarios/machines",
                  nearest(name, context_.options.vocabulary.machine_presets)});
    preset_folder_ = std::filesystem::path(file->path).parent_path().string();
    context_.documents.push_back(std::make_unique<Document>(file->path, file->text));
    const Value preset = context_.documents.back()->root();
    require_keys(preset, keys_of("machine"), "a machine, an object");
    if (const auto again = preset.find("preset"))
      again->fail_at_key({"a preset cannot name another", "the other keys of machine"});
    return preset;
  }

  void add_preset(const Value& value) {
    machine_.preset = read_text(value, "the name of a machine preset");
    layers_.push_back(open_preset(value, machine_.preset));
  }

  void cpus() {
    if (const auto value = find("cpus")) machine_.cpus = read_int(*value, 1, kMostCpus);
    const auto smt = find_shape("smt");
    if (!smt) return;
    machine_.smt = read_int(*smt, 1, 8);
    if (machine_.cpus % machine_.smt != 0)
      smt->fail({fmt::format("{} CPUs do not make cores of {}", machine_.cpus, machine_.smt),
                 "a divisor of \"cpus\""});
  }

  void smt_speed() {
    const auto value = find("smt_speed");
    if (!value) return;
    machine_.smt_speed = read_number(*value, 0);
    if (machine_.smt_speed == 0 || machine_.smt_speed > 1)
      value->fail({"a thread gets something done, and not more than alone",
                   "a number above 0, at most 1"});
  }

  CpuList all() const {
    CpuList list(static_cast<std::size_t>(machine_.cpus));
    for (std::size_t i = 0; i < list.size(); ++i) list[i] = static_cast<std::int32_t>(i);
    return list;
  }

  /// Adds to `seen` and fails at a CPU that was there already.
  static void take(const CpuList& cpus, CpuList& seen, const Value& at) {
    for (std::int32_t cpu : cpus) {
      if (std::find(seen.begin(), seen.end(), cpu) != seen.end())
        at.fail({fmt::format("CPU {} stands twice", cpu), "each CPU once"});
      seen.push_back(cpu);
    }
  }

  void require_all(CpuList seen, const Value& at) const {
    if (static_cast<std::int32_t>(seen.size()) == machine_.cpus) return;
    CpuList missing = all();
    std::erase_if(missing, [&](std::int32_t cpu) {
      return std::find(seen.begin(), seen.end(), cpu) != seen.end();
    });
    at.fail({fmt::format("CPU {} is missing", format_cpulist(missing)), "each CPU once"});
  }

  void nodes() {
    const auto list = find_shape("nodes");
    if (!list) {
      Node node;
      node.cpus = all();
      fill_memory(node);
      machine_.nodes.push_back(std::move(node));
      return;
    }
    require_kind(*list, Kind::kArray, "an array of nodes: {\"cpus\": …, \"memory\": …}");
    if (list->size() == 0) list->fail({"no node", "at least one node"});
    CpuList seen;
    for (const Value& item : list->children()) {
      require_keys(item, keys_of("node"), "a node: {\"cpus\": …, \"memory\": …}");
      Node node;
      const Value cpus = required(item, "cpus", "the CPUs of the node");
      node.cpus = read_cpulist(cpus, machine_.cpus);
      take(node.cpus, seen, cpus);
      memory(item, node);
      machine_.nodes.push_back(std::move(node));
    }
    require_all(std::move(seen), *list);
  }

  void memory(const Value& item, Node& node) {
    const auto read = [&](std::string_view key, std::int64_t& size) {
      const auto value = item.find(key);
      if (value) size = read_size(*value);
      return value;
    };
    const std::string form = "what is free and what is cached to fit in the node";
    read("memory", node.memory);
    const auto free = read("free", node.free);
    const auto cache = read("cache", node.cache);
    const auto dirty = read("dirty", node.dirty);
    node.memory_given = free || cache || dirty;
    if (free && node.free > node.memory)
      free->fail({fmt::format("more than the {} bytes of the node", node.memory), form});
    if (cache && node.cache > node.memory - std::max<std::int64_t>(node.free, 0))
      cache->fail({fmt::format("more than is left of {} bytes", node.memory), form});
    fill_memory(node);
    if (dirty && node.dirty > node.cache)
      dirty->fail({fmt::format("more than the {} bytes of cache", node.cache),
                   "the part of the cache that has to be written back"});
  }

  /// A quarter is clean page cache, the rest is free.
  static void fill_memory(Node& node) {
    const std::int64_t rest = node.memory - std::max<std::int64_t>(node.free, 0);
    if (node.cache < 0) node.cache = std::min(node.memory / 4, rest);
    if (node.free < 0) node.free = node.memory - node.cache;
  }

  /// Dirty pages are written to a disk.
  void check_dirty() const {
    for (const Node& node : machine_.nodes)
      if (node.dirty > 0 && machine_.disks.empty())
        layers_.front().fail({"a node has dirty pages and the machine no disk",
                              "a disk to write them to, or no \"dirty\""});
  }

  void distance() {
    const std::size_t size = machine_.nodes.size();
    const auto rows = find_shape("distance");
    if (!rows) {
      machine_.distance.assign(size, std::vector<std::int32_t>(size, kRemoteDistance));
      for (std::size_t i = 0; i < size; ++i) machine_.distance[i][i] = kLocalDistance;
      return;
    }
    const std::string expected = fmt::format("{0} rows of {0} distances", size);
    require_kind(*rows, Kind::kArray, expected);
    if (rows->size() != size) rows->fail({fmt::format("{} rows", rows->size()), expected});
    for (const Value& row : rows->children()) {
      require_kind(row, Kind::kArray, expected);
      if (row.size() != size) row.fail({fmt::format("{} distances", row.size()), expected});
      const std::size_t self = machine_.distance.size();
      std::vector<std::int32_t>& distances = machine_.distance.emplace_back();
      for (const Value& item : row.children()) {
        const bool local = distances.size() == self;
        distances.push_back(read_int(item, local ? kLocalDistance : kLocalDistance + 1,
                                     local ? kLocalDistance : kFarthestDistance));
      }
    }
  }

  void caches() {
    const auto list = find_shape("llc");
    if (!list) {
      for (const Node& node : machine_.nodes) machine_.llc.push_back(node.cpus);
      return;
    }
    require_kind(*list, Kind::kArray, "an array of CPU lists");
    CpuList seen;
    for (const Value& item : list->children()) {
      machine_.llc.push_back(read_cpulist(item, machine_.cpus));
      take(machine_.llc.back(), seen, item);
    }
    require_all(std::move(seen), *list);
  }

  void frequency() {
    const auto object = find("freq");
    if (!object) return;
    require_keys(*object, keys_of("freq"),
                 "{\"pstates\": [rates], \"governor\": …, \"transition\": time}");
    if (const auto pstates = object->find("pstates")) read_pstates(*pstates);
    if (const auto transition = object->find("transition"))
      machine_.freq.transition = read_time(*transition);
    const auto governor = object->find("governor");
    if (!governor) return;
    machine_.freq.governor =
        static_cast<Governor>(read_choice(*governor, kGovernorNames, "governor"));
    if (machine_.freq.governor != Governor::kPerformance && machine_.freq.pstates.size() < 2)
      governor->fail({"there is only one frequency to choose from",
                      "\"pstates\": at least two frequencies"});
  }

  void read_pstates(const Value& pstates) {
    require_kind(pstates, Kind::kArray, "an array of frequencies, the fastest first");
    for (const Value& item : pstates.children()) {
      const double rate = read_rate(item);
      if (!machine_.freq.pstates.empty() && rate >= machine_.freq.pstates.back())
        item.fail({"this is not slower than the one before", "the fastest first"});
      machine_.freq.pstates.push_back(rate);
    }
  }

  void disks() {
    static constexpr std::array<std::string_view, 2> kSchedulers{"none", "mq-deadline"};
    const auto section = find("disks");
    if (!section) return;
    require_kind(*section, Kind::kObject, "an object of disks");
    for (const Value& item : section->children()) {
      require_keys(item, keys_of("disk"),
                   "a disk: {\"read\", \"write\", \"latency\", \"node\", \"scheduler\"}");
      Disk disk;
      disk.name = item.key();
      disk.origin = context_.origin(item);
      disk.read_bandwidth = bandwidth(required(item, "read", "bytes per second, like \"500M\""));
      disk.write_bandwidth = bandwidth(required(item, "write", "bytes per second, like \"500M\""));
      if (const auto latency = item.find("latency")) disk.latency = read_time(*latency);
      if (const auto node = item.find("node"))
        disk.node = read_int(*node, 0, static_cast<std::int32_t>(machine_.nodes.size()) - 1);
      if (const auto scheduler = item.find("scheduler"))
        disk.mq_deadline = read_choice(*scheduler, kSchedulers, "I/O scheduler") == 1;
      context_.names.add(Section::kDisk, disk.name,
                         static_cast<std::int32_t>(machine_.disks.size()));
      machine_.disks.push_back(std::move(disk));
    }
  }

  static std::int64_t bandwidth(const Value& value) {
    const std::int64_t bytes = read_size(value);
    if (bytes == 0) value.fail({"a bandwidth of 0 never ends", "bytes per second above 0"});
    return bytes;
  }

  /// The preset's costs first, so that the scenario's overrides come last and win.
  void costs() {
    for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer)
      if (const auto costs = layer->find("costs")) add_costs(*costs);
  }

  void name_costs(const Value& value) {
    const std::string name = read_text(value, "the name of a table of costs");
    machine_.costs.preset = name;
    machine_.costs.overrides.clear();
    machine_.costs.origin = context_.origin(value);
    const auto costs = open_preset(value, name).find("costs");
    if (!costs) return;
    if (costs->kind() == Kind::kString || costs->find("preset"))
      costs->fail_at_key({"a preset cannot name another", "its costs, an object"});
    add_costs(*costs);
  }

  void add_costs(const Value& value) {
    if (value.kind() == Kind::kString) return name_costs(value);
    require_kind(value, Kind::kObject, "the name of a table of costs, or {\"cost\": time}");
    if (const auto preset = value.find("preset")) name_costs(*preset);
    for (const Value& item : value.children()) {
      if (item.key() == "preset") continue;
      check_known(item, item.key(), "cost", context_.options.vocabulary.costs, true);
      machine_.costs.overrides.push_back({item.key(), read_time(item), context_.origin(item)});
    }
  }

  static void check_known(const Value& at, const std::string& name, std::string_view what,
                          const std::vector<std::string>& known, bool key) {
    if (known.empty() || std::find(known.begin(), known.end(), name) != known.end()) return;
    const Complaint complaint{fmt::format("unknown {} \"{}\"", what, name),
                              fmt::format("the name of a {}", what), nearest(name, known)};
    if (key) at.fail_at_key(complaint);
    at.fail(complaint);
  }

  /// A path is relative to the file that names it.
  void platform() {
    const auto value = find("platform");
    if (!value) return;
    const bool own = layers_.front().find("platform").has_value();
    machine_.platform = read_path(*value, own ? context_.folder : preset_folder_);
  }

  void power() {
    const auto object = find("power");
    if (!object) return;
    const std::string form = "watts of a CPU: {\"busy\", \"idle\", \"off\"}";
    require_keys(*object, keys_of("power"), form);
    Power& power = machine_.power;
    power.given = true;
    read_busy(required(*object, "busy", form));
    power.idle = read_number(required(*object, "idle", form), 0);
    if (const auto off = object->find("off")) power.off = read_number(*off, 0);
  }

  /// Of a list one figure for each P-state; one figure is what a CPU with one speed draws.
  void read_busy(const Value& value) {
    std::vector<double>& busy = machine_.power.busy;
    if (value.kind() == Kind::kArray) {
      for (const Value& item : value.children()) busy.push_back(read_number(item, 0));
    } else {
      busy.push_back(read_number(value, 0));
    }
    const bool changes = machine_.freq.governor != Governor::kPerformance;
    const std::size_t pstates = std::max<std::size_t>(machine_.freq.pstates.size(), 1);
    if (busy.size() != pstates && (changes || busy.size() != 1))
      value.fail({fmt::format("{} of {} P-states", busy.size(), pstates),
                  "an array of watts, one for each P-state, the fastest first"});
    busy.resize(pstates, busy.front());
  }

  void idle() {
    static constexpr std::array<std::string_view, 2> kWays{"mwait", "hlt"};
    const auto value = find("idle");
    if (value) machine_.idle = static_cast<Idle>(read_choice(*value, kWays, "way to idle"));
  }

  LoadContext& context_;
  Machine& machine_;
  std::string preset_folder_;
  std::vector<Value> layers_;  // the scenario, then the preset
};

}  // namespace

void load_machine(LoadContext& context, const Value& root) {
  MachineLoader loader(context, context.scenario.machine);
  if (const auto machine = root.find("machine"))
    loader.load(*machine);
  else
    loader.defaults();
}

}  // namespace kt::scenario
