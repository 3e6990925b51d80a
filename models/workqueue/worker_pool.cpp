#include "models/workqueue/worker_pool.hpp"

#include <algorithm>

#include "sim/error.hpp"

namespace kt::workqueue {

namespace {

constexpr int kMaxIdleWorkersRatio = 4;  // MAX_IDLE_WORKERS_RATIO: 1/4 of the busy ones

// Works lie 256 bytes apart or on stacks: the low bits say nothing.
std::size_t bucket_of(std::uint64_t address) {
  return (address >> 8U ^ address >> 14U ^ address >> 24U) % WorkerPool::kBusyBuckets;
}

}  // namespace

// The manager counts as idle. Two idle ones are always kept.
bool WorkerPool::too_many_workers() const {
  const int managing = (flags & kPoolManagerActive) != 0 ? 1 : 0;
  const int idle = nr_idle + managing;
  const int busy = nr_workers - idle;
  return idle > 2 && (idle - 2) * kMaxIdleWorkersRatio >= busy;
}

Worker* WorkerPool::find_worker_executing_work(const Work& work) const {
  Worker* worker = busy_hash[bucket_of(work.address)];
  while (worker != nullptr &&
         (worker->current_work != &work || worker->current_func != work.function)) {
    worker = worker->hash_next;
  }
  return worker;
}

void WorkerPool::hash_busy(Worker& worker) {
  Worker*& head = busy_hash[bucket_of(worker.current_address)];
  worker.hash_next = head;
  head = &worker;
}

void WorkerPool::unhash_busy(Worker& worker) {
  Worker** link = &busy_hash[bucket_of(worker.current_address)];
  while (*link != &worker) link = &(*link)->hash_next;
  *link = worker.hash_next;
}

int WorkerPool::allocate_worker_id() {
  std::size_t free = 0;
  while (free < worker_ida.size() && worker_ida[free]) ++free;
  if (free == worker_ida.size()) worker_ida.push_back(false);
  worker_ida[free] = true;
  return static_cast<int>(free);
}

void WorkerPool::free_worker_id(int worker_id) {
  worker_ida[static_cast<std::size_t>(worker_id)] = false;
}

void WorkerPool::note_workers(Time now) {
  least_workers = std::min(least_workers, nr_workers);
  if (nr_workers > most_workers) {
    most_workers = nr_workers;
    most_since = now;
  }
  ++nr_changes;
  if (changes.size() < kMostChanges) changes.push_back({now, nr_workers});
}

void WorkerPool::note_lifted(const Worker& worker, Time now) {
  lifted_at = now;
  lifted_by = worker.task->comm;
  lifted_work = worker.current_name;
}

void worker_set_flags(Worker& worker, std::uint32_t flags) {
  if ((flags & kWorkerNotRunning) != 0 && (worker.flags & kWorkerNotRunning) == 0) {
    --worker.pool->nr_running;
  }
  worker.flags |= flags;
}

void worker_clr_flags(Worker& worker, std::uint32_t flags) {
  const bool was_not_running = (worker.flags & kWorkerNotRunning) != 0;
  worker.flags &= ~flags;
  if ((flags & kWorkerNotRunning) != 0 && was_not_running &&
      (worker.flags & kWorkerNotRunning) == 0) {
    ++worker.pool->nr_running;
  }
}

}  // namespace kt::workqueue
