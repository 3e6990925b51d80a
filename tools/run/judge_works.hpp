// The expectations on works and workers: in words, and why one does not hold.
#pragma once

#include <string>

#include "tools/run/system.hpp"

namespace kt::run {

/// {"work": W, "latency": "p99", "<": T}: from queueing to the start, over all starts of the run.
std::string latency_in_words(const scenario::Scenario& scenario,
                             const scenario::Expectation& expectation);
/// Empty if it holds. A work that never started has no latency: nothing holds.
std::string judge_latency(System& system, const scenario::Expectation& expectation);

/// {"workers": Q, "max": N}: the most workers that one of the queue's pools had at any moment.
std::string workers_in_words(const scenario::Scenario& scenario,
                             const scenario::Expectation& expectation);
std::string judge_workers(System& system, const scenario::Expectation& expectation);

}  // namespace kt::run
