#include "models/cpu/speed.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "sim/error.hpp"

namespace kt::cpu {

CpuSpeeds::CpuSpeeds(Machine& machine, const SpeedSpec& spec, std::uint32_t first)
    : machine_(machine),
      transition_(spec.transition),
      smt_speed_(spec.smt_speed),
      cpus_(static_cast<std::size_t>(machine.nr_cpus())) {
  for (const double hertz : spec.pstates) {
    ratio_.push_back(
        static_cast<std::uint32_t>(std::lround(hertz / spec.pstates.front() * kFullSpeed)));
  }
  KT_ASSERT(first < ratio_.size(), "P-state {} of {}", first, ratio_.size());
  for (State& cpu : cpus_) cpu.requested = cpu.granted = first;
  machine.speeds = this;
  for (int cpu = 0; cpu < machine.nr_cpus(); ++cpu) update_core(cpu);
}

void CpuSpeeds::set_running(Cpu& cpu, bool running) {
  State& state = at(cpu.id());
  if (state.running == running) return;
  count(cpu.id());
  state.running = running;
  if (smt_speed_ < 1) update_core(cpu.id());
}

void CpuSpeeds::request_pstate(Cpu& cpu, std::uint32_t pstate) {
  KT_ASSERT(pstate < ratio_.size(), "P-state {} of {}", pstate, ratio_.size());
  State& state = at(cpu.id());
  state.requested = pstate;
  if (state.in_transition) return;
  state.in_transition = true;
  machine_.calendar().at(machine_.now() + transition_, &transition_ended, this,
                         static_cast<std::uint64_t>(cpu.id()));
}

void CpuSpeeds::transition_ended(void* self, std::uint64_t cpu) {
  CpuSpeeds& speeds = *static_cast<CpuSpeeds*>(self);
  const int id = static_cast<int>(cpu);
  State& state = speeds.at(id);
  state.in_transition = false;
  const std::uint32_t before = speeds.core_pstate(id);
  speeds.count_core(id);
  state.granted = state.requested;
  const std::uint32_t now = speeds.core_pstate(id);
  if (now == before) return;
  speeds.update_core(id);
  if (speeds.on_pstate.call == nullptr) return;
  for (const int sibling : speeds.machine_.topology().siblings(id))
    speeds.on_pstate.call(speeds.on_pstate.object, speeds.machine_.cpu(sibling), now);
}

CpuSpeeds::Counts CpuSpeeds::counts(int cpu) {
  count(cpu);
  return at(cpu).counts;
}

std::uint32_t CpuSpeeds::core_pstate(int cpu) const {
  std::uint32_t fastest = at(cpu).granted;
  for (const int sibling : machine_.topology().siblings(cpu))
    fastest = std::min(fastest, at(sibling).granted);
  return fastest;
}

void CpuSpeeds::count(int cpu) {
  State& state = at(cpu);
  const Time passed = machine_.now() - std::exchange(state.since, machine_.now());
  if (!state.running || passed == 0) return;
  state.counts.mperf += passed;
  state.rest += passed * ratio_[core_pstate(cpu)];
  state.counts.aperf += state.rest / kFullSpeed;
  state.rest %= kFullSpeed;
}

void CpuSpeeds::count_core(int cpu) {
  for (const int sibling : machine_.topology().siblings(cpu)) count(sibling);
}

void CpuSpeeds::update_core(int cpu) {
  const CpuMask& core = machine_.topology().siblings(cpu);
  int running = 0;
  for (const int sibling : core) running += at(sibling).running ? 1 : 0;
  const std::uint32_t full = ratio_[core_pstate(cpu)];
  for (const int sibling : core) {
    const int others = running - (at(sibling).running ? 1 : 0);
    const double share =
        others == 0 ? 1 : 1 - (1 - smt_speed_) * others / (static_cast<double>(core.count()) - 1);
    machine_.cpu(sibling).set_speed(
        static_cast<std::uint32_t>(std::max(1.0, std::round(full * share))));
  }
}

}  // namespace kt::cpu
