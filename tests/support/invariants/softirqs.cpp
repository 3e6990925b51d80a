// sched 19-23: softirqs and interrupt handlers of one CPU. The end of a softirq run is visible by
// the next line in task or plain hardirq context only; ksoftirqd starts one run after another
// without such a line, so sched 21 leaves it out. Under PREEMPT_RT a softirq may be preempted, and
// a raise is left to whoever holds the CPU's BH lock, running or not; none runs on top of the idle
// task.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tests/support/invariants/checker.hpp"

namespace support {

namespace {

/// kernel/softirq.c: MAX_SOFTIRQ_RESTART.
constexpr unsigned kMaxPasses = 10;
constexpr sim::Time kLongestRestart = 50'000;    // ns
constexpr sim::Time kLongestRestartRt = 1'000;  // ns: a thread leaves no line between two handlers

struct SoftirqCpu {
  std::optional<std::int64_t> open;  ///< vector
  bool in_run = false;
  std::int64_t last_vector = -1;
  char preempt_depth = '.';  ///< at the last entry
  unsigned passes = 0;
  bool resched_at_exit = false;
  std::size_t last_exit = 0;  ///< line number
  sim::Time last_exit_time = 0;
  std::size_t last_outside = 0;  ///< line number of the last line that shows no softirq running
  std::size_t pass_since = 0;    ///< the pass began behind this line
  std::map<std::int64_t, std::size_t> raised;  ///< line number of the last raise
  std::map<std::int64_t, std::size_t>
      needs_raise;                      ///< a raise behind this line, for the next entry
  std::vector<std::int64_t> handlers;   ///< open irqs
  std::set<std::int64_t> preempted;     ///< PREEMPT_RT: threads switched out of softirqs
  std::optional<TraceLine> task_raise;  ///< sched 22: from task context, not answered yet
};

class SoftirqChecker : public Checker {
 public:
  using Checker::Checker;

  void see(const TraceLine& line, const World& world) override {
    SoftirqCpu& cpu = cpus_[line.cpu];
    // The run goes on later.
    const bool preempted = world.preempt_rt() && (cpu.open || !cpu.preempted.empty());
    if (!line.in_softirq() && line.flags[2] != 'H' && !preempted) {
      cpu.in_run = false;
      cpu.last_outside = line.number;
    }
    // What is left to ksoftirqd ends a run, though the next one may follow without a line in
    // between.
    if (line.event == "sched_waking" && !cpu.open && line.in_softirq() &&
        line.text_of("comm") == fmt::format("ksoftirqd/{}", line.cpu))
      cpu.in_run = false;
    answer_raise(cpu, line, world);
    if (line.event == "softirq_raise") raise(cpu, line, world);
    if (line.event == "softirq_entry") entry(cpu, line, world);
    if (line.event == "softirq_entry" && world.preempt_rt() && line.pid == 0)
      report("sched 19", line, "a softirq outside of threads");
    if (line.event == "softirq_exit") exit(cpu, line);
    if (line.event == "irq_handler_entry") cpu.handlers.push_back(line.number_of("irq"));
    if (line.event == "irq_handler_exit") handler_exit(cpu, line);
    if (line.event != "sched_switch") return;
    if (line.in_softirq()) cpu.preempted.insert(line.number_of("prev_pid"));
    cpu.preempted.erase(line.number_of("next_pid"));
    if (cpu.open && !world.preempt_rt()) report("sched 23", line, "switch within a softirq");
    if (!cpu.handlers.empty()) report("sched 23", line, "switch within an interrupt handler");
  }

 private:
  void entry(SoftirqCpu& cpu, const TraceLine& line, const World& world) {
    const std::int64_t vector = line.number_of("vec");
    if (cpu.open) report("sched 19", line, fmt::format("vector {} is open", *cpu.open));
    if (!line.in_softirq()) report("sched 19", line, "entry outside of softirq context");
    passes(cpu, line, vector, world.preempt_rt() ? kLongestRestartRt : kLongestRestart);
    const auto needed = cpu.needs_raise.find(vector);
    const auto raised = cpu.raised.find(vector);
    // A raise before the trace began may be behind the first pass.
    const std::size_t since = needed != cpu.needs_raise.end() ? needed->second : 0;
    if (cpu.last_exit != 0 && (raised == cpu.raised.end() || raised->second <= since))
      report("sched 20", line, "entry without raise");
    cpu.needs_raise[vector] = cpu.pass_since;
    cpu.open = vector;
  }

  void passes(SoftirqCpu& cpu, const TraceLine& line, std::int64_t vector, sim::Time longest) {
    // Between the passes of one run there is next to nothing; a section that an interrupt's exit
    // hits may leave no line of its own between two runs. One that its end starts has preemption
    // off.
    const bool apart = line.time - cpu.last_exit_time > longest ||
                       line.flags[3] != cpu.preempt_depth;
    const bool restarted = cpu.in_run && vector <= cpu.last_vector;
    if (!cpu.in_run || apart) cpu.passes = 0;
    if (!cpu.in_run || restarted) {
      ++cpu.passes;
      cpu.pass_since = std::max(cpu.last_exit, cpu.last_outside);
    }
    if (!line.comm.starts_with("ksoftirqd/")) {
      if (cpu.passes > kMaxPasses) report("sched 21", line, "more than ten passes");
      if (restarted && !apart && cpu.resched_at_exit)
        report("sched 21", line, "restarted although a switch is due");
    }
    cpu.in_run = true;
    cpu.last_vector = vector;
    cpu.preempt_depth = line.flags[3];
  }

  void exit(SoftirqCpu& cpu, const TraceLine& line) {
    if (cpu.last_exit != 0 && cpu.open != line.number_of("vec"))
      report("sched 19", line, "exit without entry");
    if (!line.in_softirq()) report("sched 19", line, "exit outside of softirq context");
    cpu.open.reset();
    cpu.last_exit = line.number;
    cpu.last_exit_time = line.time;
    cpu.resched_at_exit = line.flags[1] != '.';
  }

  void raise(SoftirqCpu& cpu, const TraceLine& line, const World& world) {
    cpu.raised[line.number_of("vec")] = line.number;
    const bool bh_off = line.flags[0] == 'b' || line.flags[0] == 'D';
    // The idle loop serves itself what others have asked of it (do_softirq_post_smp_call_flush),
    // and nohz_csd_func() raises without waking.
    const bool asked = line.pid == 0 && line.payload.find("SCHED") != std::string::npos;
    const bool awake = world.preempt_rt() || ksoftirqd_awake(line.cpu, world);
    if (line.in_task() && !bh_off && !asked && !awake) cpu.task_raise = line;
  }

  /// kernel/softirq.c: raise_softirq_irqoff. The waking comes before interrupts are on again, so
  /// before any other line that this CPU leaves with interrupts on, and before it switches.
  void answer_raise(SoftirqCpu& cpu, const TraceLine& line, const World& world) {
    if (!cpu.task_raise) return;
    const bool awake = ksoftirqd_awake(line.cpu, world) ||
                       (line.event == "sched_waking" &&
                        line.text_of("comm") == fmt::format("ksoftirqd/{}", line.cpu));
    const bool too_late =
        line.flags[0] == '.' || line.flags[0] == 'b' || line.event == "sched_switch";
    if (!awake && !too_late) return;
    if (!awake) report("sched 22", *cpu.task_raise, "raised by a task and ksoftirqd is not woken");
    cpu.task_raise.reset();
  }

  static bool ksoftirqd_awake(unsigned cpu, const World& world) {
    const std::string comm = fmt::format("ksoftirqd/{}", cpu);
    return std::any_of(world.tasks().begin(), world.tasks().end(), [&comm](const auto& entry) {
      const Task& task = entry.second;
      return task.comm == comm && (task.running_on || task.queued() || task.waking);
    });
  }

  void handler_exit(SoftirqCpu& cpu, const TraceLine& line) {
    const std::int64_t irq = line.number_of("irq");
    if (cpu.handlers.empty() || cpu.handlers.back() != irq)
      report("sched 23", line, "handler exit without entry");
    else
      cpu.handlers.pop_back();
  }

  std::map<unsigned, SoftirqCpu> cpus_;
};

}  // namespace

std::unique_ptr<Checker> softirq_checker(std::vector<Violation>& found) {
  return std::make_unique<SoftirqChecker>(found);
}

}  // namespace support
