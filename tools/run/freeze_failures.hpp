// Why the freezer gave up: at the moment of each failure, who refused to freeze, where it was and
// on whom it waited, and which freezable workqueues were busy. As the kernel prints it, and
// further.
#pragma once

#include <string>
#include <vector>

#include "models/power/process.hpp"
#include "tools/run/stuck.hpp"

namespace kt::run {

/// A freezable workqueue that kept the freezer waiting.
struct BusyQueue {
  std::string name;
  std::vector<Sleeper> workers;  ///< inside its works; waits_for begins with the work's name
  int waiting = 0;               ///< active works that no worker had begun
};

struct FreezeFailure {
  Time start = 0;    ///< of the phase
  Time elapsed = 0;  ///< ns
  bool user_only = false;
  bool aborted = false;  ///< by a wakeup
  std::vector<Sleeper> refusing;
  std::vector<BusyQueue> queues;

  /// "Freezing user space processes failed after 20.006 seconds (1 tasks refusing to freeze,
  /// wq_busy=0)"
  [[nodiscard]] std::string headline() const;
};

class FreezeFailures {
 public:
  /// Listens to the freezer of the system, which must outlive this.
  explicit FreezeFailures(System& system);
  FreezeFailures(const FreezeFailures&) = delete;
  FreezeFailures& operator=(const FreezeFailures&) = delete;
  [[nodiscard]] const std::vector<FreezeFailure>& all() const { return failures_; }

 private:
  static void failed(void* self, const power::FreezeFailure& failure);
  [[nodiscard]] std::vector<BusyQueue> busy_queues() const;

  System& system_;
  std::vector<FreezeFailure> failures_;
};

}  // namespace kt::run
