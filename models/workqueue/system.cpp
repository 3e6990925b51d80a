// kernel/workqueue.c: workqueue_init_early, workqueue_init_topology, and what both leave behind in
// a machine that has booted: pools with sleeping workers, the system's queues.
#include <algorithm>

#include "models/workqueue/workqueues.hpp"
#include "sim/error.hpp"

namespace kt::workqueue {

Workqueues::Workqueues(const Base& base, const WorkqueueParams& params)
    : base_(base),
      scheduler_(base.kthreads.scheduler()),
      machine_(scheduler_.machine()),
      params_(params),
      unbound_cpumask_(params.unbound_cpus),
      online_cpumask_(machine_.topology().possible()) {
  sim::NameTable& names = machine_.trace().names();
  wq_pool_mutex_.name = names.intern("wq_pool_mutex");
  wq_pool_attach_mutex_.name = names.intern("wq_pool_attach_mutex");
  wq_mayday_lock_.name = names.intern("wq_mayday_lock");
  idle_timer_name_ = names.intern("idle_worker_timeout");
  mayday_timer_name_ = names.intern("pool_mayday_timeout");
  delayed_timer_name_ = names.intern("delayed_work_timer_fn");
  barrier_name_ = names.intern("wq_barrier_func");
  const auto nr_cpus = static_cast<std::size_t>(machine_.nr_cpus());
  rr_cpu_last_.resize(nr_cpus);
  distribute_cpu_mask_prev_.resize(nr_cpus);
  scheduler_.worker_hooks = {this, &wq_worker_sleeping, &wq_worker_running, &wq_worker_tick};
}

Workqueue* Workqueues::find_workqueue(std::string_view name) const {
  const auto found = std::ranges::find(list_, name, &Workqueue::name);
  return found != list_.end() ? found->get() : nullptr;
}

// Works, workers and queues refer to each other: the lists let go of their members first.
Workqueues::~Workqueues() {
  for (const auto& pool : pools_) {
    if (pool == nullptr) continue;
    pool->worklist.clear();
    pool->idle_list.clear();
    pool->workers.clear();
  }
  for (Worker& worker : workers_) worker.scheduled.clear();
  for (const auto& wq : list_) {
    for (const auto& pwq : wq->pwqs) pwq->inactive_works.clear();
  }
}

void Workqueues::init_work(Work& work, Work::Function function, std::uint32_t name,
                           std::uint64_t address) {
  work.function = function;
  work.function_name = name;
  work.address = address;
  work.freed = {};
}

std::string Workqueues::describe(const Work& work) const {
  return fmt::format("work {} ({:#x})", machine_.trace().names()[work.function_name], work.address);
}

void Workqueues::check_unused(const Work& work, std::string_view call) {
  const WorkerPool* pool = pool_of(work);
  const Worker* worker = pool != nullptr ? pool->find_worker_executing_work(work) : nullptr;
  const bool elsewhere = worker != nullptr && worker->task != &scheduler_.current();
  if (!work.pending && !elsewhere) return;
  std::string state = work.delayed && work.pwq == nullptr ? "its timer is armed" : "it is pending";
  if (elsewhere) {
    state = worker->task == nullptr ? "it runs as a bottom half"
                                    : fmt::format("it runs in {}", describe(*worker->task));
  } else if (work.pwq != nullptr) {
    state += fmt::format(" on {}, queued by {}", work.pwq->wq->name,
                         describe(Who{work.queued_by, work.queued_by_pid, work.queued_at}));
  }
  throw sim::Defect(
      fmt::format("{} of {} by {}: {}", call, describe(work), describe(who()), state));
}

void Workqueues::free_work(Work& work) {
  check_initialized(work, "free");
  check_unused(work, "free");
  work.function = nullptr;
  work.freed = who();
}

void Workqueues::check_initialized(const Work& work, std::string_view call) const {
  if (work.freed.at >= 0) {
    throw sim::Defect(fmt::format("{} of {} by {}: it was freed by {}", call, describe(work),
                                  describe(who()), describe(work.freed)));
  }
  if (work.function != nullptr) return;
  throw sim::Defect(
      fmt::format("{} of {} by {} before INIT_WORK()", call, describe(work), describe(who())));
}

void Workqueues::workqueue_init_early() {
  const cpu::Topology& topology = machine_.topology();
  const int nr_cpus = topology.nr_cpus();
  pods_[static_cast<std::size_t>(AffnScope::kSystem)] =
      make_pods(topology, params_.isolated)[static_cast<std::size_t>(AffnScope::kSystem)];
  pools_.resize(static_cast<std::size_t>(4 * nr_cpus));
  for (int cpu = 0; cpu < nr_cpus; ++cpu) {
    for (int kind = 0; kind < 4; ++kind) {  // two for bottom halves, two for workers
      WorkqueueAttrs attrs(CpuMask::of(nr_cpus, cpu));
      attrs.nice = kind % 2 == 0 ? 0 : kHighpriNice;
      attrs.affn_strict = true;
      WorkerPool& pool = new_pool(attrs, 4 * cpu + kind);
      pool.cpu = cpu;
      pool.node = topology.node_of(cpu);
      if (kind >= 2) {
        pool.flags = 0;
        continue;
      }
      pool.flags |= kPoolBh;
      Worker& worker = alloc_pool_worker(pool);
      attach(worker, pool);
      ++pool.nr_workers;
      worker_enter_idle(worker);
    }
  }
  system_.events = &new_workqueue("events", 0, 0);
  system_.percpu = &new_workqueue("events", 0, 0);
  system_.highpri = &new_workqueue("events_highpri", kWqHighpri, 0);
  system_.long_running = &new_workqueue("events_long", 0, 0);
  system_.unbound = &new_workqueue("events_unbound", kWqUnbound, kWqMaxActive);
  system_.dfl = &new_workqueue("events_unbound", kWqUnbound, kWqMaxActive);
  system_.freezable = &new_workqueue("events_freezable", kWqFreezable, 0);
  system_.power_efficient = &new_workqueue("events_power_efficient", kWqPowerEfficient, 0);
  system_.freezable_power_efficient =
      &new_workqueue("events_freezable_pwr_efficient", kWqFreezable | kWqPowerEfficient, 0);
  system_.bh = &new_workqueue("events_bh", kWqBh, 0);
  system_.bh_highpri = &new_workqueue("events_bh_highpri", kWqBh | kWqHighpri, 0);
  base_.tasklets.set_bh_action(&workqueue_softirq_action, this);
}

Workqueue& Workqueues::boot_workqueue(std::string_view name, std::uint32_t flags, int max_active,
                                      const AttrsChange& attrs) {
  Workqueue& wq = new_workqueue(name, flags, max_active, attrs);
  if ((wq.flags & kWqMemReclaim) != 0) boot_rescuer(wq);
  boot_first_workers();
  return wq;
}

void Workqueues::boot_first_workers() {
  for (std::size_t id = static_cast<std::size_t>(4 * machine_.nr_cpus()); id < pools_.size();
       ++id) {
    WorkerPool* pool = pools_[id].get();
    if (pool != nullptr && pool->nr_workers == 0 && (topology_initialized_ || params_.legacy)) {
      boot_worker(*pool);
    }
  }
}

Worker& Workqueues::boot_worker(WorkerPool& pool) {
  Worker& worker = alloc_pool_worker(pool);
  Task& k = base_.kthreads.boot_thread(worker_name(worker, pool), &worker_thread, &worker,
                                       sched::kTaskIdle);
  scheduler_.init_policy(k, sched::Policy::kNormal, 0, pool.attrs.nice);
  k.flags |= sched::kPfNoSetaffinity | sched::kPfWqWorker;
  k.wait = {sched::WaitKind::kWorkerIdle, 0, nullptr};
  scheduler_.set_cpus_mask(k, pool.allowed_cpus());
  if (pool.cpu >= 0) {
    k.cpu = &machine_.cpu(pool.cpu);
    k.wake_cpu = k.recent_used_cpu = pool.cpu;
  }
  worker.task = &k;
  worker.booted = true;
  attach(worker, pool);
  ++pool.nr_workers;
  pool.least_workers = pool.most_workers = pool.nr_workers;
  worker_enter_idle(worker);
  return worker;
}

// Each slot gets the pool of its CPU's pod; those that change drop the pool of the whole machine.
void Workqueues::workqueue_init_topology() {
  pods_ = make_pods(machine_.topology(), params_.isolated);
  topology_initialized_ = true;
  for (const auto& wq : list_) {
    if (!wq->unbound()) continue;
    WorkqueueAttrs attrs = effective_attrs(*wq->unbound_attrs, unbound_cpumask_);
    for (std::size_t cpu = 0; cpu < wq->cpu_pwq.size() && !wq->ordered(); ++cpu) {
      attrs.pod_cpumask = wq_calc_pod_cpumask(attrs, static_cast<int>(cpu));
      Pwq& slot = *wq->cpu_pwq[cpu];
      WorkerPool& pool = get_unbound_pool(attrs);
      --slot.pool->refcnt;  // equal pools: what get_unbound_pool() took
      slot.pool = &pool;
    }
    wq_update_node_max_active(*wq);
  }
}

}  // namespace kt::workqueue
