// Device interrupts (kernel/irq/): message-signalled ones, as every PCI device of today has. Such an
// interrupt is an edge: it is delivered to one CPU, stays pending there while that CPU has
// interrupts off, and merges with further arrivals until its handler begins. It is never masked for
// a handler thread (IRQCHIP_ONESHOT_SAFE), so that IRQF_ONESHOT changes nothing: the hard handler
// runs for every edge, and a wakeup of a thread that has not begun yet merges with it.
//
// A handler runs with interrupts off in hardirq context. A threaded interrupt has the thread
// irq/N-NAME, SCHED_FIFO 50, on the CPU that the interrupt goes to. Under PREEMPT_RT every other
// handler runs in such a thread, with softirqs off.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "models/irq/vector.hpp"
#include "models/kthread/kthread.hpp"
#include "models/softirq/softirq.hpp"
#include "sim/histogram.hpp"

namespace kt::irq {

using cpu::Cpu;
using sched::Task;
using sim::Co;
using sim::Time;

class Irqs;

/// What an interrupt has done.
struct IrqStats {
  std::uint64_t arrivals = 0;
  std::uint64_t merged = 0;           ///< of those, found the one before still pending
  std::uint64_t handled = 0;          ///< runs of the hard handler
  std::uint64_t thread_runs = 0;
  sim::Histogram latency;             ///< ns from the (first merged) arrival to the hard handler
  sim::Histogram thread_latency;      ///< ns from there to the thread's function
  std::vector<std::uint64_t> by_cpu;  ///< hard handlers, as /proc/interrupts counts
};

/// struct irq_desc and its one irqaction.
struct Irq {
  using Function = Co<> (*)(Irqs& irqs, Irq& irq);

  explicit Irq(const cpu::CpuMask& mask) : affinity(mask) {}

  int number = 0;
  std::uint32_t name = 0;      ///< NameTable id
  Function handler = nullptr;  ///< in hardirq context; null: only wakes the thread
  Function thread_fn = nullptr;
  void* object = nullptr;
  bool forced_thread = false;  ///< IRQTF_FORCED_THREAD: thread_fn was meant for hardirq context

  cpu::CpuMask affinity;
  int cpu = -1;     ///< where it is delivered
  int vector = -1;  ///< of that CPU
  Task* thread = nullptr;
  bool in_progress = false;     ///< IRQD_IRQ_INPROGRESS
  bool pending = false;         ///< IRQS_PENDING: arrived while in progress elsewhere
  bool masked = false;          ///< at the device, which then remembers an arrival
  bool latched = false;         ///< …this one
  bool run_thread = false;      ///< IRQTF_RUNTHREAD
  bool move_thread = false;     ///< IRQTF_AFFINITY
  bool thread_active = false;   ///< threads_active: woken, and its function has not ended
  bool wakes = false;           ///< IRQD_WAKEUP_STATE: it ends a suspend
  bool wakeup_armed = false;    ///< IRQD_WAKEUP_ARMED
  bool suspended = false;       ///< IRQS_SUSPENDED: disabled, what arrives is kept
  bool replay = false;          ///< …this
  Time raised_at = 0;           ///< first arrival that no handler has seen
  Time thread_wanted = 0;       ///< first arrival that the thread has not seen
  IrqStats stats;
};

/// Told of an arrival that has to end a suspend (kernel/irq/pm.c: irq_pm_check_wakeup).
struct WakeupHook {
  void* object = nullptr;
  Co<> (*wakeup)(void* object, Irq& irq) = nullptr;
};

/// What request_threaded_irq() is given.
struct IrqRequest {
  std::string name;
  Irq::Function handler = nullptr;
  Irq::Function thread_fn = nullptr;
  void* object = nullptr;
  cpu::CpuMask affinity;
};

class Irqs {
 public:
  /// Takes over cpu::Vector::kDevice. Numbers are given from `first_number` on: 24 is the first
  /// that no legacy interrupt of an x86 machine has.
  Irqs(kthread::Kthreads& kthreads, softirq::Softirqs& softirqs, int first_number);
  Irqs(const Irqs&) = delete;
  Irqs& operator=(const Irqs&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

  /// Sets up an interrupt before t = 0, with its thread: kernel/irq/manage.c: request_threaded_irq.
  /// Throws sim::UserError if the CPUs have no vector left.
  Irq& request_irq(const IrqRequest& request);
  /// The device signals: from a calendar event.
  void raise(Irq& irq);
  /// The mask and with it the CPU change; what is pending moves along. kernel/irq/manage.c:
  /// irq_set_affinity; from any context. False if no CPU of the mask has a vector left.
  bool set_affinity(Irq& irq, const cpu::CpuMask& mask);
  /// Whether a CPU can go offline: the others have vectors for all of its interrupts. 0 or -ENOSPC.
  /// arch/x86/kernel/apic/vector.c: lapic_can_unplug_cpu
  [[nodiscard]] int lapic_can_unplug_cpu(const Cpu& cpu) const;
  /// Interrupts that go to a CPU which is going offline get another one: of their mask, or, if that
  /// has none online, any; then their mask is lost. Interrupts off.
  /// kernel/irq/cpuhotplug.c: irq_migrate_all_off_this_cpu
  void migrate_all_off_this_cpu(Cpu& cpu);
  /// How many have been moved so.
  [[nodiscard]] std::uint64_t moved() const { return moved_; }
  [[nodiscard]] const std::deque<Irq>& all() const { return irqs_; }
  /// While devices are suspended: handlers do not run, one arrival is kept; an interrupt that wakes
  /// tells the hook and is kept too. Waits until handlers that run have ended. kernel/irq/pm.c
  Co<> suspend_device_irqs();
  void resume_device_irqs();
  WakeupHook wakeup_hook;

  /// Interrupts of devices with a queue for each CPU (disks): `body` runs on a CPU for
  /// raise_queue(). It does its own accounting.
  void set_queue_handler(cpu::InterruptHooks::Hook handler) { queue_handler_ = handler; }
  void raise_queue(int cpu);

 private:
  static Co<> device_interrupt(void* self, Cpu& cpu);
  Co<> handle_edge_irq(Cpu& cpu, Irq& irq);
  Co<> hold_back(Irq& irq);
  Co<> synchronize_irq(const Irq& irq);
  Co<> handle_irq_event(Cpu& cpu, Irq& irq, Time arrived);
  void place(Irq& irq, int cpu);
  void deliver(Irq& irq);
  void unmask(Irq& irq);
  void retrigger(Irq& irq);
  static void retriggered(void* self, std::uint64_t irq);
  void make_thread(Irq& irq, const std::string& name);
  static Co<int> irq_thread(kthread::Kthreads& kthreads, Task& self, void* data);
  Co<bool> irq_wait_for_interrupt(Task& self, Irq& irq);

  // What an irq thread is given: a Kthread's data is one pointer.
  struct ThreadData {
    Irqs* irqs;
    Irq* irq;
  };

  kthread::Kthreads& kthreads_;
  sched::Scheduler& scheduler_;
  softirq::Softirqs& softirqs_;
  cpu::Machine& machine_;
  int next_number_;
  std::uint64_t moved_ = 0;
  Vectors vectors_;
  std::deque<Irq> irqs_;
  std::deque<ThreadData> threads_;
  std::vector<char> queue_wanted_;  // by CPU
  cpu::InterruptHooks::Hook queue_handler_;
  Task* thread_waiter_ = nullptr;  // wait_for_threads
};

}  // namespace kt::irq
