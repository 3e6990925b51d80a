// Why nothing goes on: the threads of a scenario that sleep at the end of a run, what each waits
// for and since when, who could wake it, which wakeup it lost, and the cycles among those that wait
// for each other. Only looks; builds no text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/run/system.hpp"
#include "tools/run/wakers.hpp"

namespace kt::run {

/// A wakeup that found its target awake, after the target's last look at any condition.
struct LostWakeup {
  Time time = 0;
  std::string waker;
  std::int32_t waker_pid = 0;
};

struct Sleeper {
  std::string name;
  std::int32_t pid = 0;
  char state = 'S';
  bool parked = false;
  std::string waits_for;  ///< "mutex m, held by owner (pid 40)"
  std::string where;      ///< its statement, "file:line:column: /json/pointer"; empty: none yet
  Time since = 0;
  std::vector<Waker> wakers;
  std::optional<LostWakeup> lost;
};

/// One step of a cycle: `name` waits for `object`, which the next step's thread holds (or is).
struct CycleStep {
  std::string name;
  std::int32_t pid = 0;
  std::string waits_for;
  std::string where;
};

/// A CPU that spins for a lock that is not going to be released, or that a watchdog caught.
struct BusyCpu {
  int cpu = 0;
  std::string name;
  std::int32_t pid = 0;
  bool irqs_off = false;
  std::string spins_for;  ///< "spinlock s, held by a (pid 40)"; empty: it does not spin
  std::string where;
};

struct Stuck {
  std::vector<Sleeper> sleepers;
  std::vector<std::vector<CycleStep>> cycles;
  std::vector<BusyCpu> busy;
  bool dead_owner = false;  ///< a lock is waited for whose owner has exited
  [[nodiscard]] bool lost_wakeup() const;
};

/// How things stand at the end of a run.
Stuck find_stuck(System& system);

/// These tasks as they stand now, in this order: asleep, or (state R) on a CPU or waiting for one.
std::vector<Sleeper> describe_tasks(System& system, const std::vector<const Task*>& tasks);

/// Whether that is a defect: a defect or a watchdog ended the run; threads wait in a cycle; or
/// nothing can happen any more and a thread sleeps that should not: any but a parked one in a run
/// that lasts until "idle", else one in D or one that lost a wakeup.
bool is_defect(System& system, const Stuck& stuck);

}  // namespace kt::run
