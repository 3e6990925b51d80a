// The description of what a worker does, as ps shows it. kernel/workqueue.c: set_worker_desc,
// wq_worker_comm.
#include <fmt/format.h>

#include "models/workqueue/workqueues.hpp"

namespace kt::workqueue {

void Workqueues::set_worker_desc(std::string_view desc) {
  constexpr std::size_t kLength = 31;  // WORKER_DESC_LEN less the end
  Worker* worker = current_worker(scheduler_.current());
  if (worker == nullptr || machine_.this_cpu().in_interrupt()) return;
  worker->desc = machine_.trace().names().intern(desc.substr(0, kLength));
}

std::string wq_worker_comm(const Task& task, const sim::NameTable& names) {
  const Worker* worker = Workqueues::current_worker(task);
  const std::string_view name = names[task.full_name];
  const bool described = worker != nullptr && worker->pool != nullptr && worker->desc != 0;
  if (!described || worker->pool->owner != nullptr) return std::string(name);
  return fmt::format("{}{}{}", name, worker->current_work != nullptr ? '+' : '-',
                     names[worker->desc]);
}

}  // namespace kt::workqueue
