#include "models/trace/events.hpp"

#include <array>

#include "sim/error.hpp"

namespace kt::trace {

namespace {

constexpr std::array<EventInfo, kEvents> kInfo{{
    {"sched", "sched_waking", true},
    {"sched", "sched_wakeup", true},
    {"sched", "sched_wakeup_new", true},
    {"sched", "sched_switch", true},
    {"sched", "sched_migrate_task", true},
    {"sched", "sched_process_fork", true},
    {"sched", "sched_process_exit", true},
    {"sched", "sched_process_free", true},
    {"sched", "sched_wait_task", true},
    {"sched", "sched_process_hang", true},
    {"sched", "sched_stat_runtime", true},
    {"sched", "sched_pi_setprio", true},
    {"sched", "sched_kthread_stop", true},
    {"sched", "sched_kthread_stop_ret", true},
    {"sched", "sched_kthread_work_queue_work", true},
    {"sched", "sched_kthread_work_execute_start", true},
    {"sched", "sched_kthread_work_execute_end", true},
    {"sched", "sched_wake_idle_without_ipi", true},
    {"irq", "irq_handler_entry", true},
    {"irq", "irq_handler_exit", true},
    {"irq", "softirq_raise", true},
    {"irq", "softirq_entry", true},
    {"irq", "softirq_exit", true},
    {"irq", "tasklet_entry", true},
    {"irq", "tasklet_exit", true},
    {"timer", "timer_init", true},
    {"timer", "timer_start", true},
    {"timer", "timer_expire_entry", true},
    {"timer", "timer_expire_exit", true},
    {"timer", "timer_cancel", true},
    {"timer", "hrtimer_init", true},
    {"timer", "hrtimer_start", true},
    {"timer", "hrtimer_expire_entry", true},
    {"timer", "hrtimer_expire_exit", true},
    {"timer", "hrtimer_cancel", true},
    {"timer", "tick_stop", true},
    {"timer", "timer_base_idle", true},
    {"ipi", "ipi_send_cpu", true},
    {"csd", "csd_queue_cpu", true},
    {"csd", "csd_function_entry", true},
    {"csd", "csd_function_exit", true},
    {"power", "cpu_idle", true},
    {"power", "cpu_frequency", true},
    {"power", "suspend_resume", true},
    {"power", "device_pm_callback_start", true},
    {"power", "device_pm_callback_end", true},
    {"power", "wakeup_source_activate", true},
    {"power", "wakeup_source_deactivate", true},
    {"cpuhp", "cpuhp_enter", true},
    {"cpuhp", "cpuhp_multi_enter", true},
    {"cpuhp", "cpuhp_exit", true},
    {"workqueue", "workqueue_queue_work", true},
    {"workqueue", "workqueue_activate_work", true},
    {"workqueue", "workqueue_execute_start", true},
    {"workqueue", "workqueue_execute_end", true},
    {"vmscan", "mm_vmscan_kswapd_sleep", true},
    {"vmscan", "mm_vmscan_kswapd_wake", true},
    {"vmscan", "mm_vmscan_wakeup_kswapd", true},
    {"vmscan", "mm_vmscan_direct_reclaim_begin", true},
    {"vmscan", "mm_vmscan_direct_reclaim_end", true},
    {"vmscan", "mm_vmscan_throttled", true},
    {"oom", "mark_victim", true},
    {"jbd2", "jbd2_start_commit", true},
    {"jbd2", "jbd2_end_commit", true},
    {"ftrace", "print", true},
    {"ktsim", "ktsim_return", false},
}};

}  // namespace

const EventInfo& info(Event event) {
  const auto index = static_cast<std::size_t>(event);
  KT_ASSERT(index < kEvents, "no such event: {}", index);
  return kInfo[index];
}

}  // namespace kt::trace
