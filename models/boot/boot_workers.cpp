// The worker threads of the workqueues as they stand after boot. kernel/workqueue.c: create_worker.
#include <fmt/format.h>

#include <algorithm>

#include "models/boot/boot.hpp"

namespace kt::boot {

namespace {

constexpr int kHighpriNice = -20;  // HIGHPRI_NICE_LEVEL
// worker_pool::id: four pools a CPU (two for bottom halves, two for workers), then the unbound
// ones: for each nice value the default pool and, if there are several caches, one a cache.
constexpr int kPoolsOfCpu = 4;

int bound_pool(int cpu, bool highpri) {
  return kPoolsOfCpu * cpu + (highpri ? 3 : 2);
}

}  // namespace

// How many workers a pool of a machine has that has booted and idles.
int Boot::worker_count(int cpu, bool highpri) const {
  for (const PoolWorkers& pool : kworkers_) {
    if (pool.cpu == cpu && pool.highpri == highpri) return pool.count;
  }
  if (highpri) return 1;
  return cpu >= 0 ? 2 : 4;
}

// kernel/workqueue.c: init_rescuer
void Boot::rescuer(std::string_view workqueue) {
  Task& k = sleeper(fmt::format("kworker/R-{}", workqueue), sched::kTaskIdle, kHighpriNice);
  k.flags |= sched::kPfNoSetaffinity;
  rescuers_.push_back(&k);
}

// kernel/workqueue.c: workqueue_init: while only the boot CPU is up and no cache is known. The
// first worker makes a second before its first work: a pool keeps one idle.
void Boot::boot_workers() {
  bound_workers(0, false, 0, 2);
  bound_workers(0, true, 0, 1);
  worker({.pool = kPoolsOfCpu * topology_.nr_cpus()});
}

// What the load of the boot has made, and the highpri unbound workers of the first such workqueue.
void Boot::more_workers() {
  constexpr int kAll = 1 << 20;
  unbound_workers(true, 0, kAll);
  for (int cpu = 0; cpu < topology_.nr_cpus(); ++cpu) {
    bound_workers(cpu, false, cpu == 0 ? 2 : 1, kAll);
    bound_workers(cpu, true, 1, kAll);
  }
  unbound_workers(false, 2, kAll);
}

void Boot::worker(const BootedWorker& worker) {
  const std::string name = worker.cpu >= 0 ? fmt::format("kworker/{}:{}{}", worker.cpu, worker.id,
                                                         worker.highpri ? "H" : "")
                                           : fmt::format("kworker/u{}:{}", worker.pool, worker.id);
  Task& k = sleeper(name, sched::kTaskIdle, worker.highpri ? kHighpriNice : 0);
  k.flags |= sched::kPfNoSetaffinity;
  if (worker.cpu >= 0) {
    one_cpu_.clear_all();
    one_cpu_.set(worker.cpu);
    bind(k, one_cpu_, scheduler_.machine().cpu(worker.cpu));
    kthreads_.kthread_set_per_cpu(k, worker.cpu);
  }
  workers_.push_back(worker);
  workers_.back().task = &k;
}

// The workers `from` … `to` - 1 of a CPU's pool, as far as it has that many.
void Boot::bound_workers(int cpu, bool highpri, int from, int to) {
  const int pool = bound_pool(cpu, highpri);
  for (int id = from; id < std::min(to, worker_count(cpu, highpri)); ++id) {
    worker({.pool = pool, .cpu = cpu, .id = id, .highpri = highpri});
  }
}

// The same of each unbound pool that serves a cache (WQ_AFFN_CACHE, the default scope). Its workers
// may run everywhere: the scope is not strict.
void Boot::unbound_workers(bool highpri, int from, int to) {
  const int nr_llcs = topology_.nr_llcs();
  const int each = nr_llcs > 1 ? nr_llcs + 1 : 1;
  const int first = kPoolsOfCpu * topology_.nr_cpus() + (highpri ? each : 0);
  const int last = std::min(to, worker_count(-1, highpri));
  if (nr_llcs == 1) {
    for (int id = from; id < last; ++id) worker({.pool = first, .id = id, .highpri = highpri});
    return;
  }
  for (int llc = 0; llc < nr_llcs; ++llc) {
    for (int id = from; id < last; ++id) {
      worker({.pool = first + 1 + llc, .llc = llc, .id = id, .highpri = highpri});
    }
  }
}

}  // namespace kt::boot
