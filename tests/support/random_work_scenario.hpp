// A random scenario of workqueues for property tests: queues of all flags, works that compute,
// sleep, queue each other and themselves, threads that queue, delay, flush, cancel and disable them
// and change limits. It comes to its end: works queue from a common budget, and wait only for works
// of queues that were declared after their own. What a checker needs is marked: "flush WORK" before
// a flush_work, "cancel WORK" before a call that waits for the work's end, "flush all QUEUE" before
// and "flushed QUEUE" behind a flush_workqueue, "limit QUEUE N" before and "limited QUEUE" behind a
// set_max_active.
#pragma once

#include <cstdint>
#include <string>

namespace support {

/// JSON text; equal seeds give equal texts, everywhere.
std::string random_work_scenario(std::uint64_t seed);

}  // namespace support
