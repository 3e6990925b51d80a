#include "tools/run/kernel_parameters.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "tools/scenario/values.hpp"

namespace kt::run {

using cpu::CpuMask;
using sim::Time;
using workqueue::WorkqueueParams;

namespace {

CpuMask mask_of_list(const scenario::CpuList& cpus, int nr_cpus) {
  CpuMask mask(nr_cpus);
  for (int cpu : cpus) mask.set(cpu);
  return mask;
}

// kernel/sched/isolation.c: housekeeping_setup: the boot CPU stays if no other one does.
CpuMask without_housekeeping(const scenario::CpuList& cpus, int nr_cpus) {
  CpuMask mask = mask_of_list(cpus, nr_cpus);
  if (mask.count() == nr_cpus) mask.clear(0);
  return mask;
}

std::uint64_t number_of(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);  // checked by the loader
  return number;
}

// lib/kstrtox.c: kstrtobool; a parameter without a value is true.
bool is_true(const std::string& text) {
  return text.empty() || text == "1" || text == "y" || text == "Y" || text == "on" ||
         text == "true";
}

workqueue::AffnScope scope_of(const std::string& text) {
  using enum workqueue::AffnScope;
  constexpr std::array kNames{std::pair{"cpu", kCpu}, std::pair{"smt", kSmt},
                              std::pair{"cache", kCache}, std::pair{"numa", kNuma},
                              std::pair{"system", kSystem}};
  for (const auto& [name, scope] : kNames) {
    if (text == name) return scope;
  }
  return kCache;
}

// kernel/workqueue.c: restrict_unbound_cpumask: what would leave no CPU is ignored.
void restrict_to(CpuMask& mask, const CpuMask& allowed) {
  if (mask.intersects(allowed)) mask &= allowed;
}

void apply(WorkqueueParams& params, const scenario::KernelParameter& parameter, int nr_cpus) {
  using sim::kSecond;
  using sim::kUs;
  const std::string& name = parameter.name;
  const std::string& value = parameter.value;
  if (name == "cpu_intensive_thresh_us") {
    params.cpu_intensive_thresh = static_cast<Time>(number_of(value)) * kUs;
  } else if (name == "cpu_intensive_warning_thresh") {
    (void)number_of(value);  // when the kernel's log names a hog; the statistics count them all
  } else if (name == "watchdog_thresh") {
    params.watchdog_thresh = static_cast<Time>(number_of(value)) * kSecond;
  } else if (name == "power_efficient") {
    params.power_efficient = is_true(value);
  } else if (name == "debug_force_rr_cpu") {
    params.debug_force_rr_cpu = is_true(value);
  } else if (name == "default_affinity_scope") {
    params.default_affinity_scope = scope_of(value);
  } else if (name == "unbound_cpus") {
    restrict_to(params.unbound_cpus,
                mask_of_list(scenario::parse_cpulist(value, nr_cpus), nr_cpus));
  } else if (name == "panic_on_stall") {
    params.panic_on_stall = static_cast<unsigned>(number_of(value));
  }
}

}  // namespace

CpuMask nohz_full(const scenario::Kernel& kernel, int nr_cpus) {
  return without_housekeeping(kernel.nohz_full, nr_cpus);
}

CpuMask tick_full(const scenario::Kernel& kernel, int nr_cpus) {
  const bool nohz = std::ranges::find(kernel.isolcpus_flags, "nohz") != kernel.isolcpus_flags.end();
  CpuMask full = nohz_full(kernel, nr_cpus);
  if (nohz) full |= without_housekeeping(kernel.isolcpus, nr_cpus);
  return full;
}

CpuMask isolated(const scenario::Kernel& kernel, int nr_cpus) {
  const std::vector<std::string>& flags = kernel.isolcpus_flags;
  const bool domain = flags.empty() || std::ranges::find(flags, "domain") != flags.end();
  return domain ? without_housekeeping(kernel.isolcpus, nr_cpus) : CpuMask(nr_cpus);
}

std::vector<std::string> ignored_parameters(const scenario::Kernel& kernel) {
  std::vector<std::string> names;
  for (const scenario::KernelParameter& parameter : kernel.unknown) names.push_back(parameter.name);
  return names;
}

WorkqueueParams workqueue_params(const scenario::Kernel& kernel, const cpu::Topology& topology) {
  const int nr_cpus = topology.nr_cpus();
  WorkqueueParams params(topology);
  params.legacy = kernel.legacy_workqueues;
  const CpuMask full = nohz_full(kernel, nr_cpus);
  if (!full.empty()) {
    params.unbound_cpus -= full;  // HK_TYPE_WQ
    params.power_efficient = true;
  }
  params.isolated = isolated(kernel, nr_cpus);
  CpuMask housekeeping = topology.possible();
  housekeeping -= params.isolated;
  restrict_to(params.unbound_cpus, housekeeping);  // HK_TYPE_DOMAIN
  for (const scenario::KernelParameter& parameter : kernel.workqueue) {
    apply(params, parameter, nr_cpus);
  }
  return params;
}

}  // namespace kt::run
