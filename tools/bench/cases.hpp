// The table of benchmarks. Each group lives in its own file and returns its rows.
#pragma once

#include <vector>

#include "tools/bench/benchmark.hpp"

namespace bench {

/// Hold model: events/s of sim::Calendar against a std::priority_queue.
std::vector<Benchmark> calendar_cases();

/// Events/s of processes that wait in a loop: ktsim, SimGrid, SystemC, SimPy.
std::vector<Benchmark> process_cases();

/// The whole machine: context switches/s, bytes a sleeping thread, an idle machine.
std::vector<Benchmark> machine_cases();

/// Works/s through irq, queue_work, kworker; by CPUs and by queues.
std::vector<Benchmark> workqueue_cases();

/// Offline and online cycles/s of a loaded machine.
std::vector<Benchmark> hotplug_cases();

/// Seconds to simulate a suspend and a resume of a big machine.
std::vector<Benchmark> suspend_cases();

/// Executions/s of an exploration.
std::vector<Benchmark> explore_cases();

/// All of them, in the order in which they are printed.
std::vector<Benchmark> all_cases();

}  // namespace bench
