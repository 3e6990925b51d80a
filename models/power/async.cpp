#include "models/power/async.hpp"

namespace kt::power {

Async::Async(workqueue::Workqueues& workqueues, locking::Waits& waits)
    : workqueues_(workqueues), waits_(waits) {
  async_done_.name = workqueues.machine().trace().names().intern("async_done");
}

void Async::boot() {
  async_wq_ = &workqueues_.boot_workqueue("async", workqueue::kWqUnbound, 0);
}

void Async::init_entry(AsyncEntry& entry, Co<> (*function)(void* data), void* data) {
  constexpr std::uint64_t kEntries = 0xffff888310000000;
  entry.function = function;
  entry.data = data;
  entry.async = this;
  workqueues_.init_work(entry.work, &async_run_entry_fn, "async_run_entry_fn",
                        kEntries + ++entries_ * 0x60);
  entry.work.object = &entry;
}

Co<> Async::schedule(AsyncEntry& entry) {
  ++pending_;
  co_await workqueues_.queue_work(*async_wq_, entry.work);
}

Co<> Async::async_run_entry_fn(workqueue::Workqueues&, workqueue::Work& work) {
  AsyncEntry& entry = *static_cast<AsyncEntry*>(work.object);
  Async& async = *entry.async;
  co_await entry.function(entry.data);
  --async.pending_;
  co_await async.waits_.wake_up(async.async_done_, sched::kTaskNormal, 1);
}

bool Async::none_pending(const void* async) {
  return static_cast<const Async*>(async)->pending_ == 0;
}

Co<> Async::synchronize_full() {
  co_await waits_.wait_event(async_done_, {&none_pending, this}, sched::kTaskUninterruptible, false,
                             timers::kMaxScheduleTimeout);
}

}  // namespace kt::power
