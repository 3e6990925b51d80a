// The run queue of one CPU (kernel/sched/sched.h: struct rq): one queue for each class, who runs, who
// idles, what remote CPUs have put on the wake list.
#pragma once

#include "models/sched/eevdf.hpp"
#include "models/sched/fair_server.hpp"
#include "models/sched/pelt.hpp"
#include "models/sched/rt_rq.hpp"
#include "models/sched/task.hpp"

namespace kt::sched {

/// struct __call_single_data: a function that one CPU has another one call, in its call-function
/// interrupt. Must stay until it has begun.
struct CallSingleData {
  sim::Co<> (*function)(void* object, cpu::Cpu& cpu) = nullptr;
  void* object = nullptr;
  bool queued = false;
  CallSingleData* next = nullptr;
};

struct Rq final : FairHooks {
  Rq(Scheduler& scheduler_, cpu::Cpu& cpu_, const FairTunables& tunables)
      : scheduler(&scheduler_), cpu(&cpu_), cfs(tunables, *this), fair_server(cpu_) {}

  [[nodiscard]] int id() const { return cpu->id(); }
  [[nodiscard]] Time clock() const { return cpu->now(); }
  /// idle_cpu(): runs the idle task, nothing queued, nothing on the wake list.
  [[nodiscard]] bool idle_cpu() const {
    return curr == idle && nr_running == 0 && !ttwu_pending;
  }
  /// sched_idle_cpu(): only SCHED_IDLE tasks queued.
  [[nodiscard]] bool sched_idle_cpu() const {
    return nr_running != 0 && nr_running == cfs.idle_h_nr_running();
  }
  /// cpu_load(): the weight of runnable fair tasks, averaged; see Pelt.
  [[nodiscard]] std::uint64_t load() const { return load_avg.average(); }
  void update_load(Time now);

  // FairHooks
  void account(Entity& curr, Time delta_exec) override;
  void resched_curr() override;
  void block(Entity& se) override;

  Scheduler* scheduler;
  cpu::Cpu* cpu;
  Task* curr = nullptr;
  Task* idle = nullptr;
  Task* stop = nullptr;       ///< migration/N
  Task* stop_queued = nullptr;  ///< it, while it is runnable
  Task* switch_prev = nullptr;  ///< who is being switched out (finish_task_switch's prev)
  unsigned nr_running = 0;
  std::uint64_t nr_switches = 0;
  CfsRq cfs;
  RtRq rt;
  FairServer fair_server;
  std::uint32_t active_mm = 0;    ///< address space loaded, borrowed by kernel threads

  Task* wake_list = nullptr;  ///< in order of arrival
  Task** wake_list_tail = &wake_list;
  bool ttwu_pending = false;
  CallSingleData* call_list = nullptr;  ///< in order of arrival
  CallSingleData** call_list_tail = &call_list;
  bool balance_push = false;  ///< the CPU goes offline: what runs here is pushed away
  int nr_pinned = 0;          ///< tasks here that are migrate-disabled
  std::uint64_t nr_pushed = 0;   ///< tasks that had to leave so
  Task* hotplug_wait = nullptr;  ///< cpuhp/N, until the others have left
  bool nohz_kick = false;     ///< asked to balance for the tickless CPUs (nohz_flags)

  std::uint64_t nr_halts = 0;  ///< how often the idle loop has stopped (RCU's extended quiescence)
  Time idle_stamp = 0;  ///< when it went idle; 0: it is not
  Time avg_idle = 1'000'000;
  Time next_balance = 0;
  bool tick_stopped = false;  ///< member of nohz.idle_cpus_mask
  Pelt load_avg;  ///< weights of runnable fair tasks
  Pelt util_avg;  ///< 1024 while anything but idle runs
  Pelt runnable_avg;  ///< 1024 for each runnable fair task
  Time last_switch = 0;
  Time last_resched_point = 0;  ///< when it last could have switched
  Time last_quiescent = 0;      ///< when it was last seen outside atomic sections
  Time busy_time = 0;  ///< ns with something but the idle task
};

inline Task& task_of(Entity& se) { return *static_cast<TaskEntity&>(se).task; }

}  // namespace kt::sched
