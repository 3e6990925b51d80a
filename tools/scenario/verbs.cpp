#include "tools/scenario/verbs.hpp"

#include <algorithm>
#include <array>

#include "sim/error.hpp"

namespace kt::scenario {
namespace {

using enum Context;
using A = Argument;

// kHardirq: callable anywhere; kSoftirq: anywhere but in hardirq context (timer_delete_sync spins
// on a handler that it may have interrupted); kTask: may sleep, or acts on the current task.
constexpr std::array kVerbs{
    VerbInfo{Verb::kIf, "if", A::kCondition, kHardirq},
    VerbInfo{Verb::kWhile, "while", A::kCondition, kHardirq},
    VerbInfo{Verb::kLoop, "loop", A::kLoopCount, kHardirq},
    VerbInfo{Verb::kBreak, "break", A::kNone, kHardirq},
    VerbInfo{Verb::kContinue, "continue", A::kNone, kHardirq},
    VerbInfo{Verb::kReturn, "return", A::kInteger, kHardirq},
    VerbInfo{Verb::kRun, "run", A::kDuration, kHardirq},
    VerbInfo{Verb::kStall, "stall", A::kTime, kHardirq},
    VerbInfo{Verb::kUsleep, "usleep", A::kTime, kTask},
    VerbInfo{Verb::kMsleep, "msleep", A::kTime, kTask},
    VerbInfo{Verb::kYield, "yield", A::kNone, kTask},
    VerbInfo{Verb::kCondResched, "cond_resched", A::kNone, kTask},
    VerbInfo{Verb::kMem, "mem", A::kMem, kHardirq},
    VerbInfo{Verb::kIo, "io", A::kIo, kTask},
    VerbInfo{Verb::kAlloc, "alloc", A::kAlloc, kHardirq},
    VerbInfo{Verb::kFree, "free", A::kFree, kHardirq},
    VerbInfo{Verb::kWrite, "write", A::kWrite, kTask},
    VerbInfo{Verb::kFsync, "fsync", A::kNone, kTask},
    VerbInfo{Verb::kSet, "set", A::kAssignment, kHardirq},
    VerbInfo{Verb::kAssert, "assert", A::kExpression, kHardirq},
    VerbInfo{Verb::kMark, "mark", A::kText, kHardirq},
    VerbInfo{Verb::kSetState, "set_state", A::kTaskState, kTask},
    VerbInfo{Verb::kSetStateRelaxed, "__set_state", A::kTaskState, kTask},
    VerbInfo{Verb::kSchedule, "schedule", A::kNone, kTask},
    VerbInfo{Verb::kScheduleTimeout, "schedule_timeout", A::kTime, kTask},
    VerbInfo{Verb::kWake, "wake", A::kThread, kHardirq},
    VerbInfo{Verb::kSignal, "signal", A::kSignal, kHardirq},
    VerbInfo{Verb::kPrepareToWait, "prepare_to_wait", A::kPrepareToWait, kTask},
    VerbInfo{Verb::kFinishWait, "finish_wait", A::kWaitqueue, kTask},
    VerbInfo{Verb::kWakeUp, "wake_up", A::kWaitqueue, kHardirq},
    VerbInfo{Verb::kWakeUpAll, "wake_up_all", A::kWaitqueue, kHardirq},
    VerbInfo{Verb::kWakeUpInterruptible, "wake_up_interruptible", A::kWaitqueue, kHardirq},
    VerbInfo{Verb::kWaitEvent, "wait_event", A::kWaitEvent, kTask},
    VerbInfo{Verb::kWaitEventInterruptible, "wait_event_interruptible", A::kWaitEvent, kTask},
    VerbInfo{Verb::kWaitEventFreezable, "wait_event_freezable", A::kWaitEvent, kTask},
    VerbInfo{Verb::kWaitEventTimeout, "wait_event_timeout", A::kWaitEventTimeout, kTask},
    VerbInfo{Verb::kComplete, "complete", A::kCompletion, kHardirq},
    VerbInfo{Verb::kCompleteAll, "complete_all", A::kCompletion, kHardirq},
    VerbInfo{Verb::kWaitForCompletion, "wait_for_completion", A::kCompletionTimeout, kTask},
    VerbInfo{Verb::kLock, "lock", A::kMutex, kTask},
    VerbInfo{Verb::kUnlock, "unlock", A::kMutex, kTask},
    VerbInfo{Verb::kSpinLock, "spin_lock", A::kSpinlock, kHardirq},
    VerbInfo{Verb::kSpinUnlock, "spin_unlock", A::kSpinlock, kHardirq},
    VerbInfo{Verb::kSpinLockIrqsave, "spin_lock_irqsave", A::kSpinlock, kHardirq},
    VerbInfo{Verb::kSpinUnlockIrqrestore, "spin_unlock_irqrestore", A::kSpinlock, kHardirq},
    VerbInfo{Verb::kLocalIrqDisable, "local_irq_disable", A::kNone, kHardirq},
    VerbInfo{Verb::kLocalIrqEnable, "local_irq_enable", A::kNone, kHardirq},
    VerbInfo{Verb::kPreemptDisable, "preempt_disable", A::kNone, kHardirq},
    VerbInfo{Verb::kPreemptEnable, "preempt_enable", A::kNone, kHardirq},
    VerbInfo{Verb::kLocalBhDisable, "local_bh_disable", A::kNone, kSoftirq},
    VerbInfo{Verb::kLocalBhEnable, "local_bh_enable", A::kNone, kSoftirq},
    VerbInfo{Verb::kKthreadCreate, "kthread_create", A::kKthread, kTask},
    VerbInfo{Verb::kKthreadRun, "kthread_run", A::kKthread, kTask},
    VerbInfo{Verb::kKthreadStop, "kthread_stop", A::kParkable, kTask},
    VerbInfo{Verb::kKthreadPark, "kthread_park", A::kParkable, kTask},
    VerbInfo{Verb::kKthreadUnpark, "kthread_unpark", A::kParkable, kTask},
    VerbInfo{Verb::kKthreadBind, "kthread_bind", A::kBind, kTask},
    VerbInfo{Verb::kParkme, "parkme", A::kNone, kKthread},
    VerbInfo{Verb::kTryToFreeze, "try_to_freeze", A::kNone, kTask},
    VerbInfo{Verb::kSetFreezable, "set_freezable", A::kNone, kKthread},
    VerbInfo{Verb::kKthreadQueueWork, "kthread_queue_work", A::kKthreadWork, kHardirq},
    VerbInfo{Verb::kKthreadFlushWork, "kthread_flush_work", A::kKthreadWork, kTask},
    VerbInfo{Verb::kKthreadCancelWorkSync, "kthread_cancel_work_sync", A::kKthreadWork, kTask},
    VerbInfo{Verb::kKthreadQueueDelayedWork, "kthread_queue_delayed_work", A::kKthreadDelayedWork,
             kHardirq},
    VerbInfo{Verb::kKthreadModDelayedWork, "kthread_mod_delayed_work", A::kKthreadDelayedWork,
             kHardirq},
    VerbInfo{Verb::kKthreadFlushWorker, "kthread_flush_worker", A::kKthreadWorker, kTask},
    VerbInfo{Verb::kKthreadDestroyWorker, "kthread_destroy_worker", A::kKthreadWorker, kTask},
    VerbInfo{Verb::kQueueWork, "queue_work", A::kQueueWork, kHardirq},
    VerbInfo{Verb::kQueueDelayedWork, "queue_delayed_work", A::kDelayedWork, kHardirq},
    VerbInfo{Verb::kModDelayedWork, "mod_delayed_work", A::kDelayedWork, kHardirq},
    VerbInfo{Verb::kFlushWork, "flush_work", A::kWork, kTask},
    VerbInfo{Verb::kFlushDelayedWork, "flush_delayed_work", A::kWork, kTask},
    VerbInfo{Verb::kCancelWork, "cancel_work", A::kWork, kHardirq},
    VerbInfo{Verb::kCancelWorkSync, "cancel_work_sync", A::kWork, kTask},
    VerbInfo{Verb::kCancelDelayedWork, "cancel_delayed_work", A::kWork, kHardirq},
    VerbInfo{Verb::kCancelDelayedWorkSync, "cancel_delayed_work_sync", A::kWork, kTask},
    VerbInfo{Verb::kDisableWork, "disable_work", A::kWork, kHardirq},
    VerbInfo{Verb::kDisableWorkSync, "disable_work_sync", A::kWork, kTask},
    VerbInfo{Verb::kEnableWork, "enable_work", A::kWork, kHardirq},
    VerbInfo{Verb::kFlushWorkqueue, "flush_workqueue", A::kWorkqueue, kTask},
    VerbInfo{Verb::kDrainWorkqueue, "drain_workqueue", A::kWorkqueue, kTask},
    VerbInfo{Verb::kDestroyWorkqueue, "destroy_workqueue", A::kWorkqueue, kTask},
    VerbInfo{Verb::kSetMaxActive, "set_max_active", A::kMaxActive, kTask},
    VerbInfo{Verb::kSetMinActive, "set_min_active", A::kMinActive, kTask},
    VerbInfo{Verb::kSetWorkqueueAttrs, "set_workqueue_attrs", A::kWorkqueueAttrs, kTask},
    VerbInfo{Verb::kSetWorkerDesc, "set_worker_desc", A::kText, kHardirq},
    VerbInfo{Verb::kSetUnboundCpumask, "set_unbound_cpumask", A::kCpus, kTask},
    VerbInfo{Verb::kAllocWorkqueue, "alloc_workqueue", A::kWorkqueue, kTask},
    VerbInfo{Verb::kInitWork, "init_work", A::kWork, kHardirq},
    VerbInfo{Verb::kFreeWork, "free_work", A::kWork, kHardirq},
    VerbInfo{Verb::kRaiseSoftirq, "raise_softirq", A::kSoftirq, kHardirq},
    VerbInfo{Verb::kTaskletSchedule, "tasklet_schedule", A::kTasklet, kHardirq},
    VerbInfo{Verb::kModTimer, "mod_timer", A::kTimerDelay, kHardirq},
    VerbInfo{Verb::kDelTimer, "del_timer", A::kTimer, kHardirq},
    VerbInfo{Verb::kDelTimerSync, "del_timer_sync", A::kTimer, kSoftirq},
    VerbInfo{Verb::kStartHrtimer, "start_hrtimer", A::kHrtimerDelay, kHardirq},
    VerbInfo{Verb::kCpuDown, "cpu_down", A::kCpu, kTask},
    VerbInfo{Verb::kCpuUp, "cpu_up", A::kCpu, kTask},
    VerbInfo{Verb::kCpusReadLock, "cpus_read_lock", A::kNone, kTask},
    VerbInfo{Verb::kCpusReadUnlock, "cpus_read_unlock", A::kNone, kTask},
    VerbInfo{Verb::kSuspend, "suspend", A::kSuspend, kTask},
    VerbInfo{Verb::kPmStayAwake, "pm_stay_awake", A::kWakeupSource, kHardirq},
    VerbInfo{Verb::kPmRelax, "pm_relax", A::kWakeupSource, kHardirq},
    VerbInfo{Verb::kPmWakeupEvent, "pm_wakeup_event", A::kWakeupEvent, kHardirq},
    VerbInfo{Verb::kPmSystemWakeup, "pm_system_wakeup", A::kNone, kHardirq},
    VerbInfo{Verb::kSchedSetscheduler, "sched_setscheduler", A::kScheduler, kTask},
    VerbInfo{Verb::kSetCpusAllowed, "set_cpus_allowed", A::kAffinity, kTask},
    VerbInfo{Verb::kSetUserNice, "set_user_nice", A::kNice, kHardirq},
    VerbInfo{Verb::kMemoryPressure, "memory_pressure", A::kMemoryPressure, kTask},
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
