#include "tools/bench/cases.hpp"

#include <utility>

namespace bench {

std::vector<Benchmark> all_cases() {
  std::vector<Benchmark> all;
  for (const auto group : {calendar_cases, process_cases, machine_cases, workqueue_cases,
                           hotplug_cases, suspend_cases, explore_cases}) {
    for (Benchmark& benchmark : group()) all.push_back(std::move(benchmark));
  }
  return all;
}

}  // namespace bench
