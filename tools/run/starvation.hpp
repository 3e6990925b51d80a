// Who is kept waiting although it could go on: a thread of the scenario that is runnable and gets
// no CPU, a work that its pool could start and does not.
#pragma once

#include <optional>
#include <string>

#include "tools/run/system.hpp"

namespace kt::run {

struct Starvation {
  std::string subject;  ///< the thread or the work
  std::string text;     ///< who, for how long
};

/// The first that waited for a second or longer, or waits when nothing can happen any more.
/// `held_back`: ns for which the run was disturbed on purpose; they do not count.
std::optional<Starvation> find_starvation(System& system, Time held_back);

}  // namespace kt::run
