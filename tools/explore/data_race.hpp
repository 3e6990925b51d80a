// Data races on the variables that a scenario declares plain: two accesses from different contexts,
// at least one of them a write, that nothing orders. What orders is what orders in the kernel: a
// lock that one lets go and the other takes, a completion, a wakeup, a work, timer, tasklet or
// softirq and its handler, an interrupt that is sent, a variable that is not plain and is read
// after it was stored, and on one CPU interrupts, softirqs or preemption that are off.
//
// A recorded run is looked at with vector clocks, one for each task and for the softirqs and the
// interrupts of each CPU. So the answer is exact for that run: what only happened to lie apart in
// time is a race.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tools/explore/recorder.hpp"
#include "tools/run/system.hpp"

namespace kt::explore {

struct DataRace {
  std::int32_t variable = 0;  ///< index in Scenario::variables
  std::uint32_t first = 0;    ///< positions of the two steps
  std::uint32_t second = 0;
  bool first_writes = false;
  bool second_writes = false;
};

/// Whether the scenario has plain variables: what the recorder has to watch.
bool has_plain_variables(const scenario::Scenario& scenario);

/// The pair whose second access comes first in a run that was recorded with its touches.
std::optional<DataRace> find_data_race(const Recorder& recorder, run::System& system);

/// Both accesses: thread, statement, place in the file, time.
std::string data_race_text(const DataRace& race, const Recorder& recorder, run::System& system);

}  // namespace kt::explore
