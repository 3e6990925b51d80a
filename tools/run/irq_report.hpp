// What interrupts, softirqs and tasklets did in a run: counts, and how long each waited to begin.
#pragma once

#include <string>
#include <vector>

#include "tools/run/latency.hpp"

namespace kt::run {

using sim::Time;

class System;

struct IrqUse {
  int irq = 0;
  std::string name;
  int cpu = 0;          ///< where it is delivered
  std::string thread;   ///< irq/N-NAME; empty: it has none
  std::uint64_t arrivals = 0;
  std::uint64_t merged = 0;   ///< of those, found the one before still waiting
  std::uint64_t handled = 0;  ///< runs of the hard handler
  std::uint64_t thread_runs = 0;
  std::vector<std::uint64_t> by_cpu;  ///< runs of the hard handler on each CPU
  Latency latency;         ///< arrival to hard handler
  Latency thread_latency;  ///< arrival to the thread's function
};

/// A softirq vector that has run.
struct SoftirqUse {
  std::string name;
  std::uint64_t runs = 0;
  std::uint64_t in_ksoftirqd = 0;
  Latency latency;  ///< raise to softirq_entry
};

struct TaskletUse {
  std::string name;
  std::uint64_t runs = 0;
  Latency latency;  ///< tasklet_schedule() to the function
};

struct IrqReport {
  bool of_scenario = false;  ///< the scenario has irqs, softirqs or tasklets
  std::vector<IrqUse> irqs;  ///< in the order of the scenario
  std::vector<SoftirqUse> softirqs;
  std::vector<TaskletUse> tasklets;
};
IrqReport irq_report(System& system);

/// The tables of a report for people.
std::string irq_report_text(const IrqReport& report);

}  // namespace kt::run
