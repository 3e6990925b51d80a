#include "tools/run/frequency_report.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace kt::run {

FrequencyReport frequency_report(cpufreq::Cpufreq* cpufreq, int nr_cpus) {
  FrequencyReport report;
  if (cpufreq == nullptr) return report;
  report.khz = cpufreq->khz();
  for (int cpu = 0; cpu < nr_cpus; ++cpu) {
    report.cpus.push_back(
        {cpu, cpufreq->busy_khz(cpu), cpufreq->total_trans(cpu), cpufreq->time_in_state(cpu)});
  }
  return report;
}

std::string frequency_text(const FrequencyReport& report, std::size_t most) {
  if (report.khz.empty()) return {};
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "\n{:>5} {:>8} {:>8}", "CPU", "Bzy_MHz", "changes");
  for (const std::uint32_t khz : report.khz)
    fmt::format_to(out, " {:>9}", fmt::format("{} MHz", khz / 1000));
  text += '\n';
  for (std::size_t cpu = 0; cpu < report.cpus.size() && cpu < most; ++cpu) {
    const FrequencyUse& use = report.cpus[cpu];
    fmt::format_to(out, "{:>5} {:>8.0f} {:>8}", use.cpu, use.busy_khz / 1000, use.changes);
    double all = 0;
    for (const sim::Time time : use.time_in_state) all += static_cast<double>(time);
    for (const sim::Time time : use.time_in_state)
      fmt::format_to(out, " {:>8.2f}%", all == 0 ? 0 : 100 * static_cast<double>(time) / all);
    text += '\n';
  }
  if (report.cpus.size() > most)
    fmt::format_to(out, "{:>5} {} more: --metrics\n", "…", report.cpus.size() - most);
  return text;
}

nlohmann::ordered_json frequency_json(const FrequencyReport& report) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  for (const FrequencyUse& use : report.cpus) {
    Json times = Json::array();
    for (std::size_t state = 0; state < report.khz.size(); ++state)
      times.push_back({{"khz", report.khz[state]}, {"time", use.time_in_state[state]}});
    list.push_back({{"cpu", use.cpu},
                    {"busy_khz", std::llround(use.busy_khz)},
                    {"changes", use.changes},
                    {"time_in_state", std::move(times)}});
  }
  return list;
}

}  // namespace kt::run
