#include "models/trace/payload.hpp"

#include <array>
#include <bit>

#include "models/trace/events.hpp"
#include "models/trace/text.hpp"

namespace kt::trace {

namespace {

using text::put;
using text::put_address;
using text::put_number;

struct Context {
  const sim::TraceRecord& record;
  const sim::NameTable& names;
  const Comms& comms;

  [[nodiscard]] std::uint64_t raw(std::size_t i) const { return record.arguments[i]; }
  [[nodiscard]] std::uint32_t high(std::size_t i) const {
    return static_cast<std::uint32_t>(raw(i) >> 32);
  }
  [[nodiscard]] std::uint32_t low(std::size_t i) const {
    return static_cast<std::uint32_t>(raw(i));
  }
  [[nodiscard]] std::int32_t high_int(std::size_t i) const {
    return static_cast<std::int32_t>(high(i));
  }
  [[nodiscard]] std::int32_t low_int(std::size_t i) const {
    return static_cast<std::int32_t>(low(i));
  }
  [[nodiscard]] std::string_view name(std::size_t i) const { return names[low(i)]; }
};

using Writer = char* (*)(char*, const Context&);

/// "comm=NAME pid=N" with the given labels, from a (name,pid) argument.
char* task(char* at, const Context& c, std::size_t i,
           std::string_view comm = "comm=", std::string_view pid = " pid=") {
  at = c.comms.put(put(at, comm), c.high(i));
  return put_number(put(at, pid), c.low_int(i));
}

char* only_task(char* at, const Context& c) {
  return task(at, c, 0);
}

char* wakeup(char* at, const Context& c) {
  at = put_number(put(task(at, c, 0), " prio="), c.high_int(1));
  return text::put_cpu(put(at, " target_cpu="), c.low(1));
}

/// include/trace/events/sched.h: sched_switch; the letters are in the order of TASK_REPORT.
char* prev_state(char* at, std::uint32_t state) {
  constexpr std::string_view kLetters = "SDTtXZPI";
  const std::uint32_t reported = state & 0xff;
  *at++ = reported == 0 ? 'R' : kLetters[static_cast<std::size_t>(std::countr_zero(reported))];
  if ((state & 0x100) != 0) *at++ = '+';
  return at;
}

char* sched_switch(char* at, const Context& c) {
  at = task(at, c, 0, "prev_comm=", " prev_pid=");
  at = put_number(put(at, " prev_prio="), c.high_int(1));
  at = prev_state(put(at, " prev_state="), c.low(1));
  at = task(at, c, 2, " ==> next_comm=", " next_pid=");
  return put_number(put(at, " next_prio="), c.low_int(3));
}

char* migrate_task(char* at, const Context& c) {
  at = put_number(put(task(at, c, 0), " prio="), c.low_int(1));
  at = put_number(put(at, " orig_cpu="), c.high_int(2));
  return put_number(put(at, " dest_cpu="), c.low_int(2));
}

char* process_fork(char* at, const Context& c) {
  return task(task(at, c, 0), c, 1, " child_comm=", " child_pid=");
}

char* process_template(char* at, const Context& c) {
  return put_number(put(task(at, c, 0), " prio="), c.low_int(1));
}

char* stat_runtime(char* at, const Context& c) {
  return put(put_number(put(task(at, c, 0), " runtime="), c.raw(1)), " [ns]");
}

char* pi_setprio(char* at, const Context& c) {
  at = put_number(put(task(at, c, 0), " oldprio="), c.high_int(1));
  return put_number(put(at, " newprio="), c.low_int(1));
}

char* kthread_stop_ret(char* at, const Context& c) {
  return put_number(put(at, "ret="), c.low_int(0));
}

char* kthread_work_queue(char* at, const Context& c) {
  at = put_address(put(at, "work struct="), c.raw(0));
  at = put(put(at, " function="), c.name(1));
  return put_address(put(at, " worker="), c.raw(2));
}

char* kthread_work_execute(char* at, const Context& c) {
  at = put_address(put(at, "work struct "), c.raw(0));
  return put(put(at, ": function "), c.name(1));
}

char* only_cpu(char* at, const Context& c) {
  return put_number(put(at, "cpu="), c.low_int(0));
}

char* irq_entry(char* at, const Context& c) {
  return put(put(put_number(put(at, "irq="), c.low_int(0)), " name="), c.name(1));
}

char* irq_exit(char* at, const Context& c) {
  at = put(put_number(put(at, "irq="), c.low_int(0)), " ret=");
  return put(at, c.raw(1) != 0 ? "handled" : "unhandled");
}

/// include/trace/events/irq.h: show_softirq_name. An unknown vector prints as __print_symbolic
/// does.
char* softirq(char* at, const Context& c) {
  constexpr std::array<std::string_view, 10> kActions{
      "HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"};
  const std::uint64_t vector = c.raw(0);
  at = put(put_number(put(at, "vec="), vector), " [action=");
  at = vector < kActions.size() ? put(at, kActions[vector]) : text::put_hex(at, vector);
  return put(at, "]");
}

/// A tasklet that is no symbol prints as %ps prints such addresses.
char* tasklet(char* at, const Context& c) {
  at = text::put_hex(put(at, "tasklet="), c.raw(0));
  return put(put(at, " function="), c.name(1));
}

char* only_timer(char* at, const Context& c) {
  return put_address(put(at, "timer="), c.raw(0));
}

char* timer_function(char* at, const Context& c, std::string_view label) {
  at = put_address(put(at, label), c.raw(0));
  return put(put(at, " function="), c.name(1));
}

char* timer_flags(char* at, std::uint32_t flags) {
  constexpr std::string_view kLetters = "MDPI";
  bool first = true;
  for (std::size_t bit = 0; bit < kLetters.size(); ++bit) {
    if ((flags >> bit & 1) == 0) continue;
    if (!first) *at++ = '|';
    *at++ = kLetters[bit];
    first = false;
  }
  return at;
}

char* timer_start(char* at, const Context& c) {
  at = timer_function(at, c, "timer=");
  at = put_number(put(at, " expires="), c.raw(2));
  at = put_number(put(at, " [timeout="), c.high_int(4));
  at = put_number(put(at, "] bucket_expiry="), c.raw(3));
  at = put_number(put(at, " cpu="), c.low(4) & 0xfff);
  at = put_number(put(at, " idx="), c.low(4) >> 16);
  return timer_flags(put(at, " flags="), c.low(4) >> 12 & 0xf);
}

char* timer_expire_entry(char* at, const Context& c) {
  at = put_number(put(timer_function(at, c, "timer="), " now="), c.raw(2));
  return put_number(put(at, " baseclk="), c.raw(3));
}

/// include/trace/events/timer.h: decode_hrtimer_mode.
char* hrtimer_mode(char* at, std::uint32_t mode) {
  at = put(put(at, " mode="), (mode & 1) != 0 ? "REL" : "ABS");
  if ((mode & 2) != 0) at = put(at, "|PINNED");
  if ((mode & 4) != 0) at = put(at, "|SOFT");
  if ((mode & 8) != 0) at = put(at, "|HARD");
  return at;
}

char* clock_id(char* at, std::uint32_t clock) {
  switch (clock) {
    case 0:
      return put(at, "CLOCK_REALTIME");
    case 1:
      return put(at, "CLOCK_MONOTONIC");
    case 7:
      return put(at, "CLOCK_BOOTTIME");
    case 11:
      return put(at, "CLOCK_TAI");
    default:
      return text::put_hex(at, clock);
  }
}

char* only_hrtimer(char* at, const Context& c) {
  return put_address(put(at, "hrtimer="), c.raw(0));
}

char* hrtimer_init(char* at, const Context& c) {
  at = clock_id(put(only_hrtimer(at, c), " clockid="), c.high(1));
  return hrtimer_mode(at, c.low(1));
}

char* hrtimer_start(char* at, const Context& c) {
  at = put_number(put(timer_function(at, c, "hrtimer="), " expires="), c.raw(2));
  at = put_number(put(at, " softexpires="), c.raw(3));
  at = hrtimer_mode(at, c.high(4));
  return put_number(put(at, " was_armed="), c.low_int(4));
}

char* hrtimer_expire_entry(char* at, const Context& c) {
  return put_number(put(timer_function(at, c, "hrtimer="), " now="), c.raw(2));
}

/// include/trace/events/timer.h: TICK_DEP_NAMES.
char* tick_stop(char* at, const Context& c) {
  constexpr std::array<std::string_view, 6> kBits{"POSIX_TIMER",    "PERF_EVENTS", "SCHED",
                                                  "CLOCK_UNSTABLE", "RCU",         "RCU_EXP"};
  at = put(put_number(put(at, "success="), c.low_int(0)), " dependency=");
  const std::uint32_t mask = c.low(1);
  if (mask == 0) return put(at, "NONE");
  const auto bit = static_cast<std::size_t>(std::countr_zero(mask));
  return bit < kBits.size() && std::has_single_bit(mask) ? put(at, kBits[bit])
                                                         : text::put_hex(at, mask);
}

char* timer_base_idle(char* at, const Context& c) {
  at = put_number(put(at, "is_idle="), c.low_int(0));
  return put_number(put(at, " cpu="), c.low_int(1));
}

char* ipi_send_cpu(char* at, const Context& c) {
  at = put(put(only_cpu(at, c), " callsite="), c.name(1));
  return put(put(at, " callback="), c.raw(2) == 0 ? std::string_view("0x0") : c.name(2));
}

char* csd_queue_cpu(char* at, const Context& c) {
  at = put(put(only_cpu(at, c), " callsite="), c.name(1));
  at = put(put(at, " func="), c.name(2));
  return put_address(put(at, " csd="), c.raw(3));
}

char* csd_function(char* at, const Context& c) {
  return put_address(put(put(put(at, "func="), c.name(0)), ", csd="), c.raw(1));
}

char* cpu_idle(char* at, const Context& c) {
  return put_number(put(put_number(put(at, "state="), c.raw(0)), " cpu_id="), c.raw(1));
}

char* mark(char* at, const Context& c) {
  return put(at, c.name(0));
}

char* returned(char* at, const Context& c) {
  at = put(put(put(put(at, c.name(0)), "("), c.name(1)), ") = ");
  return put_number(at, static_cast<std::int64_t>(c.raw(2)));
}

constexpr std::size_t kEvents = static_cast<std::size_t>(Event::kCount);

constexpr std::array<Writer, kEvents> writers() {
  std::array<Writer, kEvents> table{};
  const auto set = [&table](Event event, Writer writer) {
    table[static_cast<std::size_t>(event)] = writer;
  };
  set(Event::kSchedWaking, wakeup);
  set(Event::kSchedWakeup, wakeup);
  set(Event::kSchedWakeupNew, wakeup);
  set(Event::kSchedSwitch, sched_switch);
  set(Event::kSchedMigrateTask, migrate_task);
  set(Event::kSchedProcessFork, process_fork);
  set(Event::kSchedProcessExit, process_template);
  set(Event::kSchedProcessFree, process_template);
  set(Event::kSchedWaitTask, process_template);
  set(Event::kSchedProcessHang, only_task);
  set(Event::kSchedStatRuntime, stat_runtime);
  set(Event::kSchedPiSetprio, pi_setprio);
  set(Event::kSchedKthreadStop, only_task);
  set(Event::kSchedKthreadStopRet, kthread_stop_ret);
  set(Event::kSchedKthreadWorkQueueWork, kthread_work_queue);
  set(Event::kSchedKthreadWorkExecuteStart, kthread_work_execute);
  set(Event::kSchedKthreadWorkExecuteEnd, kthread_work_execute);
  set(Event::kSchedWakeIdleWithoutIpi, only_cpu);
  set(Event::kIrqHandlerEntry, irq_entry);
  set(Event::kIrqHandlerExit, irq_exit);
  set(Event::kSoftirqRaise, softirq);
  set(Event::kSoftirqEntry, softirq);
  set(Event::kSoftirqExit, softirq);
  set(Event::kTaskletEntry, tasklet);
  set(Event::kTaskletExit, tasklet);
  set(Event::kTimerInit, only_timer);
  set(Event::kTimerStart, timer_start);
  set(Event::kTimerExpireEntry, timer_expire_entry);
  set(Event::kTimerExpireExit, only_timer);
  set(Event::kTimerCancel, only_timer);
  set(Event::kHrtimerInit, hrtimer_init);
  set(Event::kHrtimerStart, hrtimer_start);
  set(Event::kHrtimerExpireEntry, hrtimer_expire_entry);
  set(Event::kHrtimerExpireExit, only_hrtimer);
  set(Event::kHrtimerCancel, only_hrtimer);
  set(Event::kTickStop, tick_stop);
  set(Event::kTimerBaseIdle, timer_base_idle);
  set(Event::kIpiSendCpu, ipi_send_cpu);
  set(Event::kCsdQueueCpu, csd_queue_cpu);
  set(Event::kCsdFunctionEntry, csd_function);
  set(Event::kCsdFunctionExit, csd_function);
  set(Event::kCpuIdle, cpu_idle);
  set(Event::kMark, mark);
  set(Event::kReturn, returned);
  return table;
}

constexpr bool complete(const std::array<Writer, kEvents>& table) {
  for (const Writer writer : table)
    if (writer == nullptr) return false;
  return true;
}

constexpr std::array<Writer, kEvents> kWriters = writers();
static_assert(complete(kWriters), "every event needs a payload writer");

}  // namespace

char* put_event(char* at, const sim::TraceRecord& record, const sim::NameTable& names,
                const Comms& comms) {
  const auto event = static_cast<Event>(record.event);
  // A mark is what a write to tracefs' trace_marker is: kernel/trace/trace_output.c prints the
  // writing function's name, not the event's.
  at = put(at, event == Event::kMark ? std::string_view("tracing_mark_write") : info(event).name);
  return kWriters[record.event](put(at, ": "), {record, names, comms});
}

}  // namespace kt::trace
