// What the kernel's command line means to the models.
#pragma once

#include "models/workqueue/workqueues.hpp"
#include "tools/scenario/scenario.hpp"

namespace kt::run {

/// The CPUs of nohz_full=, those whose tick stops (isolcpus=nohz,… too), and those that isolcpus=
/// keeps out of the scheduling domains.
[[nodiscard]] cpu::CpuMask tick_full(const scenario::Kernel& kernel, int nr_cpus);
[[nodiscard]] cpu::CpuMask nohz_full(const scenario::Kernel& kernel, int nr_cpus);
[[nodiscard]] cpu::CpuMask isolated(const scenario::Kernel& kernel, int nr_cpus);

/// The names of the parameters that have no effect.
[[nodiscard]] std::vector<std::string> ignored_parameters(const scenario::Kernel& kernel);

/// workqueue.* and what isolcpus= and nohz_full= leave to unbound workqueues. Throws sim::UserError
/// for a value that the loader lets pass and the kernel would not.
workqueue::WorkqueueParams workqueue_params(const scenario::Kernel& kernel,
                                            const cpu::Topology& topology);

}  // namespace kt::run
