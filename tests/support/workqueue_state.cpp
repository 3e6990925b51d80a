#include "tests/support/workqueue_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace support {

using namespace kt::workqueue;

namespace {

bool locked(const WorkerPool& pool) {
  return pool.lock.owner != nullptr;
}

bool is_barrier(const Work& work, const sim::NameTable& names) {
  return names[work.function_name] == "wq_barrier_func";
}

bool is_cursor(const Work& work) {
  return work.function == nullptr;
}

class StateChecker {
 public:
  StateChecker(const Workqueues& workqueues, const StateOptions& options)
      : workqueues_(workqueues), names_(workqueues.machine().trace().names()), options_(options) {}

  std::vector<std::string> check() {
    pool_ids();
    for (const auto& pool : workqueues_.pools()) {
      if (pool == nullptr || locked(*pool)) continue;
      workers(*pool);
      running(*pool);
      progress(*pool);
      listed(*pool);
    }
    for (const auto& wq : workqueues_.workqueues()) {
      if (wq->destroyed) continue;
      limits(*wq);
      executing(*wq);
      for (const auto& pwq : wq->pwqs) {
        if (!locked(*pwq->pool)) references(*wq, *pwq);
      }
    }
    return std::move(found_);
  }

 private:
  template <class... Arguments>
  void expect(bool holds, int invariant, fmt::format_string<Arguments...> text,
              Arguments&&... arguments) {
    if (holds) return;
    found_.push_back(fmt::format("workqueue {}: {}", invariant,
                                 fmt::format(text, std::forward<Arguments>(arguments)...)));
  }

  template <class Function>
  static void each_busy(const WorkerPool& pool, Function function) {
    for (const Worker* worker : pool.busy_hash) {
      for (; worker != nullptr; worker = worker->hash_next) function(*worker);
    }
  }

  void pool_ids() {
    const auto& pools = workqueues_.pools();
    const auto fixed = static_cast<std::size_t>(4 * workqueues_.machine().nr_cpus());
    for (std::size_t id = 0; id < pools.size(); ++id) {
      if (pools[id] == nullptr) continue;
      const WorkerPool& pool = *pools[id];
      const int cpu = id < fixed ? static_cast<int>(id) / 4 : -1;
      const bool bh = id < fixed && id % 4 < 2;
      expect(pool.cpu == cpu && ((pool.flags & kPoolBh) != 0) == bh, 33, "pool {} is of CPU {}", id,
             pool.cpu);
      for (std::size_t other = fixed; other < id && id >= fixed; ++other) {
        expect(pools[other] == nullptr || !same_pool(pools[other]->attrs, pool.attrs), 34,
               "pools {} and {} are equal", other, id);
      }
    }
  }

  void workers(const WorkerPool& pool) {
    const auto idle = static_cast<int>(pool.idle_list.size());
    expect(pool.nr_idle == idle && idle <= pool.nr_workers, 21,
           "pool {}: nr_idle {}, {} on the idle list, nr_workers {}", pool.id, pool.nr_idle, idle,
           pool.nr_workers);
    for (const Worker& worker : pool.idle_list) {
      expect((worker.flags & kWorkerIdle) != 0 && worker.rescue_wq == nullptr &&
                 worker.current_work == nullptr,
             21, "pool {}: worker {} on the idle list", pool.id, worker.id);
    }
    int attached = 0;  // one that is being made is attached before it is counted
    for (const Worker& worker : pool.workers) {
      if (worker.rescue_wq == nullptr && (worker.flags & kWorkerDie) == 0) ++attached;
    }
    const bool managed = (pool.flags & kPoolManagerActive) != 0;
    expect(attached == pool.nr_workers || (managed && attached == pool.nr_workers + 1), 21,
           "pool {}: {} workers attached, nr_workers {}", pool.id, attached, pool.nr_workers);
    expect(managed == (pool.manager != nullptr), 25, "pool {}: a manager and no flag, or so",
           pool.id);
  }

  // A worker notes that it sleeps before it takes the lock to be counted out.
  void running(const WorkerPool& pool) {
    int counted = 0;
    int blocking = 0;
    for (const Worker& worker : pool.workers) {
      if ((worker.flags & kWorkerNotRunning) != 0) continue;
      if (!worker.sleeping) ++counted;
      if (worker.sleeping && worker.task->on_cpu) ++blocking;
    }
    if ((pool.flags & kPoolDisassociated) != 0) counted = blocking = 0;
    expect(pool.nr_running >= counted && pool.nr_running <= counted + blocking, 22,
           "pool {}: nr_running {}, {} counted", pool.id, pool.nr_running, counted);
    expect(pool.nr_idle < pool.nr_workers || pool.nr_running == 0, 23,
           "pool {}: all idle, nr_running {}", pool.id, pool.nr_running);
  }

  void progress(const WorkerPool& pool) {
    if ((pool.flags & (kPoolBh | kPoolManagerActive)) != 0) return;
    if (!pool.need_more_worker()) return;
    const auto comes = [this](const Worker& worker) {
      if ((worker.flags & kWorkerIdle) != 0) return worker.task->state != kt::sched::kTaskIdle;
      return worker.current_work == nullptr || options_.steals;  // inside its loop
    };
    expect(std::any_of(pool.workers.begin(), pool.workers.end(), comes), 24,
           "pool {}: works wait, and nobody comes", pool.id);
  }

  void entry(const Work& work, const WorkerPool& pool) {
    if (is_cursor(work)) return;
    const bool barrier = is_barrier(work, names_);
    expect(
        work.pending && work.pwq != nullptr && work.pwq->pool == &pool && work.inactive == barrier,
        28, "pool {}: work {:#x} waits: pending {}, inactive {}", pool.id, work.address,
        work.pending, work.inactive);
    expect(work.disable == 0, 30, "pool {}: work {:#x} waits and is disabled", pool.id,
           work.address);
  }

  void listed(const WorkerPool& pool) {
    for (const Work& work : pool.worklist) entry(work, pool);
    each_busy(pool, [&](const Worker& worker) {
      for (const Work& work : worker.scheduled) entry(work, pool);
    });
  }

  void limits(const Workqueue& wq) {
    const int outstanding = (wq.work_color - wq.flush_color + kWorkNrColors) % kWorkNrColors;
    expect(outstanding < kWorkNrColors, 35, "{}: {} colours outstanding", wq.name, outstanding);
    if (wq.mutex.owner != nullptr) return;  // a flush or a limit is on its way
    for (const auto& pwq : wq.pwqs) {
      expect(pwq->flush_color < 0 || wq.first_flusher != nullptr, 35,
             "{}: pwq of pool {} waits for a flush that nobody makes", wq.name, pwq->pool->id);
      if (locked(*pwq->pool) || pwq->inactive_works.empty()) continue;
      const bool held = wq.unbound() ? pwq->pending_node.is_linked() || pwq->plugged
                                     : pwq->nr_active >= wq.max_active;
      expect(held, 29, "{}: works of pool {} wait without need", wq.name, pwq->pool->id);
    }
    if (!options_.lowers) within(wq);
    for (std::size_t i = 0; i < wq.node_nr_active.size(); ++i) {
      const int node = i + 1 == wq.node_nr_active.size() ? -1 : static_cast<int>(i);
      int active = 0;
      for (const auto& pwq : wq.pwqs) {
        if (pwq->pool->node == node) active += pwq->nr_active;
      }
      expect(active == wq.node_nr_active[i].nr, 32, "{}: node {}: nr {}, {} active", wq.name, node,
             wq.node_nr_active[i].nr, active);
    }
  }

  // Where no limit was lowered while more were at work.
  static bool limited(const Workqueue& wq) { return !wq.unbound() && (wq.flags & kWqBh) == 0; }

  void within(const Workqueue& wq) {
    for (const auto& pwq : wq.pwqs) {
      expect(!limited(wq) || pwq->nr_active <= wq.max_active, 8, "{}: pool {}: {} active of {}",
             wq.name, pwq->pool->id, pwq->nr_active, wq.max_active);
    }
    for (const NodeNrActive& node : wq.node_nr_active) {
      expect(node.nr <= node.max, 9, "{}: {} active on a node, of {}", wq.name, node.nr, node.max);
    }
  }

  void executing(const Workqueue& wq) {
    std::uint64_t started = 0;
    std::uint64_t completed = 0;
    std::uint64_t busy = 0;
    std::set<const WorkerPool*> pools;
    for (const auto& pwq : wq.pwqs) {
      started += pwq->stats[kStarted];
      completed += pwq->stats[kCompleted];
      expect(pwq->stats[kCpuIntensive] <= pwq->stats[kStarted], 19,
             "{}: {} times CPU intensive, {} started", wq.name, pwq->stats[kCpuIntensive],
             pwq->stats[kStarted]);
      if (!pools.insert(pwq->pool).second) continue;
      if (locked(*pwq->pool)) return;
      each_busy(*pwq->pool, [&](const Worker& worker) { busy += worker.current_pwq->wq == &wq; });
    }
    expect(started >= completed && started - completed <= busy, 50,
           "{}: {} started, {} completed, {} busy", wq.name, started, completed, busy);
  }

  // What the references of a pwq are made of. A worker that hands on the slot of an unbound pwq may
  // have dropped the lock in between, and a rescuer holds one until it has left.
  void references(const Workqueue& wq, const Pwq& pwq) {
    const WorkerPool& pool = *pwq.pool;
    const auto of_pwq = [&](const Work& work) { return work.pwq == &pwq && !is_cursor(work); };
    auto entries = std::count_if(pool.worklist.begin(), pool.worklist.end(), of_pwq) +
                   static_cast<std::ptrdiff_t>(pwq.inactive_works.size());
    each_busy(pool, [&](const Worker& worker) {
      if (worker.current_pwq == &pwq) ++entries;
      entries += std::count_if(worker.scheduled.begin(), worker.scheduled.end(), of_pwq);
    });
    const auto between =
        std::count_if(pool.workers.begin(), pool.workers.end(), [](const Worker& worker) {
          return (worker.flags & kWorkerIdle) == 0 && worker.current_work == nullptr;
        });
    for (const Worker& worker : pool.workers) {  // linked ones behind a work that has just ended
      if (worker.current_work != nullptr) continue;
      entries += std::count_if(worker.scheduled.begin(), worker.scheduled.end(), of_pwq);
    }
    const auto in_flight = std::accumulate(pwq.nr_in_flight.begin(), pwq.nr_in_flight.end(), 0L);
    expect(in_flight >= entries && in_flight <= entries + (wq.unbound() ? between : 0), 31,
           "{}: pool {}: {} in flight, {} found", wq.name, pool.id, in_flight, entries);
    const long base = &pwq == wq.dfl_pwq && wq.ordered() ? workqueues_.machine().nr_cpus() + 1 : 1;
    const long least = in_flight + base + (pwq.mayday_node.is_linked() ? 1 : 0);
    expect(pwq.refcnt >= least && pwq.refcnt <= least + (wq.rescuer != nullptr ? 1 : 0), 31,
           "{}: pool {}: {} references, {} in flight", wq.name, pool.id, pwq.refcnt, in_flight);
    for (const Work& work : pwq.inactive_works) {
      expect(work.inactive && work.pending && work.pwq == &pwq, 28,
             "{}: work {:#x} is held back and not inactive", wq.name, work.address);
    }
  }

  const Workqueues& workqueues_;
  const sim::NameTable& names_;
  const StateOptions options_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> check_workqueue_state(const Workqueues& workqueues,
                                               const StateOptions& options) {
  return StateChecker(workqueues, options).check();
}

}  // namespace support
