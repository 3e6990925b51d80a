// A `do` body, compiled: a flat list of operations with jumps, so that an interpreter is one loop
// with a program counter and a few loop counters. Everything a statement names is an index.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "sim/time.hpp"
#include "tools/scenario/verbs.hpp"

namespace kt::scenario {

/// "not given" in Op::nice.
inline constexpr std::int32_t kNiceUnchanged = std::numeric_limits<std::int32_t>::min();

/// Op::choice of `set`.
enum class SetOperator : std::uint8_t { kAssign, kAdd, kSubtract };
/// Op::choice of `io`.
enum class IoDirection : std::uint8_t { kRead, kWrite };
/// Op::choice of `alloc` (kGfpKind of it); only kKernel, kNoio and kNofs may sleep.
enum class Gfp : std::uint8_t { kKernel, kNoio, kNofs, kNowait, kAtomic };
/// What else Op::choice of `alloc` holds: the kind, and __GFP_NORETRY, __GFP_RETRY_MAYFAIL,
/// __GFP_THISNODE.
inline constexpr std::uint8_t kGfpKind = 0x0f;
inline constexpr std::uint8_t kGfpNoretry = 0x10;
inline constexpr std::uint8_t kGfpRetryMayfail = 0x20;
inline constexpr std::uint8_t kGfpThisnode = 0x40;
/// Op::choice of `memory_pressure`.
enum class MemoryLevel : std::uint8_t { kNone, kLow, kMin };
/// Op::choice of `suspend`.
enum class SleepState : std::uint8_t { kS2idle, kDeep };
/// Op::choice of `sched_setscheduler`, and Scheduling::policy.
enum class Policy : std::uint8_t { kNormal, kFifo, kRr, kBatch, kIdle };
/// Op::choice of `set_workqueue_attrs`, and of a workqueue; kernel/workqueue.c: wq_affn_names.
enum class AffinityScope : std::uint8_t {
  kDefault,
  kCpu,
  kSmt,
  kCache,
  kNuma,
  kSystem,
  kUnchanged
};

/// What each field holds for each verb; fields not named keep their default. In brackets: the
/// section of Scenario that `object` indexes.
///
///   jump, branch_unless, loop_next        target; branch_unless: expression; the loops: counter
///   loop_begin                            counter, number
///   return                                number
///   run                                   time; or object [durations] if it is a distribution
///   stall, usleep, msleep, schedule_timeout   time
///   mem                                   number bytes, node (-1: the local one)
///   io                                    object [machine.disks], number bytes, choice IoDirection
///   alloc                                 object [variables] for the result (-1: none), number
///                                         bytes, choice Gfp and kGfp…, node (-1: the local one)
///   free                                  number bytes, node (-1: the nearest)
///   write                                 number bytes, node (-1: the local one)
///   set                                   object [variables], choice SetOperator, expression
///   assert                                expression
///   mark                                  object [texts]
///   set_state, __set_state                number: the state, in the kernel's bits
///   wake, signal                          object [threads]; signal: number of the signal
///   prepare_to_wait                       object [waitqueues], number state, flag exclusive
///   finish_wait, wake_up*                 object [waitqueues]
///   wait_event*                           object [waitqueues], expression, time (kNever: none)
///   complete*, wait_for_completion        object [completions], time (kNever: none)
///   lock, unlock; spin_*                  object [mutexes]; [spinlocks]
///   kthread_create, kthread_run           object [threads], always a kthread
///   kthread_stop, _park, _unpark          object [threads]: a kthread or a per-CPU thread instance
///   kthread_bind                          object [threads], cpu
///   kthread_*_work*                       object [kthread_works], instance, time delay
///   kthread_*_worker                      object [kthread_workers]
///   queue_work                            object [works], instance, cpu, node (-1: not given)
///   queue_delayed_work, mod_delayed_work  as queue_work, and time delay
///   flush/cancel/disable/enable_*work*    object [works], instance
///   init_work, free_work                  object [works], instance
///   *_workqueue                           object [workqueues]
///   set_max_active, set_min_active        object [workqueues], number
///   set_unbound_cpumask                   cpus [cpu_sets]
///   set_workqueue_attrs                   object [workqueues], nice (kNiceUnchanged), cpus (-1),
///                                         choice AffinityScope, strict (-1: unchanged)
///   set_worker_desc                       object [texts]
///   raise_softirq, tasklet_schedule       object [softirqs], [tasklets]
///   mod_timer, start_hrtimer              object [timers], [hrtimers], time delay
///   del_timer, del_timer_sync             object [timers]
///   cpu_down, cpu_up                      cpu
///   suspend                               choice SleepState, time wake_after (kNever: none), flag
///                                         wakeup_count, object [variables] for the result (-1)
///   pm_stay_awake, pm_relax               object [wakeup_sources]
///   pm_wakeup_event                       object [wakeup_sources], time for, flag hard
///   sched_setscheduler                    object [threads], choice Policy, number priority, nice,
///                                         time runtime (0: the base slice)
///   set_cpus_allowed                      object [threads], cpus [cpu_sets]
///   set_user_nice                         object [threads], nice
///   memory_pressure                       choice MemoryLevel, time for how long (kNever: for good)
struct Op {
  Verb verb = Verb::kReturn;
  std::uint8_t choice = 0;
  std::uint8_t counter = 0;
  bool flag = false;
  std::int32_t object = -1;
  std::int32_t instance = -1;  ///< of a work: -1 is the bare name (queueing takes the next one)
  std::int32_t expression = -1;
  std::int32_t target = -1;
  std::int32_t cpu = -1;
  std::int32_t node = -1;
  std::int32_t nice = kNiceUnchanged;
  std::int32_t cpus = -1;
  std::int32_t strict = -1;
  sim::Time time = 0;
  std::int64_t number = 0;
  std::uint32_t origin = 0;  ///< Scenario::origins: the JSON pointer, for reports
};

/// One body. `ops` is never empty: its last op is a return, so that control never runs off the end.
struct Program {
  std::vector<Op> ops;
  std::uint8_t counters = 0;  ///< how many loop counters the body needs
  std::uint32_t origin = 0;
};

}  // namespace kt::scenario
