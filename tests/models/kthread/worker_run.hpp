// What the tests of kthread workers share: a machine with a worker and works that leave notes.
#pragma once

#include <string>
#include <vector>

#include "models/kthread/kthread_worker.hpp"
#include "tests/support/test_machine.hpp"

namespace worker_test {

using kt::kthread::CreatedWorker;
using kt::kthread::KthreadDelayedWork;
using kt::kthread::Kthreads;
using kt::kthread::KthreadWork;
using kt::kthread::KthreadWorker;
using kt::kthread::KthreadWorkers;
using kt::sched::Task;
using kt::trace::Event;
using sim::Co;
using support::MachineOptions;
using support::TestMachine;

using Notes = std::vector<std::string>;

inline constexpr sim::Time kEnd = 1'000'000'000;
inline constexpr sim::Time kPause = 20'000'000;
inline constexpr sim::Time kLong = 1'000'000;
inline constexpr std::uint64_t kWorker = 0xffff888100100000;
inline constexpr std::uint64_t kWork = 0xffff888100200000;

/// Leaves the work's name as a note.
Co<> note_name(KthreadWorkers& workers, KthreadWork& work);
/// Leaves a note at its begin and, kLong later, at its end.
Co<> long_work(KthreadWorkers& workers, KthreadWork& work);

/// A machine with a worker, works a, b, c (brief) and slow (1 ms), and delayed works d and e.
struct Run {
  explicit Run(const MachineOptions& options = {}) : m(options), workers(m.kthreads, m.spinlocks) {
    init(a, &note_name, "a", kWork);
    init(b, &note_name, "b", kWork + 0x100);
    init(c, &note_name, "c", kWork + 0x200);
    init(slow, &long_work, "slow", kWork + 0x300);
    for (KthreadDelayedWork* work : {&d, &e}) {
      const bool is_d = work == &d;
      workers.kthread_init_delayed_work(*work, &note_name, is_d ? "d" : "e",
                                        is_d ? kWork + 0x400 : kWork + 0x500);
      work->object = this;
    }
  }
  void init(KthreadWork& work, KthreadWork::Function function, const char* name,
            std::uint64_t address) {
    workers.kthread_init_work(work, function, name, address);
    work.object = this;
  }
  [[nodiscard]] sim::FramePool& frame_pool() const { return workers.frame_pool(); }
  std::vector<sim::Time> times_of(Event event, const KthreadWork& work) {
    std::vector<sim::Time> times;
    for (const auto& record : m.records(event)) {
      if (record.arguments[0] == work.address) times.push_back(record.time);
    }
    return times;
  }

  TestMachine m;
  KthreadWorkers workers;
  KthreadWorker* worker = nullptr;
  KthreadWork a, b, c, slow;
  KthreadDelayedWork d, e;
  std::vector<bool> results;
};

/// Makes the worker "works" and waits until it sleeps.
Co<> make_worker(Run& run, unsigned flags = 0);

}  // namespace worker_test
