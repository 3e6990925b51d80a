// The worker threads of the workqueues as they stand after boot. kernel/workqueue.c: create_worker.
#include <algorithm>

#include "models/boot/boot.hpp"

namespace kt::boot {

using workqueue::WorkerPool;

// How many workers a pool of a machine has that has booted and idles.
int Boot::worker_count(int cpu, bool highpri) const {
  if (workqueues_.params().legacy) return 0;
  for (const PoolWorkers& pool : kworkers_) {
    if (pool.cpu == cpu && pool.highpri == highpri) return pool.count;
  }
  if (highpri) return 1;
  return cpu >= 0 ? 2 : 4;
}

// kernel/workqueue.c: workqueue_init: while only the boot CPU is up and no cache is known. The
// first worker makes a second before its first work: a pool keeps one idle.
void Boot::boot_workers() {
  bound_workers(0, false, 2);
  bound_workers(0, true, 1);
  unbound_workers(false, 1);
}

// What the load of the boot has made, and the highpri unbound workers of the first such workqueue.
void Boot::more_workers() {
  constexpr int kAll = 1 << 20;
  workqueues_.boot_first_workers();
  unbound_workers(true, kAll);
  for (int cpu = 0; cpu < topology_.nr_cpus(); ++cpu) {
    bound_workers(cpu, false, kAll);
    bound_workers(cpu, true, kAll);
  }
  unbound_workers(false, kAll);
}

// So many workers of a CPU's pool, as far as it has that many.
void Boot::bound_workers(int cpu, bool highpri, int to) {
  WorkerPool& pool = workqueues_.cpu_pool(cpu, highpri);
  const int count = std::min(to, worker_count(cpu, highpri));
  while (pool.nr_workers < count) workqueues_.boot_worker(pool);
}

// The same of each unbound pool: all it may have where it serves a cache (WQ_AFFN_CACHE, the default
// scope), one where it serves the machine and there are several caches.
void Boot::unbound_workers(bool highpri, int to) {
  const auto& pools = workqueues_.pools();
  for (std::size_t id = static_cast<std::size_t>(4 * topology_.nr_cpus()); id < pools.size(); ++id) {
    WorkerPool& pool = *pools[id];
    if ((pool.attrs.nice < 0) != highpri || pool.owner != nullptr) continue;
    const bool machine_wide = topology_.nr_llcs() > 1 && pool.node < 0 &&
                              pool.attrs.pod_cpumask == topology_.possible();
    const int count = std::min({to, worker_count(-1, highpri), machine_wide ? 1 : to});
    while (pool.nr_workers < count) workqueues_.boot_worker(pool);
  }
}

}  // namespace kt::boot
