// CPU frequency scaling: one policy a CPU, governors performance, powersave and schedutil, a driver
// that switches fast (acpi-cpufreq with MSRs: drivers/cpufreq/acpi-cpufreq.c).
//
// schedutil is asked by the scheduler whenever the utilization of its CPU has changed
// (kernel/sched/cpufreq_schedutil.c); performance and powersave set a frequency once, before t = 0.
#pragma once

#include <cstdint>
#include <vector>

#include "models/cpu/speed.hpp"
#include "models/hotplug/hotplug.hpp"
#include "models/rcu/rcu.hpp"
#include "models/sched/scheduler.hpp"

namespace kt::cpufreq {

using sim::Co;
using sim::Time;

enum class Governor : std::uint8_t { kPerformance, kPowersave, kSchedutil };

/// The P-state in which the CPUs of a machine with `nr` of them begin: what the governor sets, and
/// with schedutil that of a machine that has idled.
std::uint32_t first_pstate(Governor governor, std::size_t nr);

struct CpufreqBase {
  sched::Scheduler& scheduler;
  cpu::CpuSpeeds& speeds;
  rcu::Rcu& rcu;
  hotplug::Hotplug& hotplug;
};

class Cpufreq {
 public:
  /// `khz`: of each P-state, the fastest first. `transition`: ns that a change takes.
  /// Registers itself with the scheduler, and the step cpufreq:online of CPU hotplug.
  Cpufreq(const CpufreqBase& base, Governor governor, std::vector<std::uint32_t> khz,
          Time transition);
  Cpufreq(const Cpufreq&) = delete;
  Cpufreq& operator=(const Cpufreq&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

  /// Between these the governors are stopped, one after the other. drivers/cpufreq/cpufreq.c
  Co<> cpufreq_suspend();
  void cpufreq_resume();

  [[nodiscard]] const std::vector<std::uint32_t>& khz() const { return khz_; }
  /// How often the policy of this CPU has changed its frequency (stats/total_trans).
  [[nodiscard]] std::uint64_t total_trans(int cpu) const { return at(cpu).total_trans; }
  /// ns of each P-state up to now (stats/time_in_state).
  [[nodiscard]] std::vector<Time> time_in_state(int cpu) const;
  /// The mean frequency while the CPU did not idle, in kHz; 0: it always did. turbostat: Bzy_MHz
  [[nodiscard]] double busy_khz(int cpu);

 private:
  /// struct cpufreq_policy, struct sugov_policy and struct sugov_cpu of one CPU.
  struct Policy {
    bool governed = true;   ///< the governor is asked
    std::uint32_t cur = 0;  // P-state
    std::uint64_t total_trans = 0;
    std::vector<Time> time_in_state;
    Time cur_since = 0;
    Time last_freq_update_time = 0;
    std::uint32_t next_freq = 0;  // kHz; 0: none yet
    std::uint32_t cached_raw_freq = 0;
    std::uint64_t saved_idle_calls = 0;
    bool iowait_boost_pending = false;
    std::uint32_t iowait_boost = 0;
    Time last_update = 0;
    cpu::CpuSpeeds::Counts at_tick;
  };

  [[nodiscard]] const Policy& at(int cpu) const { return policies_[static_cast<std::size_t>(cpu)]; }
  [[nodiscard]] Policy& at(int cpu) { return policies_[static_cast<std::size_t>(cpu)]; }
  static Co<int> cpuhp_cpufreq_online(hotplug::Hotplug& hotplug, cpu::Cpu& cpu, void* self);
  static Co<int> cpuhp_cpufreq_offline(hotplug::Hotplug& hotplug, cpu::Cpu& cpu, void* self);
  void start_governor(int cpu);
  Co<> stop_governor(int cpu);
  static void update_util(void* self, sched::Rq& rq, bool iowait);
  static void freq_tick(void* self, sched::Rq& rq);
  void sugov_update_single_freq(Policy& policy, const sched::Rq& rq, Time time, bool iowait);
  [[nodiscard]] bool sugov_iowait_reset(Policy& policy, Time time, bool set_iowait_boost) const;
  void sugov_iowait_boost(Policy& policy, Time time, bool set_iowait_boost) const;
  [[nodiscard]] std::uint64_t sugov_iowait_apply(Policy& policy, Time time) const;
  std::uint32_t get_next_freq(Policy& policy, std::uint64_t util) const;
  [[nodiscard]] std::uint32_t resolve_freq(std::uint64_t target_khz) const;
  void fast_switch(Policy& policy, cpu::Cpu& cpu, std::uint32_t khz);

  sched::Scheduler& scheduler_;
  cpu::CpuSpeeds& speeds_;
  rcu::Rcu& rcu_;
  Governor governor_;
  std::vector<std::uint32_t> khz_;
  Time freq_update_delay_;
  bool suspended_ = false;
  std::vector<Policy> policies_;  // by CPU
};

}  // namespace kt::cpufreq
