#include "tools/run/freeze_failures.hpp"

#include <fmt/format.h>

namespace kt::run {

using workqueue::Workqueues;

std::string FreezeFailure::headline() const {
  return fmt::format(
      "Freezing {} {} after {}.{:03} seconds ({} tasks refusing to freeze, wq_busy={})",
      user_only ? "user space processes" : "remaining freezable tasks",
      aborted ? "aborted" : "failed", elapsed / 1'000'000'000, elapsed / 1'000'000 % 1000,
      refusing.size(), queues.empty() ? 0 : 1);
}

FreezeFailures::FreezeFailures(System& system) : system_(system) {
  system.interpreter().models().suspend.processes.failure_hook = {this, &failed};
}

void FreezeFailures::failed(void* self, const power::FreezeFailure& failure) {
  FreezeFailures& failures = *static_cast<FreezeFailures*>(self);
  FreezeFailure& entry = failures.failures_.emplace_back();
  entry.start = failure.start;
  entry.elapsed = failure.elapsed;
  entry.user_only = failure.user_only;
  entry.aborted = failure.aborted;
  entry.refusing = describe_tasks(failures.system_, failure.refusing);
  if (failure.wq_busy) entry.queues = failures.busy_queues();
}

// Works that a worker is inside of count as active until they end.
std::vector<BusyQueue> FreezeFailures::busy_queues() const {
  std::vector<BusyQueue> queues;
  const Workqueues& workqueues = system_.workqueues();
  for (const auto& wq : workqueues.workqueues()) {
    if (!Workqueues::freezable_busy(*wq)) continue;
    BusyQueue& queue = queues.emplace_back();
    queue.name = wq->name;
    for (const auto& pwq : wq->pwqs) queue.waiting += pwq->nr_active;
    for (const auto& pool : workqueues.pools()) {
      if (pool == nullptr) continue;
      for (const workqueue::Worker& worker : pool->workers) {
        if (worker.current_pwq == nullptr || worker.current_pwq->wq != wq.get()) continue;
        Sleeper inside = describe_tasks(system_, {worker.task}).front();
        inside.waits_for =
            fmt::format("{}: {}", system_.trace().names()[worker.current_name], inside.waits_for);
        queue.workers.push_back(std::move(inside));
        --queue.waiting;
      }
    }
  }
  return queues;
}

}  // namespace kt::run
