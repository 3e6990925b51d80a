// Who could wake a thread: the statements of a scenario that wake it, or that complete, unlock or
// signal what it waits for, found in the programs without running them.
#pragma once

#include <string>
#include <vector>

#include "tools/run/system.hpp"

namespace kt::run {

struct Waker {
  std::string where;      ///< "file:line:column: /json/pointer"
  std::string statement;  ///< the verb
  std::string who;        ///< the thread, handler or event that has the statement
  std::string fate;       ///< what became of it: "has exited", "sleeps too", "runs", …
};

/// For scenario thread `index` (Scenario::threads; -1: the control task), which sleeps.
std::vector<Waker> find_wakers(System& system, const Task& sleeper, std::int32_t index);

}  // namespace kt::run
