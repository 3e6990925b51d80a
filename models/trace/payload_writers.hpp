// The payload writers, one a TP_printk, for payload.cpp to put in its table. Each writes the text
// that follows "event: " and returns the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "models/trace/comms.hpp"
#include "sim/trace.hpp"

namespace kt::trace::payload {

/// A record and what its name ids mean; arguments as models/trace/events.hpp lays them out.
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
  /// A name, for put().
  struct Name {
    const Context& context;
    std::uint32_t id;
  };
  [[nodiscard]] Name name(std::size_t i) const { return {*this, low(i)}; }
};

inline char* put(char* at, const Context::Name& name) {
  return name.context.comms.put_whole(at, name.id, name.context.names);
}

using Writer = char* (*)(char*, const Context&);

// include/trace/events/sched.h
char* only_task(char* at, const Context& c);
char* wakeup(char* at, const Context& c);
char* sched_switch(char* at, const Context& c);
char* migrate_task(char* at, const Context& c);
char* process_fork(char* at, const Context& c);
char* process_template(char* at, const Context& c);
char* stat_runtime(char* at, const Context& c);
char* pi_setprio(char* at, const Context& c);
char* kthread_stop_ret(char* at, const Context& c);
char* kthread_work_queue(char* at, const Context& c);
char* kthread_work_execute(char* at, const Context& c);

// include/trace/events/timer.h
char* only_timer(char* at, const Context& c);
char* timer_start(char* at, const Context& c);
char* timer_expire_entry(char* at, const Context& c);
char* only_hrtimer(char* at, const Context& c);
char* hrtimer_init(char* at, const Context& c);
char* hrtimer_start(char* at, const Context& c);
char* hrtimer_expire_entry(char* at, const Context& c);
char* tick_stop(char* at, const Context& c);
char* timer_base_idle(char* at, const Context& c);

// include/trace/events/power.h
char* cpu_state(char* at, const Context& c);
char* suspend_resume(char* at, const Context& c);
char* device_pm_callback_start(char* at, const Context& c);
char* device_pm_callback_end(char* at, const Context& c);
char* wakeup_source(char* at, const Context& c);

// include/trace/events/vmscan.h
char* kswapd_sleep(char* at, const Context& c);
char* kswapd_wake(char* at, const Context& c);
char* wakeup_kswapd(char* at, const Context& c);
char* direct_reclaim_begin(char* at, const Context& c);
char* direct_reclaim_end(char* at, const Context& c);
char* vmscan_throttled(char* at, const Context& c);

// include/trace/events/oom.h, include/trace/events/jbd2.h
char* mark_victim(char* at, const Context& c);
char* jbd2_commit(char* at, const Context& c);
char* jbd2_end_commit(char* at, const Context& c);

}  // namespace kt::trace::payload
