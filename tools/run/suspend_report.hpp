// What each suspend of a run did: a table of its phases with where each ran, when it began, how
// long it took and what it waited for; how it ended; and the freezer's failures.
#pragma once

#include <string>
#include <vector>

#include "tools/run/freeze_failures.hpp"

namespace kt::run {

/// One phase of an operation on the whole system.
struct PhaseUse {
  std::string name;    ///< "dpm_suspend[2]" as in the event suspend_resume, or in words
  int depth = 0;       ///< within others
  int cpu = 0;         ///< where it began
  std::string thread;  ///< who went through it
  Time start = 0;
  Time duration = -1;  ///< ns; -1: it did not end
  std::string note;    ///< what it waited for, or why it failed
};

struct SuspendUse {
  std::string state;  ///< "s2idle", "deep"
  std::string by;
  std::int32_t pid = 0;
  Time start = 0;
  Time duration = -1;    ///< ns by CLOCK_MONOTONIC; -1: it has not come back
  Time asleep = 0;       ///< ns that CLOCK_MONOTONIC stood still
  int result = 0;        ///< 0 or a negative errno
  std::string woken_by;  ///< what ended the sleep, or the way there; empty: nothing did
  std::vector<PhaseUse> phases;
  std::vector<FreezeFailure> failures;
};
std::vector<SuspendUse> suspend_report(System& system);

/// The tables of a report for people; empty if the system was never suspended.
std::string suspend_report_text(const std::vector<SuspendUse>& suspends);

}  // namespace kt::run
