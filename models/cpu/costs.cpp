#include "models/cpu/costs.hpp"

#include <array>

namespace kt::cpu {

namespace {

constexpr std::array kEntries{
    CostEntry{"schedule", &CostTable::schedule, "__schedule() up to the choice of the next task"},
    CostEntry{"block", &CostTable::block, "extra when the task blocks: its dequeue"},
    CostEntry{"context_switch", &CostTable::context_switch, "switch_to() and finish_task_switch()"},
    CostEntry{"mm_switch", &CostTable::mm_switch, "extra when the user address space changes (CR3, TLB)"},
    CostEntry{"ttwu", &CostTable::ttwu, "try_to_wake_up() up to the choice of a CPU"},
    CostEntry{"ttwu_activate", &CostTable::ttwu_activate, "enqueue and preemption check under the rq lock"},
    CostEntry{"ttwu_queue", &CostTable::ttwu_queue, "queueing on a remote wake list, and the IPI"},
    CostEntry{"wake_up_new", &CostTable::wake_up_new, "wake_up_new_task() beyond ttwu and ttwu_activate"},
    CostEntry{"ttwu_noop", &CostTable::ttwu_noop, "a wakeup that finds nothing to do"},
    CostEntry{"ipi_smt", &CostTable::ipi_smt, "delivery to a sibling thread"},
    CostEntry{"ipi_llc", &CostTable::ipi_llc, "delivery within the last-level cache"},
    CostEntry{"ipi_node", &CostTable::ipi_node, "delivery within the node"},
    CostEntry{"ipi_remote", &CostTable::ipi_remote, "delivery across nodes"},
    CostEntry{"irq_entry", &CostTable::irq_entry, "from the CPU's acceptance to the handler"},
    CostEntry{"irq_exit", &CostTable::irq_exit, "from the handler back to what was interrupted"},
    CostEntry{"irq_handler", &CostTable::irq_handler, "handle_edge_irq() around a device's handler"},
    CostEntry{"ipi_handler", &CostTable::ipi_handler, "body of the reschedule and call-function vectors"},
    CostEntry{"idle_enter", &CostTable::idle_enter, "do_idle() until the CPU halts"},
    CostEntry{"idle_exit", &CostTable::idle_exit, "leaving the idle state when an interrupt or a poll ends it"},
    CostEntry{"idle_poll", &CostTable::idle_poll, "a polling idle loop noticing need_resched"},
    CostEntry{"hrtimer_interrupt", &CostTable::hrtimer_interrupt, "hrtimer_interrupt() without callbacks"},
    CostEntry{"hrtimer_callback", &CostTable::hrtimer_callback, "one expired hrtimer"},
    CostEntry{"hrtimer_start", &CostTable::hrtimer_start, "arming or cancelling, with reprogramming"},
    CostEntry{"timer_start", &CostTable::timer_start, "arming a wheel timer"},
    CostEntry{"timer_callback", &CostTable::timer_callback, "one expired wheel timer"},
    CostEntry{"tick", &CostTable::tick, "tick_nohz_handler(): accounting and sched_tick()"},
    CostEntry{"softirq_entry", &CostTable::softirq_entry, "handle_softirqs() around each pass"},
    CostEntry{"softirq_vector", &CostTable::softirq_vector, "one vector's own overhead"},
    CostEntry{"tasklet", &CostTable::tasklet, "taking one tasklet off the list and trying its lock"},
    CostEntry{"balance", &CostTable::balance, "one sched_balance_rq() over one domain"},
    CostEntry{"rcu_core", &CostTable::rcu_core, "the RCU softirq without callbacks"},
    CostEntry{"rcu_gp", &CostTable::rcu_gp, "rcu_preempt: beginning or ending a grace period"},
    CostEntry{"rcu_fqs", &CostTable::rcu_fqs, "looking whether one CPU idles"},
    CostEntry{"rebuild_domains", &CostTable::rebuild_domains, "partition_sched_domains() when a CPU comes or goes"},
    CostEntry{"cpu_disable", &CostTable::cpu_disable, "a CPU that goes offline waits for stray interrupts"},
    CostEntry{"cpu_kick", &CostTable::cpu_kick, "INIT and SIPI until a CPU says that it is alive"},
    CostEntry{"cpu_boot", &CostTable::cpu_boot, "start_secondary() until the CPU takes interrupts"},
    CostEntry{"cpu_dead", &CostTable::cpu_dead, "from the last instruction of a CPU until the others know"},
    CostEntry{"fork", &CostTable::fork, "kernel_thread() in kthreadd, up to the wakeup of the child"},
    CostEntry{"kthread_start", &CostTable::kthread_start, "ret_from_fork to the completion of the creator"},
    CostEntry{"kthread_call", &CostTable::kthread_call, "a kthread_*() call's own part"},
    CostEntry{"exit", &CostTable::exit, "do_exit() up to the last schedule()"},
    CostEntry{"stopper", &CostTable::stopper, "one stopper work"},
    CostEntry{"syscall", &CostTable::syscall, "entry to and exit from the kernel of a user task"},
    CostEntry{"wait_queue", &CostTable::wait_queue, "prepare_to_wait(), finish_wait(), one waiter's wake function"},
    CostEntry{"completion", &CostTable::completion, "complete(), wait_for_completion() without the sleep"},
    CostEntry{"lock", &CostTable::lock, "uncontended acquire or release"},
    CostEntry{"handover_smt", &CostTable::handover_smt, "a contended lock's next owner is the sibling thread"},
    CostEntry{"handover_llc", &CostTable::handover_llc, "… shares the last-level cache"},
    CostEntry{"handover_node", &CostTable::handover_node, "… is on the same node"},
    CostEntry{"handover_remote", &CostTable::handover_remote, "… is on another node"},
    CostEntry{"work_item", &CostTable::work_item, "taking one item off a worker's list"},
    CostEntry{"queue_work", &CostTable::queue_work, "__queue_work() under the pool's lock, without the wakeup"},
    CostEntry{"flush_work", &CostTable::flush_work, "flush_work() around the lock and the wait"},
    CostEntry{"cancel_work", &CostTable::cancel_work, "one attempt to grab a work's PENDING bit and timer"},
    CostEntry{"queue_work_pending", &CostTable::queue_work_pending, "queue_work() of a work that is pending already"},
    CostEntry{"pwq_alloc", &CostTable::pwq_alloc, "making one pool_workqueue: an allocation and its zeroing"},
    CostEntry{"alloc_pages", &CostTable::alloc_pages, "__alloc_pages() from the free list, per call"},
    CostEntry{"free_pages", &CostTable::free_pages, "giving a block back"},
    CostEntry{"alloc_slowpath", &CostTable::alloc_slowpath, "__alloc_pages_slowpath() without reclaim"},
    CostEntry{"reclaim_scan", &CostTable::reclaim_scan, "looking at one page of the page cache"},
    CostEntry{"reclaim_page", &CostTable::reclaim_page, "freeing one clean page"},
    CostEntry{"writeback_page", &CostTable::writeback_page, "putting one dirty page into a request to the disk"},
    CostEntry{"write_page", &CostTable::write_page, "copying one page into the page cache and making it dirty"},
    CostEntry{"dispatch_request", &CostTable::dispatch_request, "kblockd handing one request to a disk's driver"},
    CostEntry{"freeze_scan", &CostTable::freeze_scan, "looking at one task in a scan of the freezer, or to thaw it"},
    CostEntry{"freeze_task", &CostTable::freeze_task, "asking one task to freeze, without the wakeup"},
    CostEntry{"freeze_phase", &CostTable::freeze_phase, "a phase of the freezer around its scans: messages, usermode helpers"},
    CostEntry{"suspend_sync", &CostTable::suspend_sync, "ksys_sync_helper() with nothing to write"},
    CostEntry{"suspend_notifiers", &CostTable::suspend_notifiers, "one chain of PM notifiers"},
    CostEntry{"suspend_console", &CostTable::suspend_console, "suspending the console, or resuming it"},
    CostEntry{"dpm_phase", &CostTable::dpm_phase, "one phase of the devices without their callbacks"},
    CostEntry{"dpm_device", &CostTable::dpm_device, "one device in one phase, without its callback"},
    CostEntry{"suspend_irqs", &CostTable::suspend_irqs, "walking all interrupts to suspend those of devices, or to resume them"},
    CostEntry{"syscore", &CostTable::syscore, "syscore_suspend() or syscore_resume() without callbacks"},
    CostEntry{"machine_suspend", &CostTable::machine_suspend, "firmware, until the machine is down"},
    CostEntry{"machine_resume", &CostTable::machine_resume, "firmware, from the wake event to the first instruction of the kernel"},
    CostEntry{"cold_llc", &CostTable::cold_llc, "refill after a move to another core of the same LLC"},
    CostEntry{"cold_node", &CostTable::cold_node, "… of the same node"},
    CostEntry{"cold_remote", &CostTable::cold_remote, "… of another node"},
    CostEntry{"statement", &CostTable::statement, "a scenario statement's own instructions"},
};
static_assert(kEntries.size() * sizeof(Time) == sizeof(CostTable));

}  // namespace

std::span<const CostEntry> cost_entries() { return kEntries; }

const CostEntry* find_cost(std::string_view name) {
  for (const CostEntry& entry : kEntries) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace kt::cpu
