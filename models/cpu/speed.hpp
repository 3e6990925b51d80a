// How fast each CPU is: the frequency of its core, and what its siblings leave to it. Machines
// whose CPUs never change speed have none of this.
//
// A core runs at the highest P-state that one of its threads asks for (hardware coordination). Of
// two threads of a core that both run each gets less done than alone; one that idles in mwait or
// hlt takes nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "models/cpu/cpu.hpp"

namespace kt::cpu {

struct SpeedSpec {
  /// Hz, the fastest first; the cost table holds for the fastest. At least one.
  std::vector<double> pstates;
  /// ns from a request to the new frequency.
  Time transition = 10'000;
  /// What a thread gets done while all its siblings run, of what it does alone; 0 … 1, not 0. With
  /// fewer of them in proportion.
  double smt_speed = 1;
};

class CpuSpeeds {
 public:
  /// Every core starts in P-state `first`. Registers itself as `machine.speeds`.
  CpuSpeeds(Machine& machine, const SpeedSpec& spec, std::uint32_t first);
  CpuSpeeds(const CpuSpeeds&) = delete;
  CpuSpeeds& operator=(const CpuSpeeds&) = delete;

  /// The CPU begins or ends to idle, goes or comes.
  void set_running(Cpu& cpu, bool running);
  /// Its core is to run in this P-state (0: the fastest), if no sibling asks for a faster one.
  /// Holds after the time of a transition; a request that comes meanwhile replaces it.
  void request_pstate(Cpu& cpu, std::uint32_t pstate);
  [[nodiscard]] std::uint32_t requested(int cpu) const { return at(cpu).requested; }

  /// Cycles of a CPU since the start while it did not idle, and those of the fastest P-state in the
  /// same time, in ns of the fastest (MSR_IA32_APERF, MSR_IA32_MPERF).
  struct Counts {
    Time aperf = 0;
    Time mperf = 0;
  };
  [[nodiscard]] Counts counts(int cpu);

  /// Told when a core goes on in another P-state, for each of its CPUs.
  struct {
    void* object = nullptr;
    void (*call)(void*, Cpu&, std::uint32_t pstate) = nullptr;
  } on_pstate;

 private:
  struct State {
    bool running = false;
    bool in_transition = false;
    std::uint32_t requested = 0;  // P-state
    std::uint32_t granted = 0;    // the request that the hardware has taken up
    Time since = 0;               // counted up to here
    Counts counts;
    Time rest = 0;  // of aperf, in 65,536ths
  };

  [[nodiscard]] const State& at(int cpu) const { return cpus_[static_cast<std::size_t>(cpu)]; }
  [[nodiscard]] State& at(int cpu) { return cpus_[static_cast<std::size_t>(cpu)]; }
  [[nodiscard]] std::uint32_t core_pstate(int cpu) const;
  void count(int cpu);
  void count_core(int cpu);
  void update_core(int cpu);
  static void transition_ended(void* self, std::uint64_t cpu);

  Machine& machine_;
  std::vector<std::uint32_t> ratio_;  // of each P-state's frequency, in 65,536ths of the fastest
  Time transition_;
  double smt_speed_;
  std::vector<State> cpus_;
};

}  // namespace kt::cpu
