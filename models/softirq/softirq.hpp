// Softirqs (kernel/softirq.c): ten vectors, a pending mask on each CPU, served at irq exit, when the
// outermost local_bh_enable() comes, by the idle loop after remote calls, or by ksoftirqd/N. At most
// ten passes and 2 ms (rounded up to jiffies) at a time, and no second one once a switch is due:
// then ksoftirqd takes over.
//
// Under PREEMPT_RT softirqs run in threads only, preemptible: in ksoftirqd/N, or in the thread that
// ends a BH-off section, such as an irq thread. Such a section holds a lock of its CPU that sleeps.
#pragma once

#include <array>
#include <string_view>

#include "models/locking/rtmutex.hpp"
#include "models/timers/jiffies.hpp"
#include "sim/histogram.hpp"

namespace kt::softirq {

using cpu::Cpu;
using sched::Task;
using sim::Co;
using sim::Time;

/// include/linux/interrupt.h: the vectors, most urgent first.
enum class Vec : std::uint8_t {
  kHi,
  kTimer,
  kNetTx,
  kNetRx,
  kBlock,
  kIrqPoll,
  kTasklet,
  kSched,
  kHrtimer,
  kRcu,
};
inline constexpr std::size_t kVectors = 10;

/// The name that the kernel prints (softirq_to_name).
std::string_view name_of(Vec vec);

/// What a vector has done, on all CPUs.
struct VectorStats {
  std::uint64_t runs = 0;        ///< of its action, as /proc/softirqs counts
  std::uint64_t in_ksoftirqd = 0;  ///< of those, in ksoftirqd/N
  sim::Histogram latency;        ///< ns from the raise that set the bit to softirq_entry
};

class Softirqs {
 public:
  Softirqs(sched::Scheduler& scheduler, const timers::Ticks& ticks);

  using Action = Co<> (*)(void* object, Cpu& cpu);
  void open_softirq(Vec vec, Action action, void* object);

  /// Marks the vector pending on this CPU and no more: for code with interrupts off that irq exit
  /// or local_bh_enable() will follow (kernel/softirq.c: __raise_softirq_irqoff).
  void raise_irqoff(Cpu& cpu, Vec vec);
  /// The same from anywhere with interrupts off: wakes ksoftirqd if nothing else would serve it
  /// (raise_softirq_irqoff).
  Co<> raise_softirq_irqoff(Cpu& cpu, Vec vec);
  /// The same with interrupts as they are (raise_softirq).
  Co<> raise(Vec vec);
  /// Raises it on another CPU, from that CPU's call-function interrupt, or here if it is this one
  /// (kernel/irq_work.c: irq_work_queue_on with a work that raises). With interrupts off.
  Co<> raise_on(int cpu, Vec vec);

  /// No softirq runs on this CPU until the matching local_bh_enable(), which runs what is pending
  /// (kernel/softirq.c: __local_bh_disable_ip, __local_bh_enable_ip). They nest. Not in hardirq.
  Co<> local_bh_disable();
  Co<> local_bh_enable();
  [[nodiscard]] static bool bh_disabled(const Task& task) {
    return (task.preempt_count & cpu::kSoftirqMask) + task.softirq_disable_cnt >=
           cpu::kSoftirqDisableOffset;
  }

  /// The function of ksoftirqd/N once its CPU has something pending (run_ksoftirqd).
  Co<> run_ksoftirqd(Cpu& cpu);
  /// The thread of a CPU, once it exists.
  void set_ksoftirqd(int cpu, Task& thread) { at(cpu).ksoftirqd = &thread; }
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }
  [[nodiscard]] sched::Scheduler& scheduler() const { return scheduler_; }
  [[nodiscard]] const VectorStats& stats(Vec vec) const {
    return stats_[static_cast<std::size_t>(vec)];
  }

 private:
  struct PerCpu {
    Task* ksoftirqd = nullptr;
    locking::RtMutex bh_lock;      // struct softirq_ctrl (PREEMPT_RT)
    std::uint32_t bh_disabled = 0;  // its cnt
    std::array<Time, kVectors> raised{};  ///< when the pending bit was set
    std::array<Time, kVectors> serving{};  ///< the same of those that are being served
  };
  [[nodiscard]] PerCpu& at(int cpu) { return percpu_[static_cast<std::size_t>(cpu)]; }
  static Co<> invoke_softirq(void* self, Cpu& cpu);
  static Co<> run_irq_work(void* self, Cpu& cpu);
  Co<> handle_softirqs(Cpu& cpu);
  Co<> run_vectors(Cpu& cpu, std::uint32_t pending);
  Co<> wakeup_softirqd(Cpu& cpu);
  Co<> rt_bh_disable(std::uint32_t offset);
  Co<> rt_bh_enable();
  Co<> rt_bh_release(Task& self, std::uint32_t offset, bool unlock);

  sched::Scheduler& scheduler_;
  locking::RtMutexes rt_;
  timers::Ticks ticks_;
  struct Entry {
    Action action = nullptr;
    void* object = nullptr;
  };
  std::array<Entry, kVectors> actions_{};
  std::array<VectorStats, kVectors> stats_;
  std::vector<PerCpu> percpu_;
};

}  // namespace kt::softirq
