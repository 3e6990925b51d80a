// The numbers of a finished run: what ran where, how long threads waited for a CPU, what was
// expected and what is stuck. Built from the system alone; writing them down is somebody else's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/error.hpp"
#include "tools/run/frequency_report.hpp"
#include "tools/run/expect.hpp"
#include "tools/run/hotplug_report.hpp"
#include "tools/run/irq_report.hpp"
#include "tools/run/latency.hpp"
#include "tools/run/stuck.hpp"
#include "tools/run/suspend_report.hpp"
#include "tools/run/system.hpp"
#include "tools/run/workqueue_report.hpp"

namespace kt::run {

/// Counts migrations by the CPU that they lead to, from the trace.
class MigrationSink final : public sim::TraceSink {
 public:
  explicit MigrationSink(int nr_cpus) : to_(static_cast<std::size_t>(nr_cpus)) {}
  void write(std::span<const sim::TraceRecord> records, const sim::NameTable& names) override;
  [[nodiscard]] static trace::EventSet events();
  [[nodiscard]] std::uint64_t to(int cpu) const { return to_[static_cast<std::size_t>(cpu)]; }

 private:
  std::vector<std::uint64_t> to_;
};

struct CpuUse {
  int cpu = 0;
  int node = 0;
  Time busy = 0;  ///< ns with something but the idle task
  std::uint64_t switches = 0;
  std::uint64_t migrations_in = 0;
  std::optional<double> joules;  ///< drawn; nothing if nobody says what CPUs draw
};

/// The memory of a node; sizes in bytes.
struct MemoryUse {
  int node = 0;
  std::uint64_t free = 0;
  std::uint64_t min = 0;
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::uint64_t cache = 0;      ///< reclaimable, the next included
  std::uint64_t dirty = 0;      ///< or under writeback
  std::uint64_t allocated = 0;  ///< by alloc, and not freed
  std::uint64_t hogged = 0;     ///< by memory_pressure
  mm::NodeStats stats;
};

/// A task that the OOM killer has killed.
struct OomKill {
  std::int32_t pid = 0;
  std::string name;
  Time at = 0;
  std::uint64_t bytes = 0;  ///< what it had
};

struct ThreadUse {
  std::int32_t pid = 0;
  std::string name;
  char state = 'S';
  int cpu = 0;  ///< where it runs, or ran last
  bool of_scenario = false;
  Time runtime = 0;    ///< ns on a CPU
  Time run_delay = 0;  ///< ns runnable without a CPU
  std::uint64_t voluntary = 0;
  std::uint64_t involuntary = 0;
  std::uint64_t migrations = 0;
  std::uint64_t wakeups = 0;
  Latency latency;  ///< from sched_waking to the switch that lets it run
};

struct Report {
  std::string file;
  std::string name;
  std::uint64_t seed = 0;
  Time end = 0;
  Time horizon = 0;
  Ending ending = Ending::kDone;
  Time nothing_since = sim::kNever;
  std::string message;  ///< of a defect or a watchdog
  std::uint64_t events = 0;
  std::vector<std::string> ignored_parameters;  ///< of the kernel's command line
  std::vector<CpuUse> cpus;
  FrequencyReport frequencies;
  std::vector<EnergyPhase> energy;  ///< empty if nobody says what CPUs draw
  std::vector<MemoryUse> memory;   ///< one a node
  std::vector<OomKill> oom_kills;  ///< in order
  std::vector<ThreadUse> threads;  ///< those of the scenario in its order, then others that ran
  Latency wakeups;                 ///< of all tasks
  WorkqueueUse workqueues;
  IrqReport interrupts;
  std::vector<SuspendUse> suspends;
  HotplugReport hotplug;
  std::vector<Verdict> expectations;
  Stuck stuck;
  bool defect = false;
  std::string repeat;  ///< the command that repeats the run
  [[nodiscard]] sim::ExitCode code() const;
};

/// `own_events` were armed by whoever drove the run, to look at it: they are not the machine's.
Report build_report(System& system, const ExpectationSink& expectations,
                    const MigrationSink& migrations, std::uint64_t own_events);

}  // namespace kt::run
