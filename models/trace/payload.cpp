#include "models/trace/payload.hpp"

#include <array>
#include <cstring>

#include "models/trace/events.hpp"
#include "models/trace/payload_writers.hpp"
#include "models/trace/text.hpp"
#include "sim/error.hpp"

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
  at = put(at, " callback=");
  return c.raw(2) == 0 ? put(at, "0x0") : put(at, c.name(2));
}

char* csd_queue_cpu(char* at, const Context& c) {
  at = put(put(only_cpu(at, c), " callsite="), c.name(1));
  at = put(put(at, " func="), c.name(2));
  return put_address(put(at, " csd="), c.raw(3));
}

char* csd_function(char* at, const Context& c) {
  return put_address(put(put(put(at, "func="), c.name(0)), ", csd="), c.raw(1));
}

// include/trace/events/cpuhp.h
char* cpuhp_enter(char* at, const Context& c) {
  at = text::put_digits<4>(put(at, "cpu: "), c.high(0));
  at = text::put_right(put(at, " target: "), c.low(0), 3);
  at = text::put_right(put(at, " step: "), c.raw(1), 3);
  return put(put(put(at, " ("), c.name(2)), ")");
}

char* cpuhp_exit(char* at, const Context& c) {
  at = text::put_digits<4>(put(at, " cpu: "), c.high(0));
  at = text::put_right(put(at, "  state: "), c.low(0), 3);
  at = text::put_right(put(at, " step: "), c.high(1), 3);
  return put_number(put(at, " ret: "), c.low_int(1));
}

char* queue_work(char* at, const Context& c) {
  at = put(put_address(put(at, "work struct="), c.raw(0)), " function=");
  at = put(put(put(at, c.name(1)), " workqueue="), c.name(2));
  return put_number(put(put_number(put(at, " req_cpu="), c.high_int(3)), " cpu="), c.low_int(3));
}

char* activate_work(char* at, const Context& c) {
  at = put(put_address(put(at, "work struct "), c.raw(0)), " function=");
  return put(put(at, c.name(1)), " ");
}

char* execute_work(char* at, const Context& c) {
  return put(put(put_address(put(at, "work struct "), c.raw(0)), ": function "), c.name(1));
}

char* mark(char* at, const Context& c) {
  return put(at, c.name(0));
}

char* returned(char* at, const Context& c) {
  at = put(put(put(put(at, c.name(0)), "("), c.name(1)), ") = ");
  return put_number(at, static_cast<std::int64_t>(c.raw(2)));
}

/// Presence is kept apart: GCC 12 with -fsanitize=undefined cannot compare the pointers as
/// constants.
struct Table {
  std::array<Writer, kEvents> writers{};
  std::array<bool, kEvents> present{};

  constexpr void set(Event event, Writer writer) {
    writers[static_cast<std::size_t>(event)] = writer;
    present[static_cast<std::size_t>(event)] = true;
  }
  [[nodiscard]] constexpr bool complete() const {
    for (const bool one : present)
      if (!one) return false;
    return true;
  }
};

constexpr Table make_table() {
  Table table;
  table.set(Event::kSchedWaking, wakeup);
  table.set(Event::kSchedWakeup, wakeup);
  table.set(Event::kSchedWakeupNew, wakeup);
  table.set(Event::kSchedSwitch, sched_switch);
  table.set(Event::kSchedMigrateTask, migrate_task);
  table.set(Event::kSchedProcessFork, process_fork);
  table.set(Event::kSchedProcessExit, process_template);
  table.set(Event::kSchedProcessFree, process_template);
  table.set(Event::kSchedWaitTask, process_template);
  table.set(Event::kSchedProcessHang, only_task);
  table.set(Event::kSchedStatRuntime, stat_runtime);
  table.set(Event::kSchedPiSetprio, pi_setprio);
  table.set(Event::kSchedKthreadStop, only_task);
  table.set(Event::kSchedKthreadStopRet, kthread_stop_ret);
  table.set(Event::kSchedKthreadWorkQueueWork, kthread_work_queue);
  table.set(Event::kSchedKthreadWorkExecuteStart, kthread_work_execute);
  table.set(Event::kSchedKthreadWorkExecuteEnd, kthread_work_execute);
  table.set(Event::kSchedWakeIdleWithoutIpi, only_cpu);
  table.set(Event::kIrqHandlerEntry, irq_entry);
  table.set(Event::kIrqHandlerExit, irq_exit);
  table.set(Event::kSoftirqRaise, softirq);
  table.set(Event::kSoftirqEntry, softirq);
  table.set(Event::kSoftirqExit, softirq);
  table.set(Event::kTaskletEntry, tasklet);
  table.set(Event::kTaskletExit, tasklet);
  table.set(Event::kTimerInit, only_timer);
  table.set(Event::kTimerStart, timer_start);
  table.set(Event::kTimerExpireEntry, timer_expire_entry);
  table.set(Event::kTimerExpireExit, only_timer);
  table.set(Event::kTimerCancel, only_timer);
  table.set(Event::kHrtimerInit, hrtimer_init);
  table.set(Event::kHrtimerStart, hrtimer_start);
  table.set(Event::kHrtimerExpireEntry, hrtimer_expire_entry);
  table.set(Event::kHrtimerExpireExit, only_hrtimer);
  table.set(Event::kHrtimerCancel, only_hrtimer);
  table.set(Event::kTickStop, tick_stop);
  table.set(Event::kTimerBaseIdle, timer_base_idle);
  table.set(Event::kIpiSendCpu, ipi_send_cpu);
  table.set(Event::kCsdQueueCpu, csd_queue_cpu);
  table.set(Event::kCsdFunctionEntry, csd_function);
  table.set(Event::kCsdFunctionExit, csd_function);
  table.set(Event::kCpuIdle, cpu_state);
  table.set(Event::kCpuFrequency, cpu_state);
  table.set(Event::kSuspendResume, suspend_resume);
  table.set(Event::kDevicePmCallbackStart, device_pm_callback_start);
  table.set(Event::kDevicePmCallbackEnd, device_pm_callback_end);
  table.set(Event::kWakeupSourceActivate, wakeup_source);
  table.set(Event::kWakeupSourceDeactivate, wakeup_source);
  table.set(Event::kCpuhpEnter, cpuhp_enter);
  table.set(Event::kCpuhpMultiEnter, cpuhp_enter);
  table.set(Event::kCpuhpExit, cpuhp_exit);
  table.set(Event::kWorkqueueQueueWork, queue_work);
  table.set(Event::kWorkqueueActivateWork, activate_work);
  table.set(Event::kWorkqueueExecuteStart, execute_work);
  table.set(Event::kWorkqueueExecuteEnd, execute_work);
  table.set(Event::kVmscanKswapdSleep, kswapd_sleep);
  table.set(Event::kVmscanKswapdWake, kswapd_wake);
  table.set(Event::kVmscanWakeupKswapd, wakeup_kswapd);
  table.set(Event::kVmscanDirectReclaimBegin, direct_reclaim_begin);
  table.set(Event::kVmscanDirectReclaimEnd, direct_reclaim_end);
  table.set(Event::kVmscanThrottled, vmscan_throttled);
  table.set(Event::kOomMarkVictim, mark_victim);
  table.set(Event::kJbd2StartCommit, jbd2_commit);
  table.set(Event::kJbd2EndCommit, jbd2_end_commit);
  table.set(Event::kMark, mark);
  table.set(Event::kReturn, returned);
  return table;
}

constexpr Table kTable = make_table();
static_assert(kTable.complete(), "every event needs a payload writer");

/// "event: ", with room to be copied without a look at its length.
struct Label {
  std::array<char, 40> text{};
  std::size_t length = 0;
};

std::array<Label, kEvents> make_labels() {
  std::array<Label, kEvents> labels;
  for (std::size_t i = 0; i < kEvents; ++i) {
    const auto event = static_cast<Event>(i);
    // A mark is what a write to tracefs' trace_marker is: kernel/trace/trace_output.c prints the
    // writing function's name, not the event's.
    const std::string_view name = event == Event::kMark ? "tracing_mark_write" : info(event).name;
    char* const begin = labels[i].text.data();
    KT_ASSERT(name.size() + 2 <= labels[i].text.size(), "the name of event {} is too long", name);
    labels[i].length = static_cast<std::size_t>(text::put(text::put(begin, name), ": ") - begin);
  }
  return labels;
}

}  // namespace

}  // namespace payload

char* put_event(char* at, const sim::TraceRecord& record, const sim::NameTable& names,
                const Comms& comms) {
  static const std::array<payload::Label, kEvents> kLabels = payload::make_labels();
  const payload::Label& label = kLabels[record.event];
  std::memcpy(at, label.text.data(), label.text.size());
  return payload::kTable.writers[record.event](at + label.length, {record, names, comms});
}

}  // namespace kt::trace
