// Works, workqueues and worker pools of a run for people: tables of at most 100 columns, of what
// happened only.
#pragma once

#include <string>

#include "tools/run/workqueue_report.hpp"

namespace kt::run {

/// Empty if no work was queued and no worker made.
std::string workqueue_text(const WorkqueueUse& use);

/// What a late start waited for, longest first: "8ms until a worker was made, 2ms behind …",
/// without what is less than a hundredth. Empty if it was on its way all the time.
std::string waited_for(const LateUse& late);

}  // namespace kt::run
