#include "tools/run/machine_report.hpp"

#include <array>

#include "models/cpu/topology.hpp"
#include "tools/run/kernel_parameters.hpp"
#include "tools/run/system.hpp"
#include "tools/run/time_text.hpp"

namespace kt::run {

using Json = nlohmann::ordered_json;

namespace {

struct ChangedCost {
  const cpu::CostEntry* entry;
  Time value;
  Time usual;
};

std::vector<ChangedCost> changed_costs(const scenario::Scenario& scenario) {
  const cpu::CostTable table = cost_table(scenario.machine);
  const cpu::CostTable usual;
  std::vector<ChangedCost> list;
  for (const cpu::CostEntry& entry : cpu::cost_entries()) {
    const Time value = table.*(entry.field);
    if (value != usual.*(entry.field)) list.push_back({&entry, value, usual.*(entry.field)});
  }
  return list;
}

// One line for a thread: what it is, where it may run and how it is scheduled.
struct ThreadLine {
  std::string kind;
  std::string name;
  std::string cpus;
  std::string scheduling;
  std::string start;
};

std::string cpus_of(std::int32_t cpu, const scenario::CpuList& cpus, std::int32_t nr_cpus) {
  if (cpu >= 0) return fmt::format("{}", cpu);
  if (cpus.empty()) return "all";
  cpu::CpuMask mask(nr_cpus);
  for (int id : cpus) mask.set(id);
  return mask.to_list();
}

std::string scheduling_of(const scenario::Scheduling& scheduling) {
  constexpr std::array<std::string_view, 5> kNames{"normal", "fifo", "rr", "batch", "idle"};
  const std::string_view name = kNames[static_cast<std::size_t>(scheduling.policy)];
  if (scheduling.priority > 0) return fmt::format("{} {}", name, scheduling.priority);
  return scheduling.nice != 0 ? fmt::format("{}, nice {}", name, scheduling.nice)
                              : std::string(name);
}

std::vector<ThreadLine> threads_of(const scenario::Scenario& scenario) {
  constexpr std::array<std::string_view, 3> kStarts{"runs at t=0", "created at t=0",
                                                    "created by a statement"};
  const std::int32_t nr_cpus = scenario.machine.cpus;
  std::vector<ThreadLine> lines;
  for (const auto& kthread : scenario.kthreads) {
    lines.push_back({"kthread", kthread.name, cpus_of(kthread.cpu, kthread.cpus, nr_cpus),
                     scheduling_of(kthread.scheduling),
                     std::string(kStarts[static_cast<std::size_t>(kthread.start)])});
  }
  for (const auto& task : scenario.tasks) {
    lines.push_back({"task", task.name, cpus_of(task.cpu, task.cpus, nr_cpus),
                     scheduling_of(task.scheduling), std::string(kStarts[0])});
  }
  for (const auto& worker : scenario.kthread_workers) {
    lines.push_back({"kthread worker", worker.name, cpus_of(worker.cpu, {}, nr_cpus),
                     scheduling_of(worker.scheduling), std::string(kStarts[0])});
  }
  return lines;
}

std::string_view preempt_name(scenario::Preempt preempt) {
  constexpr std::array<std::string_view, 4> kNames{"none", "voluntary", "full", "rt"};
  return kNames[static_cast<std::size_t>(preempt)];
}

std::string duration_text(Time duration) {
  return duration == sim::kNever ? "idle" : time_text(duration);
}

}  // namespace

namespace {

std::vector<std::string> plain_variables(const scenario::Scenario& scenario) {
  std::vector<std::string> names;
  for (const scenario::Variable& variable : scenario.variables) {
    if (variable.plain) names.push_back(variable.name);
  }
  return names;
}

std::string_view governor_name(const scenario::Machine& machine) {
  return scenario::kGovernorNames[static_cast<std::size_t>(machine.freq.governor)];
}

// What the CPUs' speed depends on; empty if on nothing.
std::string speed_text(const scenario::Machine& machine) {
  std::string text;
  if (!machine.freq.pstates.empty()) {
    text += "frequencies:";
    for (const double hertz : machine.freq.pstates)
      text += fmt::format("{} {:.0f} MHz", text.back() == ':' ? "" : ",", hertz / 1e6);
    text += fmt::format("; governor {}\n", governor_name(machine));
  }
  if (machine.smt > 1)
    text += fmt::format("siblings that both run: {} of their speed each\n", machine.smt_speed);
  return text;
}

}  // namespace

std::string machine_text(const scenario::Scenario& scenario) {
  const scenario::Kernel& kernel = scenario.kernel;
  std::string text = fmt::format("{}: OK ({})\n", scenario.name, scenario.file);
  text += fmt::format("duration {}, seed {}, expectations {}\n\n", duration_text(scenario.duration),
                      scenario.seed, scenario.expect.size());
  if (!scenario.machine.preset.empty()) {
    text += fmt::format("machine preset {}\n", scenario.machine.preset);
  }
  text += cpu::Topology(topology_spec(scenario.machine)).table();
  text += speed_text(scenario.machine);
  text +=
      fmt::format("\nkernel: HZ {}, preempt {}, boot {}\n", kernel.hz, preempt_name(kernel.preempt),
                  kernel.boot == scenario::Boot::kFull ? "full" : "minimal");
  if (!kernel.cmdline.empty()) text += fmt::format("command line: {}\n", kernel.cmdline);
  const std::vector<std::string> ignored = ignored_parameters(kernel);
  if (!ignored.empty()) text += fmt::format("without effect: {}\n", fmt::join(ignored, ", "));
  const std::vector<ChangedCost> costs = changed_costs(scenario);
  text +=
      costs.empty() ? "costs: the default table\n" : "costs that differ from the default table:\n";
  for (const ChangedCost& cost : costs) {
    text += fmt::format("  {:<20} {:>8} (default {}): {}\n", cost.entry->name,
                        time_text(cost.value), time_text(cost.usual), cost.entry->meaning);
  }
  const std::vector<ThreadLine> threads = threads_of(scenario);
  text += threads.empty() ? "\nno threads\n" : "\nthreads:\n";
  for (const ThreadLine& line : threads) {
    text += fmt::format("  {:<15} {:<16} CPUs {:<8} {:<16} {}\n", line.kind, line.name, line.cpus,
                        line.scheduling, line.start);
  }
  const std::vector<std::string> plain = plain_variables(scenario);
  if (!plain.empty()) text += fmt::format("\nplain variables: {}\n", fmt::join(plain, ", "));
  return text;
}

Json machine_json(const scenario::Scenario& scenario) {
  const scenario::Machine& machine = scenario.machine;
  const cpu::Topology topology(topology_spec(machine));
  Json nodes = Json::array();
  for (int node = 0; node < topology.nr_nodes(); ++node) {
    Json distances = Json::array();
    for (int to = 0; to < topology.nr_nodes(); ++to)
      distances.push_back(topology.distance(node, to));
    nodes.push_back({{"cpus", topology.node(node).to_list()},
                     {"memory", topology.memory_bytes(node)},
                     {"distance", std::move(distances)}});
  }
  Json caches = Json::array();
  for (int llc = 0; llc < topology.nr_llcs(); ++llc) caches.push_back(topology.llc(llc).to_list());
  Json costs = Json::object();
  for (const ChangedCost& cost : changed_costs(scenario)) {
    costs[std::string(cost.entry->name)] = {{"value", cost.value}, {"default", cost.usual}};
  }
  Json threads = Json::array();
  for (const ThreadLine& line : threads_of(scenario)) {
    threads.push_back({{"kind", line.kind},
                       {"name", line.name},
                       {"cpus", line.cpus},
                       {"scheduling", line.scheduling},
                       {"start", line.start}});
  }
  return {{"file", scenario.file},
          {"name", scenario.name},
          {"exit_code", 0},
          {"seed", scenario.seed},
          {"duration", scenario.duration == sim::kNever ? Json() : Json(scenario.duration)},
          {"machine",
           {{"preset", machine.preset},
            {"cpus", machine.cpus},
            {"smt", machine.smt},
            {"smt_speed", machine.smt_speed},
            {"pstates", machine.freq.pstates},
            {"governor", governor_name(machine)},
            {"nodes", std::move(nodes)},
            {"llc", std::move(caches)}}},
          {"kernel",
           {{"hz", scenario.kernel.hz},
            {"preempt", preempt_name(scenario.kernel.preempt)},
            {"boot", scenario.kernel.boot == scenario::Boot::kFull ? "full" : "minimal"},
            {"cmdline", scenario.kernel.cmdline},
            {"ignored_parameters", ignored_parameters(scenario.kernel)}}},
          {"costs", std::move(costs)},
          {"threads", std::move(threads)},
          {"plain_variables", plain_variables(scenario)},
          {"expectations", scenario.expect.size()}};
}

}  // namespace kt::run
