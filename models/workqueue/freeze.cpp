// kernel/workqueue.c: freezing workqueues. Workers never freeze: a frozen queue has no slots for
// active works, so that what is queued waits as inactive until it thaws.
#include <algorithm>

#include "models/workqueue/workqueues.hpp"

namespace kt::workqueue {

Co<> Workqueues::freeze_workqueues_begin() {
  co_await base_.mutexes.lock(wq_pool_mutex_);
  workqueue_freezing_ = true;
  for (std::size_t i = 0; i < list_.size(); ++i) {
    if ((list_[i]->flags & kWqFreezable) == 0) continue;  // nothing changes
    Workqueue& wq = *list_[i];
    co_await base_.mutexes.lock(wq.mutex);
    co_await wq_adjust_max_active(wq);
    co_await base_.mutexes.unlock(wq.mutex);
  }
  co_await base_.mutexes.unlock(wq_pool_mutex_);
}

bool Workqueues::freezable_busy(const Workqueue& wq) {
  if ((wq.flags & kWqFreezable) == 0) return false;
  return std::ranges::any_of(wq.pwqs, [](const auto& pwq) { return pwq->nr_active != 0; });
}

Co<bool> Workqueues::freeze_workqueues_busy() {
  co_await base_.mutexes.lock(wq_pool_mutex_);
  const bool busy = std::ranges::any_of(list_, [](const auto& wq) { return freezable_busy(*wq); });
  co_await base_.mutexes.unlock(wq_pool_mutex_);
  co_return busy;
}

Co<> Workqueues::thaw_workqueues() {
  co_await base_.mutexes.lock(wq_pool_mutex_);
  const bool frozen = std::exchange(workqueue_freezing_, false);
  for (std::size_t i = 0; frozen && i < list_.size(); ++i) {
    if ((list_[i]->flags & kWqFreezable) == 0) continue;
    Workqueue& wq = *list_[i];
    co_await base_.mutexes.lock(wq.mutex);
    co_await wq_adjust_max_active(wq);
    co_await base_.mutexes.unlock(wq.mutex);
  }
  co_await base_.mutexes.unlock(wq_pool_mutex_);
}

}  // namespace kt::workqueue
