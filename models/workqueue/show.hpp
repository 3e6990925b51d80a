// What the kernel prints of workqueues that do not get on (kernel/workqueue.c:
// show_all_workqueues): every queue with works under way, every pool with busy workers, in its
// words, each worker's sleep added.
#pragma once

#include <string>

#include "models/workqueue/workqueues.hpp"

namespace kt::workqueue {

/// kernel/workqueue.c: pr_cont_pool_info: " cpus=0 node=0 flags=0x0 nice=0".
std::string pool_info(const WorkerPool& pool);

/// Lines, each ended by a newline.
std::string show_all_workqueues(const Workqueues& workqueues);

}  // namespace kt::workqueue
