#include "tools/scenario/verbs.hpp"

#include <algorithm>
#include <array>

#include "sim/error.hpp"

namespace kt::scenario {
namespace {

using C = Context;
using A = Argument;

// kHardirq: callable anywhere; kSoftirq: anywhere but in hardirq context (timer_delete_sync spins
// on a handler that it may have interrupted); kTask: may sleep, or acts on the current task.
constexpr std::array kVerbs{
    VerbInfo{Verb::kIf, "if", A::kCondition, C::kHardirq},
    VerbInfo{Verb::kWhile, "while", A::kCondition, C::kHardirq},
    VerbInfo{Verb::kLoop, "loop", A::kLoopCount, C::kHardirq},
    VerbInfo{Verb::kBreak, "break", A::kNone, C::kHardirq},
    VerbInfo{Verb::kContinue, "continue", A::kNone, C::kHardirq},
    VerbInfo{Verb::kReturn, "return", A::kInteger, C::kHardirq},
    VerbInfo{Verb::kRun, "run", A::kDuration, C::kHardirq},
    VerbInfo{Verb::kStall, "stall", A::kTime, C::kHardirq},
    VerbInfo{Verb::kUsleep, "usleep", A::kTime, C::kTask},
    VerbInfo{Verb::kMsleep, "msleep", A::kTime, C::kTask},
    VerbInfo{Verb::kYield, "yield", A::kNone, C::kTask},
    VerbInfo{Verb::kCondResched, "cond_resched", A::kNone, C::kTask},
    VerbInfo{Verb::kMem, "mem", A::kMem, C::kHardirq},
    VerbInfo{Verb::kIo, "io", A::kIo, C::kTask},
    VerbInfo{Verb::kAlloc, "alloc", A::kAlloc, C::kHardirq},
    VerbInfo{Verb::kFree, "free", A::kFree, C::kHardirq},
    VerbInfo{Verb::kWrite, "write", A::kWrite, C::kTask},
    VerbInfo{Verb::kFsync, "fsync", A::kNone, C::kTask},
    VerbInfo{Verb::kSet, "set", A::kAssignment, C::kHardirq},
    VerbInfo{Verb::kAssert, "assert", A::kExpression, C::kHardirq},
    VerbInfo{Verb::kMark, "mark", A::kText, C::kHardirq},
    VerbInfo{Verb::kSetState, "set_state", A::kTaskState, C::kTask},
    VerbInfo{Verb::kSetStateRelaxed, "__set_state", A::kTaskState, C::kTask},
    VerbInfo{Verb::kSchedule, "schedule", A::kNone, C::kTask},
    VerbInfo{Verb::kScheduleTimeout, "schedule_timeout", A::kTime, C::kTask},
    VerbInfo{Verb::kWake, "wake", A::kThread, C::kHardirq},
    VerbInfo{Verb::kSignal, "signal", A::kSignal, C::kHardirq},
    VerbInfo{Verb::kPrepareToWait, "prepare_to_wait", A::kPrepareToWait, C::kTask},
    VerbInfo{Verb::kFinishWait, "finish_wait", A::kWaitqueue, C::kTask},
    VerbInfo{Verb::kWakeUp, "wake_up", A::kWaitqueue, C::kHardirq},
    VerbInfo{Verb::kWakeUpAll, "wake_up_all", A::kWaitqueue, C::kHardirq},
    VerbInfo{Verb::kWakeUpInterruptible, "wake_up_interruptible", A::kWaitqueue, C::kHardirq},
    VerbInfo{Verb::kWaitEvent, "wait_event", A::kWaitEvent, C::kTask},
    VerbInfo{Verb::kWaitEventInterruptible, "wait_event_interruptible", A::kWaitEvent, C::kTask},
    VerbInfo{Verb::kWaitEventFreezable, "wait_event_freezable", A::kWaitEvent, C::kTask},
    VerbInfo{Verb::kWaitEventTimeout, "wait_event_timeout", A::kWaitEventTimeout, C::kTask},
    VerbInfo{Verb::kComplete, "complete", A::kCompletion, C::kHardirq},
    VerbInfo{Verb::kCompleteAll, "complete_all", A::kCompletion, C::kHardirq},
    VerbInfo{Verb::kWaitForCompletion, "wait_for_completion", A::kCompletionTimeout, C::kTask},
    VerbInfo{Verb::kLock, "lock", A::kMutex, C::kTask},
    VerbInfo{Verb::kUnlock, "unlock", A::kMutex, C::kTask},
    VerbInfo{Verb::kSpinLock, "spin_lock", A::kSpinlock, C::kHardirq},
    VerbInfo{Verb::kSpinUnlock, "spin_unlock", A::kSpinlock, C::kHardirq},
    VerbInfo{Verb::kSpinLockIrqsave, "spin_lock_irqsave", A::kSpinlock, C::kHardirq},
    VerbInfo{Verb::kSpinUnlockIrqrestore, "spin_unlock_irqrestore", A::kSpinlock, C::kHardirq},
    VerbInfo{Verb::kLocalIrqDisable, "local_irq_disable", A::kNone, C::kHardirq},
    VerbInfo{Verb::kLocalIrqEnable, "local_irq_enable", A::kNone, C::kHardirq},
    VerbInfo{Verb::kPreemptDisable, "preempt_disable", A::kNone, C::kHardirq},
    VerbInfo{Verb::kPreemptEnable, "preempt_enable", A::kNone, C::kHardirq},
    VerbInfo{Verb::kLocalBhDisable, "local_bh_disable", A::kNone, C::kSoftirq},
    VerbInfo{Verb::kLocalBhEnable, "local_bh_enable", A::kNone, C::kSoftirq},
    VerbInfo{Verb::kKthreadCreate, "kthread_create", A::kKthread, C::kTask},
    VerbInfo{Verb::kKthreadRun, "kthread_run", A::kKthread, C::kTask},
    VerbInfo{Verb::kKthreadStop, "kthread_stop", A::kParkable, C::kTask},
    VerbInfo{Verb::kKthreadPark, "kthread_park", A::kParkable, C::kTask},
    VerbInfo{Verb::kKthreadUnpark, "kthread_unpark", A::kParkable, C::kTask},
    VerbInfo{Verb::kKthreadBind, "kthread_bind", A::kBind, C::kTask},
    VerbInfo{Verb::kParkme, "parkme", A::kNone, C::kKthread},
    VerbInfo{Verb::kTryToFreeze, "try_to_freeze", A::kNone, C::kTask},
    VerbInfo{Verb::kSetFreezable, "set_freezable", A::kNone, C::kKthread},
    VerbInfo{Verb::kKthreadQueueWork, "kthread_queue_work", A::kKthreadWork, C::kHardirq},
    VerbInfo{Verb::kKthreadFlushWork, "kthread_flush_work", A::kKthreadWork, C::kTask},
    VerbInfo{Verb::kKthreadCancelWorkSync, "kthread_cancel_work_sync", A::kKthreadWork, C::kTask},
    VerbInfo{Verb::kKthreadQueueDelayedWork, "kthread_queue_delayed_work", A::kKthreadDelayedWork,
             C::kHardirq},
    VerbInfo{Verb::kKthreadModDelayedWork, "kthread_mod_delayed_work", A::kKthreadDelayedWork,
             C::kHardirq},
    VerbInfo{Verb::kKthreadFlushWorker, "kthread_flush_worker", A::kKthreadWorker, C::kTask},
    VerbInfo{Verb::kKthreadDestroyWorker, "kthread_destroy_worker", A::kKthreadWorker, C::kTask},
    VerbInfo{Verb::kQueueWork, "queue_work", A::kQueueWork, C::kHardirq},
    VerbInfo{Verb::kQueueDelayedWork, "queue_delayed_work", A::kDelayedWork, C::kHardirq},
    VerbInfo{Verb::kModDelayedWork, "mod_delayed_work", A::kDelayedWork, C::kHardirq},
    VerbInfo{Verb::kFlushWork, "flush_work", A::kWork, C::kTask},
    VerbInfo{Verb::kFlushDelayedWork, "flush_delayed_work", A::kWork, C::kTask},
    VerbInfo{Verb::kCancelWork, "cancel_work", A::kWork, C::kHardirq},
    VerbInfo{Verb::kCancelWorkSync, "cancel_work_sync", A::kWork, C::kTask},
    VerbInfo{Verb::kCancelDelayedWork, "cancel_delayed_work", A::kWork, C::kHardirq},
    VerbInfo{Verb::kCancelDelayedWorkSync, "cancel_delayed_work_sync", A::kWork, C::kTask},
    VerbInfo{Verb::kDisableWork, "disable_work", A::kWork, C::kHardirq},
    VerbInfo{Verb::kDisableWorkSync, "disable_work_sync", A::kWork, C::kTask},
    VerbInfo{Verb::kEnableWork, "enable_work", A::kWork, C::kHardirq},
    VerbInfo{Verb::kFlushWorkqueue, "flush_workqueue", A::kWorkqueue, C::kTask},
    VerbInfo{Verb::kDrainWorkqueue, "drain_workqueue", A::kWorkqueue, C::kTask},
    VerbInfo{Verb::kDestroyWorkqueue, "destroy_workqueue", A::kWorkqueue, C::kTask},
    VerbInfo{Verb::kSetMaxActive, "set_max_active", A::kMaxActive, C::kTask},
    VerbInfo{Verb::kSetMinActive, "set_min_active", A::kMinActive, C::kTask},
    VerbInfo{Verb::kSetWorkqueueAttrs, "set_workqueue_attrs", A::kWorkqueueAttrs, C::kTask},
    VerbInfo{Verb::kSetWorkerDesc, "set_worker_desc", A::kText, C::kHardirq},
    VerbInfo{Verb::kSetUnboundCpumask, "set_unbound_cpumask", A::kCpus, C::kTask},
    VerbInfo{Verb::kAllocWorkqueue, "alloc_workqueue", A::kWorkqueue, C::kTask},
    VerbInfo{Verb::kInitWork, "init_work", A::kWork, C::kHardirq},
    VerbInfo{Verb::kFreeWork, "free_work", A::kWork, C::kHardirq},
    VerbInfo{Verb::kRaiseSoftirq, "raise_softirq", A::kSoftirq, C::kHardirq},
    VerbInfo{Verb::kTaskletSchedule, "tasklet_schedule", A::kTasklet, C::kHardirq},
    VerbInfo{Verb::kModTimer, "mod_timer", A::kTimerDelay, C::kHardirq},
    VerbInfo{Verb::kDelTimer, "del_timer", A::kTimer, C::kHardirq},
    VerbInfo{Verb::kDelTimerSync, "del_timer_sync", A::kTimer, C::kSoftirq},
    VerbInfo{Verb::kStartHrtimer, "start_hrtimer", A::kHrtimerDelay, C::kHardirq},
    VerbInfo{Verb::kCpuDown, "cpu_down", A::kCpu, C::kTask},
    VerbInfo{Verb::kCpuUp, "cpu_up", A::kCpu, C::kTask},
    VerbInfo{Verb::kCpusReadLock, "cpus_read_lock", A::kNone, C::kTask},
    VerbInfo{Verb::kCpusReadUnlock, "cpus_read_unlock", A::kNone, C::kTask},
    VerbInfo{Verb::kSuspend, "suspend", A::kSuspend, C::kTask},
    VerbInfo{Verb::kPmStayAwake, "pm_stay_awake", A::kWakeupSource, C::kHardirq},
    VerbInfo{Verb::kPmRelax, "pm_relax", A::kWakeupSource, C::kHardirq},
    VerbInfo{Verb::kPmWakeupEvent, "pm_wakeup_event", A::kWakeupEvent, C::kHardirq},
    VerbInfo{Verb::kPmSystemWakeup, "pm_system_wakeup", A::kNone, C::kHardirq},
    VerbInfo{Verb::kSchedSetscheduler, "sched_setscheduler", A::kScheduler, C::kTask},
    VerbInfo{Verb::kSetCpusAllowed, "set_cpus_allowed", A::kAffinity, C::kTask},
    VerbInfo{Verb::kSetUserNice, "set_user_nice", A::kNice, C::kHardirq},
    VerbInfo{Verb::kMemoryPressure, "memory_pressure", A::kMemoryPressure, C::kTask},
};

constexpr std::size_t kFirst = static_cast<std::size_t>(Verb::kIf);

constexpr bool in_order() {
  for (std::size_t i = 0; i < kVerbs.size(); ++i)
    if (static_cast<std::size_t>(kVerbs[i].verb) != kFirst + i) return false;
  return kFirst + kVerbs.size() == static_cast<std::size_t>(Verb::kCount);
}
static_assert(in_order(), "kVerbs has every verb, in the order of the enumeration");

struct ArgumentKeys {
  Argument argument;
  std::array<std::string_view, 5> keys;
};

constexpr std::array kArgumentKeys{
    ArgumentKeys{A::kMem, {"bytes", "node"}},
    ArgumentKeys{A::kIo, {"disk", "bytes", "op"}},
    ArgumentKeys{A::kAlloc, {"bytes", "gfp", "node", "result"}},
    ArgumentKeys{A::kFree, {"bytes", "node"}},
    ArgumentKeys{A::kWrite, {"bytes", "node"}},
    ArgumentKeys{A::kSignal, {"thread", "signal"}},
    ArgumentKeys{A::kPrepareToWait, {"waitqueue", "state", "exclusive"}},
    ArgumentKeys{A::kWaitEvent, {"waitqueue", "until"}},
    ArgumentKeys{A::kWaitEventTimeout, {"waitqueue", "until", "timeout"}},
    ArgumentKeys{A::kCompletionTimeout, {"completion", "timeout"}},
    ArgumentKeys{A::kBind, {"thread", "cpu"}},
    ArgumentKeys{A::kKthreadDelayedWork, {"work", "delay"}},
    ArgumentKeys{A::kQueueWork, {"work", "cpu", "node"}},
    ArgumentKeys{A::kDelayedWork, {"work", "delay", "cpu"}},
    ArgumentKeys{A::kMaxActive, {"workqueue", "max_active"}},
    ArgumentKeys{A::kMinActive, {"workqueue", "min_active"}},
    ArgumentKeys{A::kWorkqueueAttrs, {"workqueue", "nice", "cpus", "affinity_scope", "strict"}},
    ArgumentKeys{A::kTimerDelay, {"name", "delay"}},
    ArgumentKeys{A::kHrtimerDelay, {"name", "delay"}},
    ArgumentKeys{A::kSuspend, {"state", "wake_after", "wakeup_count", "result"}},
    ArgumentKeys{A::kWakeupEvent, {"source", "for", "hard"}},
    ArgumentKeys{A::kScheduler, {"thread", "policy", "priority", "nice", "runtime"}},
    ArgumentKeys{A::kAffinity, {"thread", "cpus"}},
    ArgumentKeys{A::kNice, {"thread", "nice"}},
    ArgumentKeys{A::kMemoryPressure, {"level", "for"}},
};

}  // namespace

std::span<const VerbInfo> verbs() {
  return kVerbs;
}

const VerbInfo* find_verb(std::string_view name) {
  const auto found =
      std::find_if(kVerbs.begin(), kVerbs.end(), [&](const VerbInfo& v) { return v.name == name; });
  return found == kVerbs.end() ? nullptr : &*found;
}

const VerbInfo& info(Verb verb) {
  const auto index = static_cast<std::size_t>(verb);
  KT_ASSERT(index >= kFirst && index < kFirst + kVerbs.size(), "verb {} has no name", index);
  return kVerbs[index - kFirst];
}

std::span<const std::string_view> argument_keys(Argument argument) {
  for (const ArgumentKeys& entry : kArgumentKeys) {
    if (entry.argument != argument) continue;
    const auto end = std::find(entry.keys.begin(), entry.keys.end(), std::string_view{});
    return {entry.keys.begin(), static_cast<std::size_t>(end - entry.keys.begin())};
  }
  return {};
}

}  // namespace kt::scenario
