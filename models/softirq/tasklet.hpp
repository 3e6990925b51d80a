// Tasklets (kernel/softirq.c): functions that run once in the HI or TASKLET softirq of the CPU that
// scheduled them, never on two CPUs at once. One that is scheduled while it runs runs once more; one
// that another CPU runs, or that is disabled, is put back and its softirq raised again until it can.
//
// Workqueues that execute in softirq context (WQ_BH) run from the same two vectors, before the
// tasklets: their layer registers its action here.
#pragma once

#include "models/softirq/softirq.hpp"

namespace kt::softirq {

class Tasklets;

/// struct tasklet_struct. `count` above 0: disabled, so many times.
struct Tasklet {
  using Function = Co<> (*)(Tasklets& tasklets, Tasklet& tasklet);
  Function function = nullptr;
  void* object = nullptr;
  std::uint32_t function_name = 0;  ///< NameTable id
  std::uint64_t address = 0;        ///< stable token for traces
  bool highpri = false;             ///< HI instead of TASKLET
  bool scheduled = false;           ///< TASKLET_STATE_SCHED: on a CPU's list
  bool running = false;             ///< TASKLET_STATE_RUN
  unsigned count = 0;
  Tasklet* next = nullptr;
  sim::Time scheduled_at = 0;
  std::uint64_t runs = 0;
  sim::Histogram latency;           ///< ns from the schedule that counted to the function
};

class Tasklets {
 public:
  explicit Tasklets(Softirqs& softirqs);
  Tasklets(const Tasklets&) = delete;
  Tasklets& operator=(const Tasklets&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return softirqs_.frame_pool(); }

  /// kernel/softirq.c: tasklet_schedule, or tasklet_hi_schedule if it is one of high priority.
  /// Nothing happens if it is scheduled already (false). From any context.
  Co<bool> tasklet_schedule(Tasklet& tasklet);
  /// tasklet_disable_nosync() and tasklet_enable(): while disabled it stays scheduled.
  static void tasklet_disable_nosync(Tasklet& tasklet) { ++tasklet.count; }
  static void tasklet_enable(Tasklet& tasklet) { --tasklet.count; }

  /// The works of BH workqueues (kernel/workqueue.c: workqueue_softirq_action).
  using BhAction = Co<> (*)(void* object, Cpu& cpu, bool highpri);
  void set_bh_action(BhAction action, void* object) { bh_ = {action, object}; }

  /// Moves the tasklets of a dead CPU to this one (kernel/softirq.c: takeover_tasklets). With
  /// interrupts on.
  Co<> takeover_tasklets(int dead);
  /// How many have been moved so.
  [[nodiscard]] std::uint64_t moved() const { return moved_; }

 private:
  // struct tasklet_head
  struct List {
    Tasklet* head = nullptr;
    Tasklet** tail = &head;
    void append(Tasklet& tasklet);
    Tasklet* take_all();
    void splice(List& other);
  };
  struct PerCpu {
    std::array<List, 2> lists;  // [highpri]
  };
  struct BhHook {
    BhAction action = nullptr;
    void* object = nullptr;
  };
  static constexpr Vec vec_of(bool highpri) { return highpri ? Vec::kHi : Vec::kTasklet; }
  [[nodiscard]] List& list(int cpu, bool highpri) {
    return percpu_[static_cast<std::size_t>(cpu)].lists[highpri ? 1 : 0];
  }
  template <bool kHighpri>
  static Co<> softirq_action(void* self, Cpu& cpu);
  Co<> run_list(Cpu& cpu, bool highpri);
  Co<> run(Cpu& cpu, Tasklet& tasklet);

  Softirqs& softirqs_;
  std::vector<PerCpu> percpu_;
  std::uint64_t moved_ = 0;
  BhHook bh_;
};

}  // namespace kt::softirq
