// What the CPUs draw (SimGrid's host energy plugin): busy while anything but the idle loop's halt runs,
// idle in it, each in the P-state of its core, off while a CPU is offline; and how much between which moments of a run.
#pragma once

#include <string>
#include <vector>

#include "models/cpu/speed.hpp"
#include "models/hotplug/hotplug.hpp"
#include "sim/simulation.hpp"

namespace kt::run {

using sim::Time;

/// Joules of all CPUs from the end of the phase before on.
struct EnergyPhase {
  std::string name;
  Time start = 0;
  Time duration = 0;  ///< ns
  double joules = 0;
};

class Energy {
 public:
  /// Tells the platform of each CPU that begins and ends to idle, goes and comes, and of its P-states
  /// (`speeds`; null: always the first). Before the run.
  Energy(sim::Simulation& simulation, sched::Scheduler& scheduler, hotplug::Hotplug& hotplug,
         cpu::CpuSpeeds* speeds);
  Energy(const Energy&) = delete;
  Energy& operator=(const Energy&) = delete;

  /// J drawn so far.
  [[nodiscard]] double joules(int cpu) const;
  /// Those that have ended, and what has gone on since.
  [[nodiscard]] std::vector<EnergyPhase> phases() const;

 private:
  static void idle(void* self, cpu::Cpu& cpu, bool idle);
  static void online(void* self, cpu::Cpu& cpu, bool online);
  static void pstate(void* self, cpu::Cpu& cpu, std::uint32_t pstate);
  static void operation(void* self, const hotplug::Operation& operation, bool begin);
  void set_busy(const cpu::Cpu& cpu, bool busy);
  void end_phase(std::string next);
  [[nodiscard]] double total() const;

  sim::Simulation& simulation_;
  sched::Scheduler& scheduler_;
  std::vector<char> busy_;  // by CPU
  std::vector<EnergyPhase> ended_;
  EnergyPhase current_;
  double before_ = 0;  // J at its begin
};

/// The table of a report for people; empty if there are no phases.
std::string energy_text(const std::vector<EnergyPhase>& phases);

}  // namespace kt::run
