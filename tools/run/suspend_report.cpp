#include "tools/run/suspend_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tools/run/report_text.hpp"
#include "tools/run/time_text.hpp"

namespace kt::run {

namespace {

PhaseUse phase_use(const power::Phase& phase, const sim::NameTable& names) {
  PhaseUse use;
  use.name = phase.traced ? fmt::format("{}[{}]", phase.name, phase.value) : std::string(phase.name);
  use.depth = phase.depth;
  use.cpu = phase.cpu;
  use.thread = names[phase.thread];
  use.start = phase.start;
  if (phase.end >= 0) use.duration = phase.end - phase.start;
  use.note = phase.note;
  return use;
}

std::string phase_row(const PhaseUse& use) {
  const std::string name = std::string(2 * static_cast<std::size_t>(use.depth), ' ') + use.name;
  return fmt::format("  {:<26} {:>3} {:<15} {:>14} {:>9}  {}", name, use.cpu, use.thread,
                     time_text(use.start), use.duration < 0 ? "-" : short_time_text(use.duration),
                     use.note);
}

std::string result_text(const SuspendUse& use) {
  std::string text = use.duration < 0
                         ? "has not come back"
                         : fmt::format("{} after {}",
                                       use.result == 0 ? std::string("0")
                                                       : fmt::format("{} ({})", use.result,
                                                                     strerrorname_np(-use.result)),
                                       time_text(use.duration));
  if (use.asleep > 0) text += fmt::format(", and {} asleep", time_text(use.asleep));
  if (!use.woken_by.empty()) {
    text += fmt::format(", {} by {}", use.result == 0 ? "woken" : "aborted", use.woken_by);
  }
  return text;
}

std::string failure_text(const FreezeFailure& failure) {
  std::string text = fmt::format("  {}:\n", failure.headline());
  Stuck stuck;
  stuck.sleepers = failure.refusing;
  text += stuck_text(stuck);
  for (const BusyQueue& queue : failure.queues) {
    text += fmt::format("  workqueue {} is busy", queue.name);
    if (queue.waiting > 0)
      text += fmt::format(", {} active works wait for a worker", queue.waiting);
    text += ":\n";
    stuck.sleepers = queue.workers;
    text += stuck_text(stuck);
  }
  return text;
}

void strip_trailing_blanks(std::string& line) {
  while (!line.empty() && line.back() == ' ') line.pop_back();
}

}  // namespace

std::vector<SuspendUse> suspend_report(System& system) {
  const sim::NameTable& names = system.trace().names();
  std::vector<SuspendUse> uses;
  for (const power::Transition& transition : system.suspend().phases.all()) {
    SuspendUse& use = uses.emplace_back();
    use.state = transition.state;
    use.by = names[transition.by];
    use.pid = transition.pid;
    use.start = transition.start;
    if (transition.end >= 0) use.duration = transition.end - transition.start;
    use.asleep = transition.asleep;
    use.result = transition.result;
    use.woken_by = transition.woken_by;
    for (const power::Phase& phase : transition.phases) {
      use.phases.push_back(phase_use(phase, names));
    }
    for (const FreezeFailure& failure : system.freeze_failures().all()) {
      const bool mine = failure.start >= transition.start &&
                        (transition.end < 0 || failure.start <= transition.end);
      if (mine) use.failures.push_back(failure);
    }
  }
  return uses;
}

std::string suspend_report_text(const std::vector<SuspendUse>& suspends) {
  constexpr std::size_t kMostTables = 8;
  std::string text;
  std::size_t shown = 0;
  for (const SuspendUse& use : suspends) {
    if (shown++ == kMostTables) break;
    text += fmt::format("\nsuspend ({}) by {} (pid {}) at t={}: {}\n", use.state, use.by, use.pid,
                        time_text(use.start), result_text(use));
    text += fmt::format("  {:<26} {:>3} {:<15} {:>14} {:>9}\n", "phase", "CPU", "thread", "start",
                        "took");
    for (const PhaseUse& phase : use.phases) {
      std::string row = phase_row(phase);
      strip_trailing_blanks(row);
      text += row + '\n';
    }
    for (const FreezeFailure& failure : use.failures) text += failure_text(failure);
  }
  if (suspends.size() > kMostTables) {
    text += fmt::format("and {} more suspends: see --metrics\n", suspends.size() - kMostTables);
  }
  return text;
}

}  // namespace kt::run
