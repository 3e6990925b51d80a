// Choosing a CPU for a task that wakes or is new: kernel/sched/core.c: select_task_rq() and
// kernel/sched/fair.c: select_task_rq_fair() with what they call.
#include <algorithm>
#include <limits>

#include "models/sched/scheduler.hpp"

namespace kt::sched {

bool Scheduler::is_cpu_allowed(const Task& p, int cpu) const {
  if (p.migration_disabled != 0 && cpu == p.cpu->id()) return machine_.cpu(cpu).online;
  if (!p.cpus_ptr->test(cpu)) return false;
  if (active_.test(cpu) && !dying_.test(cpu)) [[likely]]
    return true;
  if (p.migration_disabled != 0) return machine_.cpu(cpu).online;
  if (!p.is_kthread()) return active_.test(cpu);
  return machine_.cpu(cpu).online && (!dying_.test(cpu) || belongs_to_its_cpu(p));
}

int Scheduler::select_fallback_rq(Task& p, int cpu) {
  const cpu::CpuMask& node = machine_.topology().node(machine_.topology().node_of(cpu));
  for (int candidate : node) {
    if (is_cpu_allowed(p, candidate)) return candidate;
  }
  const auto allowed = [this, &p] {
    for (int candidate : *p.cpus_ptr) {
      if (is_cpu_allowed(p, candidate)) return candidate;
    }
    return -1;
  };
  const int found = allowed();
  if (found >= 0) return found;
  set_cpus_mask(p, machine_.topology().possible());  // its affinity is lost for good
  return allowed();
}

int Scheduler::select_task_rq(Task& p, int prev_cpu, unsigned wake_flags) {
  int cpu = p.cpus_ptr->first();
  if (p.migration_disabled != 0) {
    cpu = p.cpu->id();
  } else if (p.nr_cpus_allowed > 1) {
    if (p.sched_class == Class::kFair) cpu = select_task_rq_fair(p, prev_cpu, wake_flags);
    if (p.sched_class == Class::kRt) cpu = select_task_rq_rt(p, prev_cpu);
    if (p.sched_class == Class::kStop) cpu = p.cpu->id();
  }
  if (!is_cpu_allowed(p, cpu)) cpu = select_fallback_rq(p, p.cpu->id());
  return cpu;
}

// kernel/sched/isolation.c: housekeeping_any_cpu
int Scheduler::housekeeping_any_cpu() {
  const cpu::Topology& topology = machine_.topology();
  const int here = machine_.this_cpu().id();
  if (housekeeping_->test(here)) return here;
  const int node = topology.node_of(here);
  int nearest = housekeeping_->first();
  for (const int cpu : *housekeeping_) {
    const int distance = topology.distance(node, topology.node_of(cpu));
    if (distance < topology.distance(node, topology.node_of(nearest))) nearest = cpu;
  }
  return nearest;
}

// kernel/sched/fair.c: record_wakee
void Scheduler::record_wakee(const Task& p) {
  Task& curr = current();
  constexpr Time kDecay = 1'000'000'000;
  if (machine_.now() > curr.wakee_flip_decay + kDecay) {
    curr.wakee_flips /= 2;
    curr.wakee_flip_decay = machine_.now();
  }
  if (curr.last_wakee != &p) {
    curr.last_wakee = const_cast<Task*>(&p);
    ++curr.wakee_flips;
  }
}

bool Scheduler::wake_wide(const Task& p) {
  const auto factor = static_cast<std::uint32_t>(domains_->llc_size(machine_.this_cpu().id()));
  const auto [slave, master] = std::minmax(current().wakee_flips, p.wakee_flips);
  return slave >= factor && master >= slave * factor;
}

// kernel/sched/fair.c: wake_affine, wake_affine_idle, wake_affine_weight
int Scheduler::wake_affine(const Domain& sd, const Task& p, int this_cpu, int prev_cpu, bool sync) {
  Rq& here = rq(this_cpu);
  Rq& prev = rq(prev_cpu);
  if (here.idle_cpu() && domains_->share_cache(this_cpu, prev_cpu)) {
    return prev.idle_cpu() ? prev_cpu : this_cpu;
  }
  if (sync && here.nr_running - here.cfs.h_nr_delayed() == 1) return this_cpu;
  if (prev.idle_cpu()) return prev_cpu;
  here.update_load();
  prev.update_load();
  const auto task_load = static_cast<std::int64_t>(p.task_h_load());
  auto this_load = static_cast<std::int64_t>(here.load());
  auto prev_load = static_cast<std::int64_t>(prev.load());
  if (sync) {
    const auto current_load = static_cast<std::int64_t>(current().task_h_load());
    if (current_load > this_load) return this_cpu;
    this_load -= current_load;
  }
  this_load = (this_load + task_load) * 100;
  prev_load = (prev_load - task_load) * (100 + (sd.imbalance_pct - 100) / 2) + (sync ? 1 : 0);
  return this_load < prev_load ? this_cpu : prev_cpu;
}

int Scheduler::select_task_rq_fair(Task& p, int prev_cpu, unsigned wake_flags) {
  const bool sync = (wake_flags & kWfSync) != 0 && (current().flags & kPfExiting) == 0;
  const int cpu = machine_.this_cpu().id();
  const std::uint32_t sd_flag = (wake_flags & kWfFork) != 0 ? kSdBalanceFork : kSdBalanceWake;
  int new_cpu = prev_cpu;
  bool want_affine = false;
  if ((wake_flags & kWfTtwu) != 0) {
    record_wakee(p);
    want_affine = !wake_wide(p) && p.cpus_ptr->test(cpu);
  }
  const Domain* slow = nullptr;
  for (const Domain* sd = domains_->lowest(cpu); sd != nullptr; sd = sd->parent) {
    if (want_affine && (sd->flags & kSdWakeAffine) != 0 && sd->span->test(prev_cpu)) {
      if (cpu != prev_cpu) new_cpu = wake_affine(*sd, p, cpu, prev_cpu, sync);
      slow = nullptr;
      break;
    }
    if ((sd->flags & sd_flag) != 0) {
      slow = sd;
    } else if (!want_affine) {
      break;
    }
  }
  if (slow != nullptr) return find_dst_cpu(slow, p, cpu, prev_cpu, sd_flag);
  if ((wake_flags & kWfTtwu) != 0) return select_idle_sibling(p, prev_cpu, new_cpu);
  return new_cpu;
}

int Scheduler::select_idle_sibling(Task& p, int prev, int target) {
  const auto idle = [this](int cpu) { return rq(cpu).idle_cpu() || rq(cpu).sched_idle_cpu(); };
  if (idle(target)) return target;
  if (prev != target && domains_->share_cache(prev, target) && idle(prev)) return prev;
  Cpu& here = machine_.this_cpu();
  if (is_per_cpu_kthread(current()) && !here.in_interrupt() && prev == here.id() &&
      this_rq().nr_running <= 1) {
    return prev;  // a bound worker wakes who gave it the work
  }
  const int recent = p.recent_used_cpu;
  p.recent_used_cpu = prev;
  if (recent != prev && recent != target && domains_->share_cache(recent, target) && idle(recent) &&
      p.cpus_ptr->test(recent)) {
    return recent;
  }
  const Domain* llc = domains_->llc(target);
  if (llc == nullptr) return target;
  bool has_idle_core = false;
  if (machine_.topology().has_smt()) {
    has_idle_core = test_idle_cores(target);
    if (!has_idle_core && domains_->share_cache(prev, target)) {
      const int sibling = select_idle_smt(p, *llc, prev);
      if (sibling >= 0) return sibling;
    }
  }
  const int found = select_idle_cpu(p, *llc, has_idle_core, target);
  return found >= 0 ? found : target;
}

// kernel/sched/fair.c: select_idle_cpu. The busier the cache, the fewer CPUs are looked at
// (SIS_UTIL).
int Scheduler::select_idle_cpu(Task& p, const Domain& llc, bool has_idle_core, int target) {
  int idle_cpu = -1;
  int scans = cache_state(target).nr_idle_scan + 1;
  if (scans == 1) return -1;
  const int nr_cpus = machine_.nr_cpus();
  int cpu = llc.span->next_and_wrap(*p.cpus_ptr, (target + 1) % nr_cpus);
  for (int left = llc.span->count_and(*p.cpus_ptr); left > 0; --left) {
    if (has_idle_core) {
      const int core = select_idle_core(p, cpu, *llc.span, idle_cpu);
      if (core >= 0) return core;
    } else if (--scans <= 0) {
      return -1;
    } else if (rq(cpu).idle_cpu() || rq(cpu).sched_idle_cpu()) {
      return cpu;
    }
    cpu = llc.span->next_and_wrap(*p.cpus_ptr, (cpu + 1) % nr_cpus);
  }
  if (has_idle_core) set_idle_cores(target, false);
  return idle_cpu;
}

// kernel/sched/fair.c: select_idle_core. The core's CPU if all its threads idle, else -1; notes an
// idle thread on the way.
int Scheduler::select_idle_core(const Task& p, int core_cpu, const cpu::CpuMask& span,
                                int& idle_cpu) {
  bool whole_core = true;
  for (int cpu : machine_.topology().siblings(core_cpu)) {
    if (!rq(cpu).idle_cpu()) {
      whole_core = false;
      if (idle_cpu == -1 && rq(cpu).sched_idle_cpu() && span.test(cpu) && p.cpus_ptr->test(cpu)) {
        idle_cpu = cpu;
        break;
      }
      continue;
    }
    if (idle_cpu == -1 && span.test(cpu) && p.cpus_ptr->test(cpu)) idle_cpu = cpu;
  }
  return whole_core ? core_cpu : -1;
}

int Scheduler::select_idle_smt(const Task& p, const Domain& llc, int target) {
  for (int cpu : machine_.topology().siblings(target)) {
    if (cpu == target || !llc.span->test(cpu) || !p.cpus_ptr->test(cpu)) continue;
    if (rq(cpu).idle_cpu() || rq(cpu).sched_idle_cpu()) return cpu;
  }
  return -1;
}

bool Scheduler::test_idle_cores(int cpu) {
  return cache_state(cpu).has_idle_cores;
}

void Scheduler::set_idle_cores(int cpu, bool value) {
  cache_state(cpu).has_idle_cores = value;
}

// kernel/sched/fair.c: __update_idle_core, when a CPU goes idle
void Scheduler::update_idle_core(Rq& idle_rq) {
  if (!machine_.topology().has_smt() || test_idle_cores(idle_rq.id())) return;
  for (int cpu : machine_.topology().siblings(idle_rq.id())) {
    if (cpu != idle_rq.id() && !rq(cpu).idle_cpu()) return;
  }
  set_idle_cores(idle_rq.id(), true);
}

namespace {

// update_sg_wakeup_stats
GroupStats wakeup_stats(Scheduler& scheduler, const Domain& sd, const Group& group, const Task& p) {
  GroupStats stats;
  stats.weight = static_cast<unsigned>(group.weight);
  for (const int cpu : *group.span) {
    Rq& rq = scheduler.rq(cpu);
    rq.update_load();
    stats.capacity += rq.capacity();
    if (!p.cpus_ptr->test(cpu)) continue;
    stats.load += rq.load();
    stats.util += rq.util();
    stats.runnable += rq.runnable();
    const unsigned local = p.cpu->id() == cpu && p.on_rq == OnRq::kQueued ? 1 : 0;
    stats.h_nr_running += rq.cfs.nr_running() - local;
    stats.nr_running += rq.nr_running - local;
    if (rq.nr_running == local && rq.idle_cpu()) ++stats.idle_cpus;
  }
  stats.type = group_classify(sd.imbalance_pct, scheduler.group_imbalanced(group), stats);
  if (stats.type != GroupType::kHasSpare) stats.avg_load = stats.load_per_cpu();
  return stats;
}

// update_pick_idlest
bool idler(const GroupStats& candidate, const GroupStats& idlest) {
  if (candidate.type != idlest.type) return candidate.type < idlest.type;
  if (candidate.type == GroupType::kImbalanced) return false;
  if (candidate.type == GroupType::kHasSpare) {
    if (candidate.idle_cpus != idlest.idle_cpus) return candidate.idle_cpus > idlest.idle_cpus;
    return candidate.util < idlest.util;
  }
  return candidate.avg_load < idlest.avg_load;
}

}  // namespace

const Group* Scheduler::find_dst_group(const Domain& sd, const Task& p, int this_cpu) {
  const Group* local = nullptr;
  const Group* idlest = nullptr;
  GroupStats local_stats;
  GroupStats idlest_stats;
  idlest_stats.type = GroupType::kOverloaded;
  idlest_stats.avg_load = std::numeric_limits<std::uint32_t>::max();
  for (std::size_t i = 0; i < sd.groups.size(); ++i) {
    const Group& group = sd.groups[i];
    if (!group.span->intersects(*p.cpus_ptr)) continue;
    const GroupStats stats = wakeup_stats(*this, sd, group, p);
    if (group.span->test(this_cpu)) {
      local = &group;
      local_stats = stats;
    } else if (idler(stats, idlest_stats)) {
      idlest = &group;
      idlest_stats = stats;
    }
  }
  if (idlest == nullptr) return nullptr;
  if (local == nullptr) return idlest;
  if (local_stats.type != idlest_stats.type) {
    return local_stats.type < idlest_stats.type ? nullptr : idlest;
  }
  if (local_stats.type == GroupType::kImbalanced) return nullptr;
  if (local_stats.type == GroupType::kHasSpare) {
    if ((sd.flags & kSdNuma) != 0) {
      // Stay close to the waker while the node is nearly empty (adjust_numa_imbalance).
      const auto idle = static_cast<int>(local_stats.idle_cpus);
      const int difference = std::abs(idle - static_cast<int>(idlest_stats.idle_cpus));
      const int allowed = std::min(local->span->count_and(*p.cpus_ptr), sd.imb_numa_nr);
      const int running = static_cast<int>(local_stats.nr_running) + 1;
      if (adjust_numa_imbalance(difference, running, allowed) == 0) return nullptr;
    }
    return local_stats.idle_cpus >= idlest_stats.idle_cpus ? nullptr : idlest;
  }
  const auto pct = static_cast<std::uint64_t>(sd.imbalance_pct);
  const std::uint64_t imbalance = 1024 * (pct - 100) / 100;
  if ((sd.flags & kSdNuma) != 0 && idlest_stats.avg_load + imbalance >= local_stats.avg_load) {
    return nullptr;
  }
  if (idlest_stats.avg_load >= local_stats.avg_load + imbalance) return nullptr;
  if (100 * local_stats.avg_load <= pct * idlest_stats.avg_load) return nullptr;
  return idlest;
}

// sched_balance_find_dst_group_cpu
int Scheduler::find_dst_group_cpu(const Group& group, const Task& p, int this_cpu) {
  if (group.weight == 1) return group.span->first();
  int idle = -1;
  Time latest_idle = 0;
  int least_loaded = this_cpu;
  std::uint64_t least_load = std::numeric_limits<std::uint64_t>::max();
  for (int cpu = group.span->first_and(*p.cpus_ptr); cpu >= 0;
       cpu = group.span->next_and(*p.cpus_ptr, cpu + 1)) {
    const Rq& candidate = rq(cpu);
    if (candidate.sched_idle_cpu()) return cpu;
    if (candidate.idle_cpu()) {
      if (candidate.idle_stamp > latest_idle || (idle == -1 && candidate.idle_stamp == 0)) {
        latest_idle = candidate.idle_stamp;
        idle = cpu;
      }
    } else if (idle == -1 && candidate.load() < least_load) {
      least_load = candidate.load();
      least_loaded = cpu;
    }
  }
  return idle != -1 ? idle : least_loaded;
}

// sched_balance_find_dst_cpu
int Scheduler::find_dst_cpu(const Domain* sd, const Task& p, int cpu, int prev_cpu,
                            std::uint32_t flag) {
  if (!sd->span->intersects(*p.cpus_ptr)) return prev_cpu;
  int new_cpu = cpu;
  while (sd != nullptr) {
    const Group* group = (sd->flags & flag) != 0 ? find_dst_group(*sd, p, cpu) : nullptr;
    if (group == nullptr) {
      sd = sd->child;
      continue;
    }
    new_cpu = find_dst_group_cpu(*group, p, cpu);
    if (new_cpu == cpu) {
      sd = sd->child;
      continue;
    }
    cpu = new_cpu;
    const int weight = sd->span_weight;
    sd = nullptr;
    for (const Domain* lower = domains_->lowest(cpu); lower != nullptr; lower = lower->parent) {
      if (weight <= lower->span_weight) break;
      if ((lower->flags & flag) != 0) sd = lower;
    }
  }
  return new_cpu;
}

}  // namespace kt::sched
