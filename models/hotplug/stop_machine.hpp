// stop_machine() (kernel/stop_machine.c): the stoppers of all online CPUs meet, turn interrupts off
// together, some of them call a function while nothing else runs anywhere, and part. What it costs is
// the time of the slowest CPU to come, and everybody's time from then on.
#pragma once

#include <vector>

#include "models/locking/mutex.hpp"
#include "models/sched/scheduler.hpp"

namespace kt::hotplug {

using cpu::Cpu;
using cpu::CpuMask;
using sched::Task;
using sim::Co;
using sim::Time;

class StopMachine {
 public:
  using Function = Co<int> (*)(void* object, Cpu& cpu);

  StopMachine(sched::Scheduler& scheduler, locking::Mutexes& mutexes);
  StopMachine(const StopMachine&) = delete;
  StopMachine& operator=(const StopMachine&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

  /// Calls `function` on the CPUs of `where` while all others spin with interrupts off; the last
  /// non-zero result. CPUs must not come or go meanwhile. kernel/stop_machine.c:
  /// stop_machine_cpuslocked
  Co<int> stop_machine_cpuslocked(Function function, void* object, CpuMask where);
  /// The same from a CPU that is not online yet, with interrupts off: it takes part itself.
  /// kernel/stop_machine.c: stop_machine_from_inactive_cpu
  Co<int> stop_machine_from_inactive_cpu(Cpu& inactive, Function function, void* object);

 private:
  enum class State : std::uint8_t { kNone, kPrepare, kDisableIrq, kRun, kExit };
  // struct multi_stop_data
  struct Multi {
    StopMachine* owner = nullptr;
    Function function = nullptr;
    void* object = nullptr;
    CpuMask where;
    int threads = 0;
    int acks_left = 0;
    State state = State::kPrepare;
    int result = 0;
    std::vector<cpu::Segment*> spinning{};
  };
  void start(Multi& multi, int threads);
  Co<> queue_stop_cpus_work(Multi& multi);
  Co<> wait_for_all();
  static Co<> multi_cpu_stop(sched::Scheduler& scheduler, Cpu& cpu,
                             sched::Scheduler::StopWork& work);
  Co<> take_part(Multi& multi, Cpu& cpu);
  void ack(Multi& multi, Cpu& cpu);

  sched::Scheduler& scheduler_;
  locking::Mutexes& mutexes_;
  locking::Mutex stop_cpus_mutex_;
  std::vector<sched::Scheduler::StopWork> works_;  // of each CPU
  int left_ = 0;                                   // works that are not done
};

}  // namespace kt::hotplug
