// The worker pools as a recording began with them: which workers there were (ps.txt), on which CPU
// each ran last, and in which order they had gone idle, which shows in their first wakeups;
// and the CPU of kthreadd, which makes more.
#pragma once

#include <filesystem>

#include "models/workqueue/workqueues.hpp"
#include "tests/support/trace_text.hpp"

namespace support {

/// Makes the workers that are missing, and brings those of each pool into order. Before the run.
/// Throws std::runtime_error if the recording has a pool or a worker that the machine cannot have.
void start_pools(kt::workqueue::Workqueues& workqueues, const std::filesystem::path& folder,
                 const TraceText& recorded);

}  // namespace support
