// The tracepoints of the modelled kernel: ids, names and groups as in include/trace/events/*.h, and
// how each record's arguments are laid out. Payload layout is written beside each event; "name" is
// a NameTable id, (a,b) two 32-bit halves, a in the upper one.
#pragma once

#include <cstdint>
#include <string_view>

namespace kt::trace {

/// Bits of TraceRecord::flags, as kernel/trace/trace.c: tracing_gen_ctx_irq_test collects them.
enum Flag : std::uint8_t {
  kIrqsOff = 0x01,
  kBhOff = 0x02,              ///< local_bh_disable() section, or softirq running
  kNeedResched = 0x04,        ///< TIF_NEED_RESCHED
  kPreemptNeedResched = 0x08, ///< folded into the preempt count (locally set, or IPI arrived)
  kHardirq = 0x10,
  kSoftirq = 0x20,            ///< serving a softirq
};

enum class Event : std::uint16_t {
  // sched (include/trace/events/sched.h)
  kSchedWaking,         ///< [0]=(name,pid) [1]=(prio,target_cpu)
  kSchedWakeup,         ///< as kSchedWaking
  kSchedWakeupNew,      ///< as kSchedWaking
  kSchedSwitch,         ///< [0]=prev(name,pid) [1]=(prev_prio,prev_state) [2]=next(name,pid) [3]=next_prio;
                        ///< prev_state: the reported state bit (0 R, 1 S, 2 D, 4 T, 8 t, 0x10 X, 0x20 Z,
                        ///< 0x40 P, 0x80 I), 0x100: preempted, prints R+
  kSchedMigrateTask,    ///< [0]=(name,pid) [1]=prio [2]=(orig_cpu,dest_cpu)
  kSchedProcessFork,    ///< [0]=parent(name,pid) [1]=child(name,pid)
  kSchedProcessExit,    ///< [0]=(name,pid) [1]=prio
  kSchedProcessFree,    ///< as kSchedProcessExit
  kSchedWaitTask,       ///< as kSchedProcessExit
  kSchedProcessHang,    ///< [0]=(name,pid)
  kSchedStatRuntime,    ///< [0]=(name,pid) [1]=runtime ns
  kSchedPiSetprio,      ///< [0]=(name,pid) [1]=(oldprio,newprio)
  kSchedKthreadStop,    ///< [0]=(name,pid)
  kSchedKthreadStopRet, ///< [0]=ret (int32)
  kSchedKthreadWorkQueueWork,    ///< [0]=work address [1]=function name [2]=worker address
  kSchedKthreadWorkExecuteStart, ///< [0]=work address [1]=function name
  kSchedKthreadWorkExecuteEnd,   ///< as start
  kSchedWakeIdleWithoutIpi,      ///< [0]=cpu
  // irq (include/trace/events/irq.h)
  kIrqHandlerEntry,  ///< [0]=irq [1]=name
  kIrqHandlerExit,   ///< [0]=irq [1]=1 handled, 0 unhandled
  kSoftirqRaise,     ///< [0]=vec
  kSoftirqEntry,     ///< [0]=vec
  kSoftirqExit,      ///< [0]=vec
  kTaskletEntry,     ///< [0]=tasklet address [1]=function name
  kTaskletExit,      ///< as entry
  // timer (include/trace/events/timer.h)
  kTimerInit,         ///< [0]=timer address
  kTimerStart,        ///< [0]=timer address [1]=function name [2]=expires (jiffies) [3]=bucket_expiry
                      ///< [4]=timeout (jiffies, int32) <<32 | idx <<16 | cpu (bits 0-11) | flags <<12
                      ///< (flags: 1 M, 2 D, 4 P, 8 I)
  kTimerExpireEntry,  ///< [0]=timer address [1]=function name [2]=now (jiffies) [3]=baseclk
  kTimerExpireExit,   ///< [0]=timer address
  kTimerCancel,       ///< [0]=timer address
  kHrtimerInit,        ///< [0]=hrtimer address [1]=(clockid,mode bits: 1 REL, 2 PINNED, 4 SOFT, 8 HARD)
  kHrtimerStart,       ///< [0]=hrtimer address [1]=function name [2]=expires ns [3]=softexpires ns
                       ///< [4]=(mode bits, was_armed)
  kHrtimerExpireEntry, ///< [0]=hrtimer address [1]=function name [2]=now ns
  kHrtimerExpireExit,  ///< [0]=hrtimer address
  kHrtimerCancel,      ///< [0]=hrtimer address
  kTickStop,           ///< [0]=success [1]=dependency mask (0 none, 1 POSIX_TIMER, 2 PERF_EVENTS, 4 SCHED,
                       ///< 8 CLOCK_UNSTABLE, 0x10 RCU, 0x20 RCU_EXP)
  kTimerBaseIdle,      ///< [0]=is_idle [1]=cpu
  // ipi (include/trace/events/ipi.h)
  kIpiSendCpu,  ///< [0]=cpu [1]=callsite name [2]=callback name (0: none)
  // csd (include/trace/events/csd.h)
  kCsdQueueCpu,        ///< [0]=cpu [1]=callsite name [2]=function name [3]=csd address
  kCsdFunctionEntry,   ///< [0]=function name [1]=csd address
  kCsdFunctionExit,    ///< as entry
  // power (include/trace/events/power.h)
  kCpuIdle,  ///< [0]=state (4294967295: leaving idle) [1]=cpu_id
  kCpuFrequency,           ///< [0]=state, kHz [1]=cpu_id
  kSuspendResume,          ///< [0]=action name [1]=(val,start)
  kDevicePmCallbackStart,  ///< [0]=driver name [1]=device name [2]=parent name [3]=(pm_ops name,event)
  kDevicePmCallbackEnd,    ///< [0]=driver name [1]=device name [2]=error (int32)
  kWakeupSourceActivate,   ///< [0]=name [1]=state
  kWakeupSourceDeactivate, ///< as activate
  // cpuhp (include/trace/events/cpuhp.h)
  kCpuhpEnter,       ///< [0]=(cpu,target) [1]=step [2]=function name
  kCpuhpMultiEnter,  ///< as kCpuhpEnter
  kCpuhpExit,        ///< [0]=(cpu,state) [1]=(step,ret)
  // workqueue (include/trace/events/workqueue.h)
  kWorkqueueQueueWork,     ///< [0]=work address [1]=function name [2]=workqueue name [3]=(req_cpu,cpu)
  kWorkqueueActivateWork,  ///< [0]=work address [1]=function name
  kWorkqueueExecuteStart,  ///< as activate
  kWorkqueueExecuteEnd,    ///< as activate
  // vmscan (include/trace/events/vmscan.h)
  kVmscanKswapdSleep,   ///< [0]=nid
  kVmscanKswapdWake,    ///< [0]=nid [1]=order
  kVmscanWakeupKswapd,  ///< [0]=nid [1]=order [2]=gfp_flags
  kVmscanDirectReclaimBegin,  ///< [0]=order [1]=gfp_flags
  kVmscanDirectReclaimEnd,    ///< [0]=nr_reclaimed
  kVmscanThrottled,     ///< [0]=nid [1]=(timeout,delayed) us [2]=reason (0 WRITEBACK, 1 CONGESTED, 2 NOPROGRESS)
  // oom (include/trace/events/oom.h)
  kOomMarkVictim,  ///< [0]=(name,pid) [1]=anonymous memory, KiB
  // jbd2 (include/trace/events/jbd2.h)
  kJbd2StartCommit,  ///< [0]=(major,minor) [1]=transaction [2]=1 somebody waits for it
  kJbd2EndCommit,    ///< [0]=(major,minor) [1]=transaction [2]=1 somebody waited for it
  // ftrace and ktsim
  kMark,    ///< tracing_mark_write: [0]=text name
  kReturn,  ///< ktsim_return: [0]=verb name [1]=object name [2]=value (int64)
  kCount,
};

inline constexpr std::size_t kEvents = static_cast<std::size_t>(Event::kCount);

/// Name and group ("sched:sched_switch" is {"sched", "sched_switch"}) of an event.
struct EventInfo {
  std::string_view group;
  std::string_view name;
  bool by_default;  ///< printed unless a selection says otherwise
};
const EventInfo& info(Event event);

}  // namespace kt::trace
