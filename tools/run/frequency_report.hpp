// How fast the CPUs of a run were: the mean frequency while busy, and the time in each P-state.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/cpufreq/cpufreq.hpp"

namespace kt::run {

struct FrequencyUse {
  int cpu = 0;
  double busy_khz = 0;                   ///< mean while it did not idle; 0: it always did
  std::uint64_t changes = 0;             ///< of its policy's frequency
  std::vector<sim::Time> time_in_state;  ///< ns; of each P-state, the fastest first
};

struct FrequencyReport {
  std::vector<std::uint32_t> khz;  ///< of the P-states; empty if the frequencies are fixed
  std::vector<FrequencyUse> cpus;
};

/// `cpufreq` may be null.
FrequencyReport frequency_report(cpufreq::Cpufreq* cpufreq, int nr_cpus);
/// A table for people, over the first `most` CPUs; empty if the frequencies are fixed.
std::string frequency_text(const FrequencyReport& report, std::size_t most);
nlohmann::ordered_json frequency_json(const FrequencyReport& report);

}  // namespace kt::run
