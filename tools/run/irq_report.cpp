#include "tools/run/irq_report.hpp"

#include <fmt/format.h>

#include <iterator>

#include "tools/run/system.hpp"
#include "tools/run/time_text.hpp"

namespace kt::run {

IrqReport irq_report(System& system) {
  IrqReport report;
  const sim::NameTable& names = system.trace().names();
  for (const irq::Irq& irq : system.irqs().all()) {
    const irq::IrqStats& stats = irq.stats;
    const std::string thread(irq.thread != nullptr ? names[irq.thread->full_name] : "");
    report.irqs.push_back({irq.number, std::string(names[irq.name]), irq.cpu, thread, stats.arrivals,
                           stats.merged, stats.handled, stats.thread_runs, stats.by_cpu,
                           latency_of(stats.latency), latency_of(stats.thread_latency)});
  }
  for (std::size_t i = 0; i < softirq::kVectors; ++i) {
    const auto vec = static_cast<softirq::Vec>(i);
    const softirq::VectorStats& stats = system.softirqs().stats(vec);
    if (stats.runs == 0) continue;
    report.softirqs.push_back({std::string(softirq::name_of(vec)), stats.runs, stats.in_ksoftirqd,
                               latency_of(stats.latency)});
  }
  const scenario::Scenario& scenario = system.scenario();
  report.of_scenario =
      !scenario.irqs.empty() || !scenario.softirqs.empty() || !scenario.tasklets.empty();
  for (std::size_t i = 0; i < scenario.tasklets.size(); ++i) {
    const softirq::Tasklet& tasklet = system.interpreter().tasklet(static_cast<std::int32_t>(i));
    report.tasklets.push_back(
        {scenario.tasklets[i].name, tasklet.runs, latency_of(tasklet.latency)});
  }
  return report;
}

namespace {

std::string latency_columns(const Latency& latency) {
  if (latency.count == 0) return fmt::format("{:>8} {:>8} {:>8} {:>8}", "-", "-", "-", "-");
  return fmt::format("{:>8} {:>8} {:>8} {:>8}", short_time_text(latency.p50),
                     short_time_text(latency.p90), short_time_text(latency.p99),
                     short_time_text(latency.max));
}

}  // namespace

std::string irq_report_text(const IrqReport& report) {
  std::string text;
  auto out = std::back_inserter(text);
  if (!report.irqs.empty()) {
    fmt::format_to(out, "\n{:>5} {:<16} {:>4} {:>9} {:>7} {:>9} {:>8} {:>8} {:>8} {:>8}\n", "irq",
                   "name", "CPU", "arrivals", "merged", "handled", "p50", "p90", "p99", "max");
  }
  for (const IrqUse& use : report.irqs) {
    fmt::format_to(out, "{:>5} {:<16} {:>4} {:>9} {:>7} {:>9} {}\n", use.irq, use.name, use.cpu,
                   use.arrivals, use.merged, use.handled, latency_columns(use.latency));
    if (use.thread.empty()) continue;
    fmt::format_to(out, "{:>5} {:<38} {:>9} {}\n", "", "  in thread " + use.thread,
                   use.thread_runs, latency_columns(use.thread_latency));
  }
  fmt::format_to(out, "\n{:>16} {:>9} {:>12} {:>8} {:>8} {:>8} {:>8}\n", "softirq", "runs",
                 "in ksoftirqd", "p50", "p90", "p99", "max");
  for (const SoftirqUse& use : report.softirqs) {
    fmt::format_to(out, "{:>16} {:>9} {:>12} {}\n", use.name, use.runs, use.in_ksoftirqd,
                   latency_columns(use.latency));
  }
  for (const TaskletUse& use : report.tasklets) {
    fmt::format_to(out, "{:>16} {:>9} {:>12} {}\n", use.name, use.runs, "tasklet",
                   latency_columns(use.latency));
  }
  return text;
}

}  // namespace kt::run
