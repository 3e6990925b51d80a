// sched 12, kthread 9-11: parked threads. An unpark is no event of its own: what can be said of it
// is that a task makes it, never an interrupt, and for the kernel's own per-CPU threads which one.
#include <fmt/format.h>

#include "tests/support/invariants/checker.hpp"

namespace support {

namespace {

/// N of "name/N", or nothing.
std::optional<unsigned> slash_cpu(std::string_view comm) {
  const std::size_t slash = comm.rfind('/');
  if (slash == std::string_view::npos || slash + 1 == comm.size()) return std::nullopt;
  unsigned cpu = 0;
  for (const char c : comm.substr(slash + 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    cpu = cpu * 10 + static_cast<unsigned>(c - '0');
  }
  return cpu;
}

class ParkChecker : public Checker {
 public:
  using Checker::Checker;

  void see(const TraceLine& line, const World& world) override {
    if (line.event == "sched_waking") waking(line, world);
    if (line.event == "return") returned(line, world);
    if (line.event == "sched_switch") switched(line, world);
  }

 private:
  void waking(const TraceLine& line, const World& world) {
    const Task* task = world.find(line.number_of("pid"));
    if (task == nullptr || !task->blocked() || task->out_state != "P") return;
    if (!line.in_task()) report("sched 12", line, "a parked task is woken by an interrupt");
    const auto cpu = slash_cpu(task->comm);
    if (!cpu) return;
    const bool wrong =
        (task->comm.starts_with("ksoftirqd/") && line.comm != fmt::format("cpuhp/{}", *cpu)) ||
        (task->comm.starts_with("migration/") && (line.pid != 0 || line.cpu != *cpu));
    if (wrong)
      report("kthread 10", line, "a parked per-CPU thread is woken by another than its unparker");
  }

  /// A line "KPARK(thread) = 0"; the object's name is the thread's.
  void returned(const TraceLine& line, const World& world) {
    constexpr std::string_view kVerb = "KPARK(";
    const std::string_view text = line.payload;
    if (!text.starts_with(kVerb) || !text.ends_with(") = 0")) return;
    const std::string_view comm = text.substr(kVerb.size(), text.size() - kVerb.size() - 5);
    for (const auto& [pid, task] : world.tasks())
      if (task.comm == comm && !task.dead && task.out_state != "P")
        report("kthread 9", line, fmt::format("thread {} is not parked", pid));
  }

  void switched(const TraceLine& line, const World& world) {
    const Task* task = world.find(line.number_of("next_pid"));
    if (task == nullptr || !task->has_parked) return;
    const auto cpu = slash_cpu(task->comm);
    if (cpu && *cpu != line.cpu) report("kthread 11", line, "a per-CPU thread runs elsewhere");
  }
};

}  // namespace

std::unique_ptr<Checker> park_checker(std::vector<Violation>& found) {
  return std::make_unique<ParkChecker>(found);
}

}  // namespace support
