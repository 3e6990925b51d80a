#include "models/workqueue/attrs.hpp"

#include <algorithm>

namespace kt::workqueue {

bool same_pool(const WorkqueueAttrs& a, const WorkqueueAttrs& b) {
  return a.nice == b.nice && a.affn_strict == b.affn_strict && a.pod_cpumask == b.pod_cpumask &&
         (a.affn_strict || a.cpumask == b.cpumask);
}

namespace {

// kernel/workqueue.c: init_pod_type
template <class IdOf>
Pods pods_by(const cpu::Topology& topology, IdOf id_of) {
  Pods pods;
  std::vector<int> ids;  // of the pods, in the order of their lowest CPU
  for (int cpu = 0; cpu < topology.nr_cpus(); ++cpu) {
    const auto found = std::find(ids.begin(), ids.end(), id_of(cpu));
    const auto pod = static_cast<std::size_t>(found - ids.begin());
    if (found == ids.end()) {
      ids.push_back(id_of(cpu));
      pods.cpus.emplace_back(topology.nr_cpus());
      pods.node.push_back(topology.node_of(cpu));
    }
    pods.cpus[pod].set(cpu);
    pods.pod_of.push_back(static_cast<int>(pod));
  }
  return pods;
}

}  // namespace

std::array<Pods, kAffnScopes> make_pods(const cpu::Topology& topology, const CpuMask& isolated) {
  const auto at = [](AffnScope scope) { return static_cast<std::size_t>(scope); };
  std::array<Pods, kAffnScopes> pods;
  pods[at(AffnScope::kCpu)] = pods_by(topology, [](int cpu) { return cpu; });
  pods[at(AffnScope::kSmt)] = pods_by(topology, [&](int cpu) { return topology.core_of(cpu); });
  pods[at(AffnScope::kCache)] = pods_by(topology, [&](int cpu) {
    const int after_all = topology.nr_cpus() + cpu;  // no other CPU has this number
    return isolated.test(cpu) ? after_all : topology.llc_of(cpu);
  });
  pods[at(AffnScope::kNuma)] = pods_by(topology, [&](int cpu) { return topology.node_of(cpu); });
  pods[at(AffnScope::kSystem)] = pods_by(topology, [](int) { return 0; });
  pods[at(AffnScope::kSystem)].node[0] = -1;
  return pods;
}

}  // namespace kt::workqueue
