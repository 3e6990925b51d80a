// Softirqs (kernel/softirq.c): ten vectors, a pending mask on each CPU, served at irq exit or by
// ksoftirqd/N.
#pragma once

#include <array>
#include <string_view>

#include "models/sched/scheduler.hpp"
#include "models/timers/jiffies.hpp"

namespace kt::softirq {

using cpu::Cpu;
using sched::Task;
using sim::Co;

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

class Softirqs {
 public:
  Softirqs(sched::Scheduler& scheduler, const timers::Ticks& ticks);

  using Action = Co<> (*)(void* object, Cpu& cpu);
  void open_softirq(Vec vec, Action action, void* object);

  /// Marks the vector pending on this CPU; for code that irq exit will follow (kernel/softirq.c:
  /// __raise_softirq_irqoff).
  void raise_irqoff(Cpu& cpu, Vec vec);
  /// The same from anywhere: wakes ksoftirqd if nothing else would serve it (raise_softirq).
  Co<> raise(Vec vec);

  /// Serves what is pending; ksoftirqd or irq exit (kernel/softirq.c: handle_softirqs).
  Co<> handle_softirqs(Cpu& cpu);
  /// The thread of a CPU, once it exists.
  void set_ksoftirqd(int cpu, Task& thread) { ksoftirqd_[static_cast<std::size_t>(cpu)] = &thread; }
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

 private:
  static Co<> invoke_softirq(void* self, Cpu& cpu);
  Co<> wakeup_softirqd(Cpu& cpu);

  sched::Scheduler& scheduler_;
  timers::Ticks ticks_;
  struct Entry {
    Action action = nullptr;
    void* object = nullptr;
  };
  std::array<Entry, kVectors> actions_{};
  std::vector<Task*> ksoftirqd_;
};

}  // namespace kt::softirq
