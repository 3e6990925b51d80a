#include "tools/run/hotplug_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "tools/run/system.hpp"
#include "tools/run/time_text.hpp"

namespace kt::run {

namespace {

HotplugPhase phase_of(const hotplug::StepRecord& step, const sim::NameTable& names, Time now) {
  HotplugPhase phase;
  phase.state = step.state;
  phase.function = step.function;
  phase.task = names[step.task];
  phase.cpu = step.cpu;
  phase.start = step.start;
  phase.ended = step.end >= 0;
  phase.duration = (phase.ended ? step.end : now) - step.start;
  phase.result = step.result;
  return phase;
}

HotplugUse use_of(const hotplug::Operation& operation, const sim::NameTable& names, Time now) {
  HotplugUse use;
  use.up = operation.up;
  use.cpu = operation.cpu;
  use.suspend = operation.frozen;
  use.start = operation.start;
  use.ended = operation.end >= 0;
  use.duration = (use.ended ? operation.end : now) - operation.start;
  use.result = operation.result;
  use.moves = operation.moves;
  HotplugPhase lock;
  lock.state = -1;
  lock.function = "cpu_hotplug_lock";
  lock.start = operation.start;
  lock.duration = operation.locked - operation.start;
  use.phases.push_back(lock);
  for (const hotplug::StepRecord& step : operation.steps) {
    use.phases.push_back(phase_of(step, names, now));
  }
  return use;
}

}  // namespace

HotplugReport hotplug_report(System& system) {
  HotplugReport report;
  sim::Histogram down;
  sim::Histogram up;
  for (const hotplug::Operation& operation : system.hotplug().operations()) {
    report.operations.push_back(use_of(operation, system.trace().names(), system.now()));
    const HotplugUse& use = report.operations.back();
    if (use.ended && use.result == 0) (use.up ? up : down).record(use.duration);
  }
  report.down = latency_of(down);
  report.up = latency_of(up);
  return report;
}

namespace {

constexpr std::size_t kInFull = 8;  // operations in a report for people

std::string moved_text(const hotplug::Moves& moves) {
  std::string text;
  const auto add = [&text](std::uint64_t count, std::string_view what) {
    if (count == 0) return;
    text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", count, what, count == 1 ? "" : "s");
  };
  add(moves.tasks_pushed, "task");
  add(moves.works, "work");
  add(moves.timers, "timer");
  add(moves.hrtimers, "hrtimer");
  add(moves.irqs, "interrupt");
  add(moves.tasklets, "tasklet");
  return text.empty() ? std::string() : "; moved: " + text;
}

// What took a hundredth of the operation, failed or has not ended; the rest in one line. A step
// within another one is not part of the rest.
void add_phases(std::string& text, const HotplugUse& use) {
  auto out = std::back_inserter(text);
  std::size_t others = 0;
  Time rest = 0;
  fmt::format_to(out, "{:>6} {:<30} {:<16} {:>3} {:>12} {:>10}\n", "step", "callback", "in", "CPU",
                 "start", "time");
  for (const HotplugPhase& phase : use.phases) {
    if (phase.duration * 100 < use.duration && phase.ended && phase.result == 0) {
      ++others;
      rest += phase.duration;
      continue;
    }
    const std::string state = phase.state < 0 ? "lock" : std::to_string(phase.state);
    const std::string cpu = phase.cpu < 0 ? "" : std::to_string(phase.cpu);
    std::string end;
    if (!phase.ended) end = "  has not ended";
    if (phase.result != 0) end = fmt::format("  gave {}", phase.result);
    fmt::format_to(out, "{:>6} {:<30} {:<16} {:>3} {:>12} {:>10}{}\n", state, phase.function,
                   phase.task, cpu, time_text(phase.start), short_time_text(phase.duration), end);
  }
  if (others != 0) {
    fmt::format_to(out, "{:>6} {} more steps, {} in all\n", "", others, short_time_text(rest));
  }
}

}  // namespace

std::string hotplug_report_text(const HotplugReport& report) {
  std::string text;
  auto out = std::back_inserter(text);
  for (std::size_t i = 0; i < std::min(report.operations.size(), kInFull); ++i) {
    const HotplugUse& use = report.operations[i];
    std::string end = fmt::format("{} from t={}", short_time_text(use.duration), time_text(use.start));
    if (!use.ended) end += ", has not ended";
    if (use.result != 0) end += fmt::format(", failed with {}", use.result);
    fmt::format_to(out, "\nCPU {} {}{}: {}{}\n", use.cpu, use.up ? "online" : "offline",
                   use.suspend ? " (suspend)" : "", end, moved_text(use.moves));
    add_phases(text, use);
  }
  if (report.operations.size() <= kInFull) return text;
  fmt::format_to(out, "\n{:<12} {:>8} {:>8} {:>8} {:>8} {:>8}\n", "all CPUs", "times", "p50", "p90",
                 "p99", "max");
  for (const bool up : {false, true}) {
    const Latency& latency = up ? report.up : report.down;
    if (latency.count == 0) continue;
    fmt::format_to(out, "{:<12} {:>8} {:>8} {:>8} {:>8} {:>8}\n", up ? "online" : "offline",
                   latency.count, short_time_text(latency.p50), short_time_text(latency.p90),
                   short_time_text(latency.p99), short_time_text(latency.max));
  }
  return text;
}

nlohmann::ordered_json hotplug_json(const HotplugReport& report) {
  using Json = nlohmann::ordered_json;
  Json operations = Json::array();
  for (const HotplugUse& use : report.operations) {
    Json phases = Json::array();
    for (const HotplugPhase& phase : use.phases) {
      phases.push_back({{"state", phase.state},
                        {"callback", phase.function},
                        {"task", phase.task},
                        {"cpu", phase.cpu},
                        {"start", phase.start},
                        {"time", phase.duration},
                        {"ended", phase.ended},
                        {"result", phase.result}});
    }
    operations.push_back({{"cpu", use.cpu},
                          {"up", use.up},
                          {"suspend", use.suspend},
                          {"start", use.start},
                          {"time", use.duration},
                          {"ended", use.ended},
                          {"result", use.result},
                          {"moved",
                           {{"tasks", use.moves.tasks_pushed},
                            {"works", use.moves.works},
                            {"timers", use.moves.timers},
                            {"hrtimers", use.moves.hrtimers},
                            {"interrupts", use.moves.irqs},
                            {"tasklets", use.moves.tasklets}}},
                          {"phases", std::move(phases)}});
  }
  return operations;
}

}  // namespace kt::run
