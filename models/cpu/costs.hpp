// The cost table: how long each kernel path occupies its CPU, in nanoseconds. Every entry has a name
// (the key in a machine's "costs"), a meaning, and a default: a generic 2.5 GHz x86 server. Presets
// in scenarios/machines/*.json override entries and say where each figure comes from.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sim/time.hpp"

namespace kt::cpu {

using sim::Time;

struct CostTable {
  // Scheduling
  Time schedule = 250;         // __schedule() up to the choice of the next task
  Time block = 100;            // extra when the task blocks: its dequeue
  Time context_switch = 650;   // switch_to() and finish_task_switch()
  Time mm_switch = 350;        // extra when the user address space changes (CR3, TLB)
  Time ttwu = 150;             // try_to_wake_up() up to the choice of a CPU
  Time ttwu_activate = 300;    // enqueue and preemption check under the rq lock
  Time ttwu_queue = 120;       // queueing on a remote wake list, and the IPI
  Time wake_up_new = 300;      // wake_up_new_task() beyond ttwu and ttwu_activate
  Time ttwu_noop = 40;         // a wakeup that finds nothing to do
  // Interrupts
  Time ipi_smt = 350;          // delivery to a sibling thread
  Time ipi_llc = 600;          // delivery within the last-level cache
  Time ipi_node = 800;         // delivery within the node
  Time ipi_remote = 1400;      // delivery across nodes
  Time irq_entry = 250;        // from the CPU's acceptance to the handler
  Time irq_exit = 150;         // from the handler back to what was interrupted
  Time irq_handler = 150;      // handle_edge_irq() around a device's handler
  Time ipi_handler = 100;      // body of the reschedule and call-function vectors
  // Idle
  Time idle_enter = 300;       // do_idle() until the CPU halts
  Time idle_exit = 900;        // leaving the idle state when an interrupt or a poll ends it
  Time idle_poll = 300;        // a polling idle loop noticing need_resched
  // Timers and softirqs
  Time hrtimer_interrupt = 250;  // hrtimer_interrupt() without callbacks
  Time hrtimer_callback = 100;   // one expired hrtimer
  Time hrtimer_start = 150;      // arming or cancelling, with reprogramming
  Time timer_start = 80;         // arming a wheel timer
  Time timer_callback = 100;     // one expired wheel timer
  Time tick = 700;               // tick_nohz_handler(): accounting and sched_tick()
  Time softirq_entry = 100;      // handle_softirqs() around each pass
  Time softirq_vector = 150;     // one vector's own overhead
  Time tasklet = 50;             // taking one tasklet off the list and trying its lock
  Time balance = 1500;           // one sched_balance_rq() over one domain
  // RCU
  Time rcu_core = 500;         // the RCU softirq without callbacks
  Time rcu_gp = 3'000;         // rcu_preempt: beginning or ending a grace period
  Time rcu_fqs = 60;           // looking whether one CPU idles
  // CPU hotplug
  Time rebuild_domains = 200'000;  // partition_sched_domains() when a CPU comes or goes
  Time cpu_disable = 1'000'000;    // arch/x86: fixup_irqs() waits a millisecond for stray interrupts
  Time cpu_kick = 250'000;         // INIT and SIPI until the CPU says that it is alive
  Time cpu_boot = 400'000;         // start_secondary() until it takes interrupts
  Time cpu_dead = 60'000;          // from its last instruction until the others know
  // Kernel threads and processes
  Time fork = 25'000;          // kernel_thread() in kthreadd, up to the wakeup of the child
  Time kthread_start = 1500;   // ret_from_fork to the completion of the creator
  Time kthread_call = 300;     // a kthread_*() call's own part
  Time exit = 6000;            // do_exit() up to the last schedule()
  Time stopper = 500;          // one stopper work
  Time syscall = 150;          // entry to and exit from the kernel of a user task
  // Waiting and locks
  Time wait_queue = 60;        // prepare_to_wait(), finish_wait(), one waiter's wake function
  Time completion = 60;        // complete(), wait_for_completion() without the sleep
  Time lock = 25;              // uncontended acquire or release
  Time handover_smt = 40;      // a contended lock's next owner is the sibling thread
  Time handover_llc = 120;     // … shares the last-level cache
  Time handover_node = 180;    // … is on the same node
  Time handover_remote = 450;  // … is on another node
  Time work_item = 100;        // taking one item off a worker's list
  Time queue_work = 120;       // __queue_work() under the pool's lock, without the wakeup
  Time flush_work = 80;        // flush_work() around the lock and the wait
  Time cancel_work = 60;       // one attempt to grab a work's PENDING bit and timer
  Time queue_work_pending = 40;  // queue_work() of a work that is pending already
  Time pwq_alloc = 150;          // making one pool_workqueue: an allocation and its zeroing
  // Memory
  Time alloc_pages = 120;      // __alloc_pages() from the free list, per call
  Time free_pages = 80;        // giving a block back
  Time alloc_slowpath = 400;   // __alloc_pages_slowpath() without reclaim
  Time reclaim_scan = 100;     // looking at one page of the page cache
  Time reclaim_page = 500;     // freeing one clean page
  Time writeback_page = 300;   // putting one dirty page into a request to the disk
  Time write_page = 600;       // copying one page into the page cache and making it dirty
  Time dispatch_request = 500;  // kblockd handing one request to a disk's driver
  // Suspend
  Time freeze_scan = 40;         // looking at one task in a scan of the freezer, or to thaw it
  Time freeze_task = 300;        // asking one task to freeze, without the wakeup
  Time freeze_phase = 10'000;    // a phase of the freezer around its scans: messages, usermode helpers
  Time suspend_sync = 50'000;    // ksys_sync_helper() with nothing to write
  Time suspend_notifiers = 100'000;  // one chain of PM notifiers
  Time suspend_console = 100'000;    // suspending the console, or resuming it
  Time dpm_phase = 20'000;       // one phase of the devices without their callbacks
  Time dpm_device = 2'000;       // one device in one phase, without its callback
  Time suspend_irqs = 20'000;    // walking all interrupts to suspend those of devices, or to resume them
  Time syscore = 50'000;         // syscore_suspend() or syscore_resume()
  Time machine_suspend = 1'000'000;   // from the last instruction of the kernel until the machine is down
  Time machine_resume = 30'000'000;   // firmware, from the wake event to the first instruction
  // Caches
  Time cold_llc = 2'000;       // refill after a move to another core of the same LLC
  Time cold_node = 8'000;      // … of the same node
  Time cold_remote = 15'000;   // … of another node
  Time statement = 10;         // a scenario statement's own instructions
};

struct CostEntry {
  std::string_view name;
  Time CostTable::*field;
  std::string_view meaning;
};

/// Every entry by name, in the order of the struct.
std::span<const CostEntry> cost_entries();

/// The entry of that name, or null.
const CostEntry* find_cost(std::string_view name);

}  // namespace kt::cpu
