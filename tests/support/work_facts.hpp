// Which works a trace shows to have run: the part of the recorded scenarios' stable.json that is
// about workqueues. Works are told apart by their addresses, as those of a recording share one
// function.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/support/trace_text.hpp"
#include "tools/scenario/scenario.hpp"

namespace support {

/// Names of works by "work struct" as the trace prints it. Works that are not in it are left out.
using WorkNames = std::map<std::string, std::string>;

/// The works of a scenario as the simulator places them: "name", of several "name/0", "name/1" ...
WorkNames work_names(const kt::scenario::Scenario& scenario);

struct WorkFacts {
  std::map<std::string, unsigned> executions_per_work;
  std::map<std::string, unsigned> irq_count;  ///< arrivals, by the interrupt's name
  std::map<std::string, unsigned>
      peak_executing_per_workqueue;  ///< of kthread works: "kthread_worker"
  std::map<std::string, std::vector<unsigned>> start_cpu;
  std::vector<std::string> start_order;
  std::map<std::string, std::vector<sim::Time>> start_times;  ///< ns since "ktoracle start"
  std::map<std::string, std::vector<std::string>> worker_kind;
  std::map<std::string, std::vector<std::string>> workers;  ///< comm of who ran it
};

WorkFacts extract_work_facts(const TraceText& trace, const WorkNames& names);

}  // namespace support
