#include "models/trace/payload.hpp"

#include <array>

#include "models/trace/events.hpp"
#include "models/trace/payload_writers.hpp"
#include "models/trace/text.hpp"

namespace kt::trace {

namespace payload {

namespace {

using text::put;
using text::put_address;
using text::put_number;

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

}  // namespace payload

char* put_event(char* at, const sim::TraceRecord& record, const sim::NameTable& names,
                const Comms& comms) {
  const auto event = static_cast<Event>(record.event);
  // A mark is what a write to tracefs' trace_marker is: kernel/trace/trace_output.c prints the
  // writing function's name, not the event's.
  at = text::put(at,
                 event == Event::kMark ? std::string_view("tracing_mark_write") : info(event).name);
  return payload::kWriters[record.event](text::put(at, ": "), {record, names, comms});
}

}  // namespace kt::trace
