// The verbs of the statements, under the names of scenario-format: what each takes as an argument
// and from which context it may be called. One table; the parser, the schema test and the
// interpreter all read it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace kt::scenario {

enum class Verb : std::uint8_t {
  // what if, while and loop compile to; never written in a scenario
  kJump,          ///< continue at target
  kBranchUnless,  ///< continue at target if the expression is 0
  kLoopBegin,     ///< counter = number
  kLoopNext,      ///< if counter is 0 continue at target, else count it down
  // control
  kIf,        ///< compiled away
  kWhile,     ///< compiled away
  kLoop,      ///< compiled away
  kBreak,     ///< compiled away
  kContinue,  ///< compiled away
  kReturn,    ///< ends the body with number; every body ends with one
  // time and the processor
  kRun,
  kStall,
  kUsleep,
  kMsleep,
  kYield,
  kCondResched,
  kMem,
  kIo,
  kAlloc,
  kFree,
  kWrite,
  kFsync,
  // shared variables, tests and marks
  kSet,
  kAssert,
  kMark,
  // sleeping and waking
  kSetState,
  kSetStateRelaxed,  ///< __set_state
  kSchedule,
  kScheduleTimeout,
  kWake,
  kSignal,
  kPrepareToWait,
  kFinishWait,
  kWakeUp,
  kWakeUpAll,
  kWakeUpInterruptible,
  kWaitEvent,
  kWaitEventInterruptible,
  kWaitEventFreezable,
  kWaitEventTimeout,
  kComplete,
  kCompleteAll,
  kWaitForCompletion,
  // locks and local exclusion
  kLock,
  kUnlock,
  kSpinLock,
  kSpinUnlock,
  kSpinLockIrqsave,
  kSpinUnlockIrqrestore,
  kLocalIrqDisable,
  kLocalIrqEnable,
  kPreemptDisable,
  kPreemptEnable,
  kLocalBhDisable,
  kLocalBhEnable,
  // kthreads
  kKthreadCreate,
  kKthreadRun,
  kKthreadStop,
  kKthreadPark,
  kKthreadUnpark,
  kKthreadBind,
  kParkme,
  kTryToFreeze,
  kSetFreezable,
  // kthread workers
  kKthreadQueueWork,
  kKthreadFlushWork,
  kKthreadCancelWorkSync,
  kKthreadQueueDelayedWork,
  kKthreadModDelayedWork,
  kKthreadFlushWorker,
  kKthreadDestroyWorker,
  // workqueues
  kQueueWork,
  kQueueDelayedWork,
  kModDelayedWork,
  kFlushWork,
  kFlushDelayedWork,
  kCancelWork,
  kCancelWorkSync,
  kCancelDelayedWork,
  kCancelDelayedWorkSync,
  kDisableWork,
  kDisableWorkSync,
  kEnableWork,
  kFlushWorkqueue,
  kDrainWorkqueue,
  kDestroyWorkqueue,
  kSetMaxActive,
  kSetMinActive,
  kSetWorkqueueAttrs,
  kSetWorkerDesc,
  kSetUnboundCpumask,
  kAllocWorkqueue,
  kInitWork,
  kFreeWork,
  // softirqs and timers
  kRaiseSoftirq,
  kTaskletSchedule,
  kModTimer,
  kDelTimer,
  kDelTimerSync,
  kStartHrtimer,
  // the machine and the scheduler
  kCpuDown,
  kCpuUp,
  kCpusReadLock,
  kCpusReadUnlock,
  kSuspend,
  kPmStayAwake,
  kPmRelax,
  kPmWakeupEvent,
  kPmSystemWakeup,
  kSchedSetscheduler,
  kSetCpusAllowed,
  kSetUserNice,
  kMemoryPressure,
  kCount,
};

/// What stands behind the verb in the JSON file.
enum class Argument : std::uint8_t {
  kNone,
  kDuration,
  kTime,
  kInteger,
  kText,
  kExpression,
  kAssignment,
  kCondition,  ///< if, while
  kLoopCount,
  kMem,
  kIo,
  kAlloc,
  kFree,
  kWrite,
  kTaskState,
  kThread,
  kSignal,
  kPrepareToWait,
  kWaitqueue,
  kWaitEvent,
  kWaitEventTimeout,
  kCompletion,
  kCompletionTimeout,
  kMutex,
  kSpinlock,
  kKthread,   ///< a kthread of the section kthreads
  kParkable,  ///< a kthread or an instance of a per-CPU thread
  kBind,
  kKthreadWork,
  kKthreadDelayedWork,
  kKthreadWorker,
  kQueueWork,
  kDelayedWork,
  kWork,
  kWorkqueue,
  kMaxActive,
  kMinActive,
  kWorkqueueAttrs,
  kSoftirq,
  kTasklet,
  kTimer,
  kTimerDelay,
  kHrtimerDelay,
  kCpu,
  kCpus,
  kSuspend,
  kWakeupSource,
  kWakeupEvent,
  kScheduler,
  kAffinity,
  kNice,
  kMemoryPressure,
};

/// The context that a body runs in, or the strictest one that a verb may be called from.
enum class Context : std::uint8_t {
  kHardirq,  ///< irq and hrtimer handlers: nothing that sleeps
  kSoftirq,  ///< softirqs, tasklets, timers, works of a WQ_BH workqueue: nothing that sleeps
  kTask,     ///< a task that may sleep
  kKthread,  ///< a kthread function: parkme, set_freezable, should_stop, should_park
};

struct VerbInfo {
  Verb verb;
  std::string_view name;
  Argument argument;
  Context context;
};

/// Every verb that may be written in a scenario, in the order of the enumeration.
std::span<const VerbInfo> verbs();
/// The verb written `name`, or null.
const VerbInfo* find_verb(std::string_view name);
/// What is known of a verb that may be written in a scenario; its name serves messages and traces.
const VerbInfo& info(Verb verb);

/// The keys of the object form of an argument; empty if the argument is never an object.
std::span<const std::string_view> argument_keys(Argument argument);

}  // namespace kt::scenario
