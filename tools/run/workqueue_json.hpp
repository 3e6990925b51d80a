// Works, workqueues and worker pools of a run as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "tools/run/workqueue_report.hpp"

namespace kt::run {

/// Times in ns. `full`: with the buckets of the distributions.
nlohmann::ordered_json workqueue_json(const WorkqueueUse& use, bool full);

}  // namespace kt::run
