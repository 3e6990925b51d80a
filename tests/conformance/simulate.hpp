// Runs a recorded scenario in the simulator, on the preset that is calibrated from the recordings,
// and gives the same facts that the recording gives.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sim/time.hpp"
#include "tests/support/facts.hpp"
#include "tests/support/work_facts.hpp"

namespace support {

/// The folders of tests/conformance that hold a recorded scenario, by name.
std::vector<std::filesystem::path> all_scenarios();
/// Those with the whole trace: of a long one only the beginning is kept.
std::vector<std::filesystem::path> recorded_scenarios();

/// How a recording began: t = 0 lies so many ns after a tick, and the init task is on this CPU.
struct Beginning {
  sim::Time tick_offset = 0;
  int cpu = 0;
};
Beginning beginning_of(const std::filesystem::path& folder, const TraceText& recorded);

TraceText simulate(const std::filesystem::path& folder, const Beginning& beginning);

/// The recorded trace, or its beginning, without what the recorder does when the scenario's duration
/// has passed.
TraceText recorded_trace(const std::filesystem::path& folder);

/// What a call returned, with the verb as the recordings spell it.
std::string recorded_spelling(const std::string& note);

/// Whether the recorder notes it: of calls that queue only those that find the work pending.
bool is_recorded(const std::string& note);

/// The works of a scenario: as the recording and as the simulator names them.
WorkNames recorded_works(const std::filesystem::path& folder);
WorkNames simulated_works(const std::filesystem::path& folder);

}  // namespace support
