// Freezable threads: include/linux/freezer.h, and what kernel/kthread.c adds for threads that stop.
#include "models/kthread/kthread.hpp"

namespace kt::kthread {

Co<bool> Kthreads::try_to_freeze() {
  co_await scheduler_.might_sleep();
  Task& self = scheduler_.current();
  if (!freezing(self)) co_return false;
  const bool was_frozen = co_await freezer.refrigerator(freezer.object, self, false);
  co_return was_frozen;
}

Co<bool> Kthreads::set_freezable() {
  co_await scheduler_.might_sleep();
  scheduler_.current().flags &= ~std::uint32_t{sched::kPfNofreeze};
  const bool was_frozen = co_await try_to_freeze();
  co_return was_frozen;
}

Co<bool> Kthreads::kthread_freezable_should_stop(bool& was_frozen) {
  co_await scheduler_.might_sleep();
  Task& self = scheduler_.current();
  was_frozen = false;
  if (freezing(self)) was_frozen = co_await freezer.refrigerator(freezer.object, self, true);
  co_return should_stop(self);
}

}  // namespace kt::kthread
