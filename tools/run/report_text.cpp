#include "tools/run/report_text.hpp"
#include <algorithm>
#include <iterator>
#include <map>

#include "tools/run/time_text.hpp"
#include "tools/run/workqueue_text.hpp"

namespace kt::run {

namespace {

constexpr std::size_t kMostCpuRows = 16;
constexpr std::size_t kMostThreadRows = 32;
constexpr std::size_t kMostNames = 8;

double percent(Time part, Time whole) {
  return whole > 0 ? 100 * static_cast<double>(part) / static_cast<double>(whole) : 0;
}

std::string header(const Report& report) {
  std::string text = fmt::format("{}: {} of simulated time, {} events\n", report.name,
                                 time_text(report.end), report.events);
  if (report.nothing_since != sim::kNever && report.nothing_since < report.end) {
    text += fmt::format("nothing happens after t={}\n", time_text(report.nothing_since));
  }
  if (!report.ignored_parameters.empty()) {
    text += fmt::format("without effect on the kernel's command line: {}\n",
                        fmt::join(report.ignored_parameters, ", "));
  }
  return text;
}

std::string cpu_table(const Report& report) {
  std::string text;
  auto out = std::back_inserter(text);
  if (report.cpus.size() <= kMostCpuRows) {
    const bool energy = !report.energy.empty();
    fmt::format_to(out, "\n{:>5} {:>5} {:>8} {:>10} {:>14}{}\n", "CPU", "node", "busy", "switches",
                   "migrations in", energy ? "       energy" : "");
    for (const CpuUse& use : report.cpus) {
      fmt::format_to(out, "{:>5} {:>5} {:>7.2f}% {:>10} {:>14}", use.cpu, use.node,
                     percent(use.busy, report.end), use.switches, use.migrations_in);
      if (energy) fmt::format_to(out, " {:>10.6f} J", use.joules.value_or(0));
      text += '\n';
    }
    return text;
  }
  struct Sum {
    int cpus = 0;
    Time busy = 0;
    Time busiest = 0;
    std::uint64_t switches = 0;
    std::uint64_t migrations_in = 0;
  };
  std::map<int, Sum> nodes;
  for (const CpuUse& use : report.cpus) {
    Sum& sum = nodes[use.node];
    ++sum.cpus;
    sum.busy += use.busy;
    sum.busiest = std::max(sum.busiest, use.busy);
    sum.switches += use.switches;
    sum.migrations_in += use.migrations_in;
  }
  fmt::format_to(out, "\n{:>5} {:>5} {:>8} {:>8} {:>10} {:>14}\n", "node", "CPUs", "busy",
                 "busiest", "switches", "migrations in");
  for (const auto& [node, sum] : nodes) {
    fmt::format_to(out, "{:>5} {:>5} {:>7.2f}% {:>7.2f}% {:>10} {:>14}\n", node, sum.cpus,
                   percent(sum.busy, report.end * sum.cpus), percent(sum.busiest, report.end),
                   sum.switches, sum.migrations_in);
  }
  return text;
}

std::string thread_row(const ThreadUse& use) {
  const bool known = use.latency.count != 0;
  return fmt::format(
      "{:>7} {:<16} {:>2} {:>9} {:>9} {:>7} {:>7} {:>6} {:>7} {:>8} {:>8} {:>8} {:>8}\n", use.pid,
      use.name, use.state, short_time_text(use.runtime), short_time_text(use.run_delay),
      use.voluntary, use.involuntary, use.migrations, use.wakeups,
      known ? short_time_text(use.latency.p50) : "-",
      known ? short_time_text(use.latency.p90) : "-",
      known ? short_time_text(use.latency.p99) : "-",
      known ? short_time_text(use.latency.max) : "-");
}

std::string thread_table(const Report& report) {
  std::string text = fmt::format(
      "\n{:>7} {:<16} {:>2} {:>9} {:>9} {:>7} {:>7} {:>6} {:>7} {:>8} {:>8} {:>8} {:>8}\n", "PID",
      "thread", "S", "CPU time", "waited", "vol", "invol", "moves", "wakeups", "p50", "p90", "p99",
      "max");
  std::size_t rows = 0;
  std::size_t threads = 0;
  for (const ThreadUse& use : report.threads) {
    if (!use.of_scenario) continue;
    if (++threads > kMostThreadRows) continue;
    text += thread_row(use);
    ++rows;
  }
  if (threads == 0) return {};
  if (threads > rows) {
    text += fmt::format("{:>7} and {} more: see --metrics\n", "", threads - rows);
  }
  return text;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t kKiB = 1024;
  if (bytes < 10 * kKiB * kKiB) return fmt::format("{}K", bytes / kKiB);
  return bytes < 10 * kKiB * kKiB * kKiB ? fmt::format("{}M", bytes / (kKiB * kKiB))
                                         : fmt::format("{}G", bytes / (kKiB * kKiB * kKiB));
}

// Nodes whose memory was ever short, or that failed to give some.
std::string memory_table(const Report& report) {
  std::string text;
  for (const MemoryUse& use : report.memory) {
    const mm::NodeStats& stats = use.stats;
    if (stats.kswapd_wakes + stats.direct_reclaims + stats.failures + use.hogged == 0) continue;
    if (text.empty()) {
      text = fmt::format(
          "\n{:>5} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>8} {:>6} {:>7} {:>9} {:>7} {:>8}\n",
          "node", "free", "min", "low", "high", "cache", "dirty", "allocs", "failed", "direct",
          "time", "kswapd", "pages");
    }
    text += fmt::format(
        "{:>5} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>8} {:>6} {:>7} {:>9} {:>7} {:>8}\n", use.node,
        size_text(use.free), size_text(use.min), size_text(use.low), size_text(use.high),
        size_text(use.cache), size_text(use.dirty), stats.allocations, stats.failures,
        stats.direct_reclaims, short_time_text(stats.direct_time), stats.kswapd_wakes,
        stats.kswapd_pages);
  }
  return text;
}

std::string oom_lines(const Report& report) {
  std::string text;
  for (const OomKill& kill : report.oom_kills) {
    text += fmt::format("\nout of memory at t={}: {} (pid {}) was killed, which had {}\n",
                        time_text(kill.at), kill.name, kill.pid, size_text(kill.bytes));
  }
  return text;
}

std::string latency_line(const Latency& latency) {
  if (latency.count == 0) return {};
  return fmt::format(
      "\nwakeup latency of all threads: p50 {}, p90 {}, p99 {}, max {} ({} wakeups)\n",
      short_time_text(latency.p50), short_time_text(latency.p90), short_time_text(latency.p99),
      short_time_text(latency.max), latency.count);
}

std::string expectations_text(const Report& report) {
  if (report.expectations.empty()) return {};
  std::string text = "\nexpectations\n";
  for (const Verdict& verdict : report.expectations) {
    text += fmt::format("  {}  {}\n", verdict.passed ? "pass" : "FAIL", verdict.expectation);
    if (verdict.passed) continue;
    text += fmt::format("        {}\n        at {}\n", verdict.reason, verdict.where);
  }
  return text;
}

std::string sleeper_text(const Sleeper& sleeper) {
  std::string text =
      fmt::format("  {} (pid {}): {}, waits for {} since t={}\n", sleeper.name, sleeper.pid,
                  sleeper.state, sleeper.waits_for, time_text(sleeper.since));
  if (!sleeper.where.empty()) text += fmt::format("      at {}\n", sleeper.where);
  if (sleeper.lost) {
    text +=
        fmt::format("      lost wakeup: {} (pid {}) woke it at t={} and found it awake\n",
                    sleeper.lost->waker, sleeper.lost->waker_pid, time_text(sleeper.lost->time));
  }
  for (const Waker& waker : sleeper.wakers) {
    text += fmt::format("      could be woken by {} of {}, which {}\n        at {}\n",
                        waker.statement, waker.who, waker.fate, waker.where);
  }
  if (sleeper.wakers.empty()) text += "      no statement of the scenario wakes it\n";
  return text;
}

std::string ending_line(const Report& report) {
  switch (report.ending) {
    case Ending::kDefect:
      return fmt::format("\nDEFECT at t={}: {}\n", time_text(report.end), report.message);
    case Ending::kWatchdog:
      return fmt::format("\nDEFECT at t={}, a watchdog: {}\n", time_text(report.end),
                         report.message);
    case Ending::kDone:
      break;
  }
  if (!report.defect) return {};
  if (report.nothing_since == sim::kNever) return "\nDEFECT: threads wait for ever\n";
  return fmt::format("\nDEFECT: nothing can happen any more since t={}, and threads wait\n",
                     time_text(report.nothing_since));
}

// Threads that sleep at the end of a run in which nothing is wrong with that.
std::string asleep_line(const Stuck& stuck) {
  if (stuck.sleepers.empty()) return {};
  std::string text = "\nasleep at the end:";
  std::size_t named = 0;
  for (const Sleeper& sleeper : stuck.sleepers) {
    if (named == kMostNames) break;
    text += fmt::format("{} {} ({}, {})", named++ == 0 ? "" : ",", sleeper.name, sleeper.state,
                        sleeper.waits_for);
  }
  if (stuck.sleepers.size() > named) {
    text += fmt::format(" and {} more", stuck.sleepers.size() - named);
  }
  return text + '\n';
}

}  // namespace

std::string stuck_text(const Stuck& stuck) {
  std::string text;
  for (const auto& cycle : stuck.cycles) {
    text += "  deadlock:\n";
    for (const CycleStep& step : cycle) {
      text += fmt::format("    {} (pid {}) waits for {}\n", step.name, step.pid, step.waits_for);
      if (!step.where.empty()) text += fmt::format("      at {}\n", step.where);
    }
  }
  for (const BusyCpu& busy : stuck.busy) {
    text += fmt::format("  CPU {} runs {} (pid {}){}{}\n", busy.cpu, busy.name, busy.pid,
                        busy.irqs_off ? ", interrupts off" : "",
                        busy.spins_for.empty() ? "" : ", spinning for " + busy.spins_for);
    if (!busy.where.empty()) text += fmt::format("      at {}\n", busy.where);
  }
  std::size_t shown = 0;
  for (const Sleeper& sleeper : stuck.sleepers) {
    if (shown++ == kMostThreadRows) break;
    text += sleeper_text(sleeper);
  }
  if (stuck.sleepers.size() > kMostThreadRows) {
    text += fmt::format("  and {} more: see --metrics\n", stuck.sleepers.size() - kMostThreadRows);
  }
  return text;
}

std::string report_text(const Report& report) {
  std::string text = header(report);
  text += cpu_table(report);
  text += frequency_text(report.frequencies, kMostCpuRows);
  text += memory_table(report);
  text += oom_lines(report);
  text += thread_table(report);
  text += latency_line(report.wakeups);
  text += workqueue_text(report.workqueues);
  if (report.interrupts.of_scenario) text += irq_report_text(report.interrupts);
  text += suspend_report_text(report.suspends);
  text += hotplug_report_text(report.hotplug);
  text += energy_text(report.energy);
  text += expectations_text(report);
  text +=
      report.defect ? ending_line(report) + stuck_text(report.stuck) : asleep_line(report.stuck);
  text += fmt::format("\nrepeat: {}\n", report.repeat);
  return text;
}

}  // namespace kt::run
