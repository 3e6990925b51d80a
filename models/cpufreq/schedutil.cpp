// kernel/sched/cpufreq_schedutil.c for policies of one CPU.
#include <algorithm>

#include "models/cpufreq/cpufreq.hpp"

namespace kt::cpufreq {

namespace {

constexpr std::uint64_t kCapacity = sched::Rq::kCapacity;
constexpr std::uint32_t kIowaitBoostMin = kCapacity / 8;

// kernel/sched/syscalls.c: effective_cpu_util, and the headroom of sugov_effective_cpu_perf()
std::uint64_t sugov_get_util(const sched::Rq& rq, std::uint64_t boost) {
  std::uint64_t util = kCapacity;
  if (rq.rt.nr_running() == 0) util = std::min(kCapacity, rq.util() + rq.rt_avg.util());
  util = std::max(util, boost);
  return std::min(kCapacity, util + util / 4);
}

}  // namespace

bool Cpufreq::sugov_iowait_reset(Policy& policy, Time time, bool set_iowait_boost) const {
  if (time - policy.last_update <= scheduler_.config().tick) return false;
  policy.iowait_boost = set_iowait_boost ? kIowaitBoostMin : 0;
  policy.iowait_boost_pending = set_iowait_boost;
  return true;
}

// Each wakeup behind I/O within a tick of the one before doubles it.
void Cpufreq::sugov_iowait_boost(Policy& policy, Time time, bool set_iowait_boost) const {
  if (policy.iowait_boost != 0 && sugov_iowait_reset(policy, time, set_iowait_boost)) return;
  if (!set_iowait_boost || policy.iowait_boost_pending) return;
  policy.iowait_boost_pending = true;
  policy.iowait_boost = policy.iowait_boost == 0
                            ? kIowaitBoostMin
                            : std::min<std::uint32_t>(policy.iowait_boost * 2, kCapacity);
}

std::uint64_t Cpufreq::sugov_iowait_apply(Policy& policy, Time time) const {
  if (policy.iowait_boost == 0 || sugov_iowait_reset(policy, time, false)) return 0;
  if (!policy.iowait_boost_pending) {
    policy.iowait_boost /= 2;
    if (policy.iowait_boost < kIowaitBoostMin) return policy.iowait_boost = 0;
  }
  policy.iowait_boost_pending = false;
  return policy.iowait_boost;
}

// The slowest that is fast enough (CPUFREQ_RELATION_LE).
std::uint32_t Cpufreq::resolve_freq(std::uint64_t target_khz) const {
  const auto fast_enough = std::find_if(khz_.rbegin(), khz_.rend(),
                                        [target_khz](auto khz) { return khz >= target_khz; });
  return fast_enough == khz_.rend() ? khz_.front() : *fast_enough;
}

std::uint32_t Cpufreq::get_next_freq(Policy& policy, std::uint64_t util) const {
  const auto raw = static_cast<std::uint32_t>(khz_.front() * util / kCapacity);
  if (raw == policy.cached_raw_freq) return policy.next_freq;
  policy.cached_raw_freq = raw;
  return resolve_freq(raw);
}

void Cpufreq::sugov_update_single_freq(Policy& policy, const sched::Rq& rq, Time time,
                                       bool iowait) {
  sugov_iowait_boost(policy, time, iowait);
  policy.last_update = time;
  const bool first = policy.next_freq == 0;
  if (!first && time - policy.last_freq_update_time < freq_update_delay_) return;
  const std::uint32_t cached = policy.cached_raw_freq;
  const std::uint64_t util = sugov_get_util(rq, sugov_iowait_apply(policy, time));
  std::uint32_t next = get_next_freq(policy, util);
  // sugov_hold_freq(): a CPU that has not idled since is not slowed down.
  const bool hold = rq.nr_halts == policy.saved_idle_calls;
  policy.saved_idle_calls = rq.nr_halts;
  if (hold && next < policy.next_freq) {
    next = policy.next_freq;
    policy.cached_raw_freq = cached;
  }
  if (next == policy.next_freq) return;
  policy.next_freq = next;
  policy.last_freq_update_time = time;
  fast_switch(policy, *rq.cpu, next);
}

}  // namespace kt::cpufreq
