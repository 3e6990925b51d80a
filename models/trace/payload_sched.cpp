#include <bit>

#include "models/trace/payload_writers.hpp"
#include "models/trace/text.hpp"

namespace kt::trace::payload {

using text::put;
using text::put_address;
using text::put_number;

namespace {

/// "comm=NAME pid=N" with the given labels, from a (name,pid) argument.
char* task(char* at, const Context& c, std::size_t i,
           std::string_view comm = "comm=", std::string_view pid = " pid=") {
  at = c.comms.put(put(at, comm), c.high(i));
  return put_number(put(at, pid), c.low_int(i));
}

/// include/trace/events/sched.h: sched_switch; the letters are in the order of TASK_REPORT.
char* prev_state(char* at, std::uint32_t state) {
  constexpr std::string_view kLetters = "SDTtXZPI";
  const std::uint32_t reported = state & 0xff;
  *at++ = reported == 0 ? 'R' : kLetters[static_cast<std::size_t>(std::countr_zero(reported))];
  if ((state & 0x100) != 0) *at++ = '+';
  return at;
}

}  // namespace

char* only_task(char* at, const Context& c) {
  return task(at, c, 0);
}

char* wakeup(char* at, const Context& c) {
  at = put_number(put(task(at, c, 0), " prio="), c.high_int(1));
  return text::put_cpu(put(at, " target_cpu="), c.low(1));
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

}  // namespace kt::trace::payload
