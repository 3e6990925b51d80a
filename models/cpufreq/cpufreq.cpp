#include "models/cpufreq/cpufreq.hpp"

#include <algorithm>
#include <utility>

namespace kt::cpufreq {

using trace::Event;

std::uint32_t first_pstate(Governor governor, std::size_t nr) {
  return governor == Governor::kPerformance ? 0 : static_cast<std::uint32_t>(nr - 1);
}

Cpufreq::Cpufreq(const CpufreqBase& base, Governor governor, std::vector<std::uint32_t> khz,
                 Time transition)
    : scheduler_(base.scheduler),
      speeds_(base.speeds),
      rcu_(base.rcu),
      governor_(governor),
      khz_(std::move(khz)),
      // cpufreq_policy_transition_delay_us(): half as much again to breathe
      freq_update_delay_(transition == 0 ? sim::kMs : transition + transition / 2),
      policies_(static_cast<std::size_t>(base.scheduler.machine().nr_cpus())) {
  for (Policy& policy : policies_) {
    policy.cur = first_pstate(governor, khz_.size());
    policy.time_in_state.resize(khz_.size());
  }
  for (int cpu = 0; cpu < scheduler_.machine().nr_cpus(); ++cpu) {
    scheduler_.rq(cpu).freq_invariant = true;
    scheduler_.rq(cpu).freq_scale =
        static_cast<std::uint32_t>(std::uint64_t{1024} * khz_[at(cpu).cur] / khz_.front());
  }
  scheduler_.cpufreq = {.object = this,
                        .update_util = governor == Governor::kSchedutil ? &update_util : nullptr,
                        .tick = &freq_tick};
  base.hotplug.add_driver_step(
      "cpufreq:online",
      {.name = "cpuhp_cpufreq_online", .function = &cpuhp_cpufreq_online, .object = this},
      {.name = "cpuhp_cpufreq_offline", .function = &cpuhp_cpufreq_offline, .object = this});
}

Co<int> Cpufreq::cpuhp_cpufreq_online(hotplug::Hotplug&, cpu::Cpu& cpu, void* self) {
  Cpufreq& cpufreq = *static_cast<Cpufreq*>(self);
  if (!cpufreq.suspended_) cpufreq.start_governor(cpu.id());
  co_return 0;
}

Co<int> Cpufreq::cpuhp_cpufreq_offline(hotplug::Hotplug&, cpu::Cpu& cpu, void* self) {
  co_await static_cast<Cpufreq*>(self)->stop_governor(cpu.id());
  co_return 0;
}

// kernel/sched/cpufreq_schedutil.c: sugov_start
void Cpufreq::start_governor(int cpu) {
  Policy& policy = at(cpu);
  policy.governed = true;
  policy.last_freq_update_time = 0;
  policy.next_freq = policy.cached_raw_freq = 0;
}

// kernel/sched/cpufreq_schedutil.c: sugov_stop
Co<> Cpufreq::stop_governor(int cpu) {
  if (!at(cpu).governed || governor_ != Governor::kSchedutil) co_return;
  at(cpu).governed = false;
  co_await rcu_.synchronize_rcu();
}

Co<> Cpufreq::cpufreq_suspend() {
  for (int cpu = 0; cpu < scheduler_.machine().nr_cpus(); ++cpu) {
    if (scheduler_.machine().cpu(cpu).online) co_await stop_governor(cpu);
  }
  suspended_ = true;
}

void Cpufreq::cpufreq_resume() {
  suspended_ = false;
  for (int cpu = 0; cpu < scheduler_.machine().nr_cpus(); ++cpu) {
    if (scheduler_.machine().cpu(cpu).online) start_governor(cpu);
  }
}

std::vector<Time> Cpufreq::time_in_state(int cpu) const {
  std::vector<Time> times = at(cpu).time_in_state;
  times[at(cpu).cur] += scheduler_.machine().now() - at(cpu).cur_since;
  return times;
}

double Cpufreq::busy_khz(int cpu) {
  const cpu::CpuSpeeds::Counts counts = speeds_.counts(cpu);
  if (counts.mperf == 0) return 0;
  return khz_.front() * static_cast<double>(counts.aperf) / static_cast<double>(counts.mperf);
}

void Cpufreq::update_util(void* self, sched::Rq& rq, bool iowait) {
  Cpufreq& cpufreq = *static_cast<Cpufreq*>(self);
  if (!cpufreq.at(rq.id()).governed) return;
  cpufreq.sugov_update_single_freq(cpufreq.at(rq.id()), rq, rq.clock(), iowait);
}

// arch/x86/kernel/cpu/aperfmperf.c: arch_scale_freq_tick, without turbo: the fastest P-state is
// what capacity 1024 means.
void Cpufreq::freq_tick(void* self, sched::Rq& rq) {
  Cpufreq& cpufreq = *static_cast<Cpufreq*>(self);
  Policy& policy = cpufreq.at(rq.id());
  const cpu::CpuSpeeds::Counts now = cpufreq.speeds_.counts(rq.id());
  const Time acnt = now.aperf - policy.at_tick.aperf;
  const Time mcnt = now.mperf - policy.at_tick.mperf;
  policy.at_tick = now;
  if (acnt == 0 || mcnt == 0) return;
  (void)rq.clock_pelt();  // what has passed at the old one
  rq.freq_scale = static_cast<std::uint32_t>(std::clamp<Time>(acnt * 1024 / mcnt, 1, 1024));
}

// drivers/cpufreq/cpufreq.c: cpufreq_driver_fast_switch
void Cpufreq::fast_switch(Policy& policy, cpu::Cpu& cpu, std::uint32_t khz) {
  const auto pstate =
      static_cast<std::uint32_t>(std::find(khz_.begin(), khz_.end(), khz) - khz_.begin());
  if (pstate != policy.cur) {
    policy.time_in_state[policy.cur] += cpu.now() - policy.cur_since;
    policy.cur_since = cpu.now();
    policy.cur = pstate;
    ++policy.total_trans;
  }
  speeds_.request_pstate(cpu, pstate);
  cpu.trace(Event::kCpuFrequency, khz, cpu.id());
}

}  // namespace kt::cpufreq
