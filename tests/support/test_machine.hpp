// A machine for tests of the models: every layer up to kernel threads, idle CPUs, kthreadd as PID
// 2, migration/N and ksoftirqd/N, and a sink that keeps the trace. A test makes threads whose
// bodies are coroutine functions, then drives the calendar. Everything starts at t = 0.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/kthread/kthread.hpp"
#include "models/locking/completion.hpp"
#include "models/locking/mutex.hpp"
#include "models/locking/spinlock.hpp"
#include "models/locking/wait.hpp"
#include "models/softirq/tasklet.hpp"
#include "models/trace/events.hpp"
#include "sim/calendar.hpp"
#include "tests/support/trace_text.hpp"

namespace support {

/// What a test may choose of its machine.
struct MachineOptions {
  MachineOptions() { topology.nr_cpus = 2; }
  kt::cpu::TopologySpec topology;
  kt::cpu::CostTable costs;
  kt::sched::SchedConfig sched;
  kt::timers::Ticks ticks;
  sim::Chooser* chooser = nullptr;
};

class TestMachine {
 public:
  explicit TestMachine(const MachineOptions& options = {});
  TestMachine(const TestMachine&) = delete;
  TestMachine& operator=(const TestMachine&) = delete;

  /// A kernel thread that is queued on `cpu` when the run starts. It stays there if it is pinned.
  kt::sched::Task& thread(std::string_view name, kt::kthread::ThreadFunction body, void* data,
                          int cpu = 0, bool pinned = true);
  /// The same as a user task that is in a system call: signals reach it.
  kt::sched::Task& user_task(std::string_view name, kt::kthread::ThreadFunction body, void* data,
                             int cpu = 0);

  void run_until(sim::Time when) { calendar.run_until(when); }

  /// Leaves a line in notes() and in the trace, by whoever runs now.
  void note(std::string_view text);
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

  /// The records so far; those of one event.
  std::span<const sim::TraceRecord> records();
  std::vector<sim::TraceRecord> records(kt::trace::Event event);
  /// The trace so far as the ftrace sink prints it, in nanoseconds.
  std::string trace_text();
  /// What support::check_invariants() says of it: "" if all hold.
  std::string violations();

 private:
  struct Recorder : sim::TraceSink {
    void write(std::span<const sim::TraceRecord> block, const sim::NameTable& names) override;
    std::vector<sim::TraceRecord> records;
  };
  void place(kt::sched::Task& p, int cpu);
  void boot();

  Recorder recorder_;
  std::vector<std::string> notes_;

 public:
  sim::Calendar calendar;
  sim::Trace trace;
  kt::cpu::Machine machine;
  kt::sched::Scheduler scheduler;
  kt::timers::Ticks ticks;
  kt::softirq::Softirqs softirqs;
  kt::softirq::Tasklets tasklets;
  kt::timers::Timers timers;
  kt::locking::Completions completions;
  kt::locking::Waits waits;
  kt::locking::Mutexes mutexes;
  kt::locking::Spinlocks spinlocks;
  kt::kthread::Kthreads kthreads;
};

}  // namespace support
