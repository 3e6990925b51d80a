#include "models/boot/boot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/error.hpp"

namespace kt::boot {

using cpu::Cpu;
using cpu::CpuMask;
using kthread::HotplugThread;
using sched::Policy;

namespace {

enum class What : std::uint8_t {
  kThread,
  kWorkqueue,
  kPwqRelease,
  kPerNode,      // one for each NUMA node
  kKswapd,       // the same
  kBootWorkers,  // workqueue_init(): the pools that exist while one CPU is up
  kKsoftirqd,    // of the boot CPU, as kRcuLeaf and kPerCpu
  kRcuGpThread,
  kRcuExpWorker,
  kRcuLeaf,
  kPerCpu,
  kSecondaryCpus,   // smp_init()
  kUnboundWorkers,  // workqueue_init_topology()
  kAcpiIrq,
  kMoreWorkers,  // what the load of the boot has made
};

constexpr std::uint32_t kS = sched::kTaskInterruptible;
constexpr std::uint32_t kI = sched::kTaskIdle;
constexpr std::uint32_t kF = sched::kTaskInterruptible | sched::kTaskFreezable;

}  // namespace

/// Names are those of threads or of workqueues; what takes no name needs none.
struct Step {
  What what;
  std::string_view name{};
  std::uint32_t state = kS;
  int nice = 0;
  bool freezable = false;
  std::uint32_t wq_flags = 0;
  int max_active = 0;
};

namespace {

constexpr Step queue(std::string_view name, std::uint32_t flags, int max_active = 0) {
  return {.what = What::kWorkqueue, .name = name, .wq_flags = flags, .max_active = max_active};
}

// include/linux/workqueue.h: create_workqueue, create_singlethread_workqueue
constexpr std::uint32_t kCreateWorkqueue = workqueue::kWqLegacy | workqueue::kWqMemReclaim;
constexpr std::uint32_t kSingleThread =
    kCreateWorkqueue | workqueue::kWqUnbound | workqueue::kWqOrdered;

// The order of a 6.12 x86-64 boot, as ps shows it: start_kernel() and the initcalls.
constexpr auto boot_order() {
  using enum What;
  using enum workqueue::WqFlag;
  return std::to_array<Step>({
      {kPwqRelease},
      queue("kvfree_rcu_reclaim", kWqUnbound | kWqMemReclaim),
      queue("rcu_gp", kWqMemReclaim),
      queue("sync_wq", kWqMemReclaim),
      queue("slub_flushwq", kWqMemReclaim),
      queue("netns", kSingleThread, 1),
      {kBootWorkers},
      queue("mm_percpu_wq", kWqMemReclaim),
      {kThread, "rcu_tasks_kthread", kI},
      {kThread, "rcu_tasks_rude_kthread", kI},
      {kThread, "rcu_tasks_trace_kthread", kI},
      {kKsoftirqd},
      {kRcuGpThread},
      {kRcuLeaf},
      {kRcuExpWorker},
      {kPerCpu},
      {kSecondaryCpus},
      {kUnboundWorkers},
      {kThread, "kdevtmpfs"},
      queue("inet_frag_wq", kCreateWorkqueue, 1),
      {kThread, "kauditd", kF, 0, true},
      {kThread, "khungtaskd"},
      {kThread, "oom_reaper", kF, 0, true},
      queue("writeback", kWqMemReclaim | kWqUnbound | kWqSysfs),
      {kPerNode, "kcompactd", kF, 0, true},
      {kThread, "ksmd", kF, 5, true},
      {kThread, "khugepaged", kF, 19, true},
      queue("kintegrityd", kWqMemReclaim | kWqHighpri | kWqCpuIntensive, 1),
      queue("kblockd", kWqMemReclaim | kWqHighpri),
      queue("blkcg_punt_bio", kWqMemReclaim | kWqFreezable | kWqUnbound | kWqSysfs),
      {kAcpiIrq, "irq/9-acpi"},
      queue("quota_events_unbound", kWqUnbound | kWqMemReclaim),
      {kKswapd, "kswapd", kS, 0, true},
      queue("kthrotld", kWqMemReclaim),
      queue("mld", kCreateWorkqueue, 1),
      queue("ipv6_addrconf", kCreateWorkqueue, 1),
      queue("kstrp", kSingleThread, 1),
      queue("tr_max_lat_wq", kWqUnbound | kWqHighpri),
      {kMoreWorkers},
  });
}

// A thread whose work belongs to no model: it sleeps again whenever it is woken.
template <std::uint32_t State>
Co<int> sleep_for_ever(Kthreads& kthreads, Task& self, void*) {
  for (;;) {
    co_await kthreads.try_to_freeze();
    self.state = State;
    if (Kthreads::should_stop(self)) break;
    co_await kthreads.scheduler().schedule();
  }
  self.state = sched::kTaskRunning;
  co_return 0;
}

kthread::ThreadFunction sleeping_in(std::uint32_t state) {
  if (state == kF) return &sleep_for_ever<kF>;
  return state == kI ? &sleep_for_ever<kI> : &sleep_for_ever<kS>;
}

bool nothing_to_do(void*, Cpu&) {
  return false;
}

// kernel/softirq.c: ksoftirqd_should_run
bool softirqs_pending(void*, Cpu& cpu) {
  return cpu.softirq_pending != 0;
}

// kernel/stop_machine.c: cpu_stop_should_run, cpu_stopper_thread
bool stop_works_pending(void* object, Cpu& cpu) {
  return static_cast<sched::Scheduler*>(object)->stop_works_pending(cpu.id());
}

Co<> run_stop_works(void* object, Cpu& cpu) {
  return static_cast<sched::Scheduler*>(object)->run_stop_works(cpu);
}

}  // namespace

Boot::Boot(kthread::SmpbootThreads& smpboot, softirq::Softirqs& softirqs,
           workqueue::Workqueues& workqueues, rcu::Rcu& rcu)
    : kthreads_(smpboot.kthreads()),
      smpboot_(smpboot),
      rcu_(rcu),
      scheduler_(kthreads_.scheduler()),
      softirqs_(softirqs),
      workqueues_(workqueues),
      topology_(scheduler_.machine().topology()) {
  softirq_threads_ = {.comm = "ksoftirqd",
                      .object = this,
                      .thread_should_run = &softirqs_pending,
                      .thread_fn = &run_ksoftirqd};
  cpu_stop_threads_ = {.comm = "migration",
                       .object = &scheduler_,
                       .thread_should_run = &stop_works_pending,
                       .thread_fn = &run_stop_works,
                       .selfparking = true};
  cpuhp_threads = {.comm = "cpuhp", .thread_should_run = &nothing_to_do, .selfparking = true};
  idle_inject_threads = {.comm = "idle_inject", .thread_should_run = &nothing_to_do};
}

void Boot::boot(const BootConfig& config) {
  KT_ASSERT(scheduler_.next_pid == 1, "the next PID is {}", scheduler_.next_pid);
  kworkers_ = config.kworkers;
  control_ = &scheduler_.new_task("control");
  control_->mm = 1;
  kthreads_.start_kthreadd();
  workqueues_.workqueue_init_early();
  if (config.minimal) {
    ksoftirqd(0);
    migration(0);
    if (config.hotplug) {
      rcu_.boot_thread();
      rcu_.boot_exp_worker();
      smpboot_.boot_thread(cpuhp_threads, 0);
    }
    secondary_cpus(config);
    workqueues_.workqueue_init_topology();
    if (config.workers) {
      more_workers();
      workqueues_.boot_release_thread();
      workqueues_.boot_watchdog();
    }
    if (config.reclaim) {
      take({What::kKswapd, "kswapd", kS, 0, true}, config);
      take({What::kThread, "oom_reaper", kS, 0, true}, config);
    }
    return;
  }
  for (const Step& step : boot_order()) take(step, config);
}

void Boot::take(const Step& step, const BootConfig& config) {
  constexpr int kBootCpu = 0;
  switch (step.what) {
    case What::kThread:
      sleeper(step, step.name);
      break;
    case What::kWorkqueue:
      workqueues_.boot_workqueue(step.name, step.wq_flags, step.max_active);
      break;
    case What::kPwqRelease:
      workqueues_.boot_release_thread();
      break;
    case What::kPerNode:
      per_node(step);
      break;
    case What::kKswapd:
      kswapds_ = per_node(step);
      break;
    case What::kBootWorkers:
      boot_workers();
      break;
    case What::kKsoftirqd:
      ksoftirqd(kBootCpu);
      break;
    case What::kRcuGpThread:
      rcu_.boot_thread();
      break;
    case What::kRcuExpWorker:
      rcu_.boot_exp_worker();
      break;
    case What::kRcuLeaf:
      rcu_leaf(kBootCpu);
      break;
    case What::kPerCpu:
      migration(kBootCpu);
      idle_inject(kBootCpu);
      smpboot_.boot_thread(cpuhp_threads, kBootCpu);
      break;
    case What::kSecondaryCpus:
      secondary_cpus(config);
      break;
    case What::kUnboundWorkers:
      workqueues_.workqueue_init_topology();
      unbound_workers(false, 2);
      break;
    case What::kAcpiIrq:
      acpi_irq(step);
      break;
    case What::kMoreWorkers:
      more_workers();
      workqueues_.boot_watchdog();
      break;
  }
}

Task* Boot::find_thread(std::string_view name) const {
  const sim::NameTable& names = scheduler_.machine().trace().names();
  for (Task& p : scheduler_.tasks()) {
    if (names[p.full_name] == name) return &p;
  }
  return nullptr;
}

// Restricts a sleeping thread, and puts it where it has run last.
void Boot::bind(Task& k, const CpuMask& mask, Cpu& cpu) {
  scheduler_.set_cpus_mask(k, mask);
  k.cpu = &cpu;
  k.wake_cpu = k.recent_used_cpu = cpu.id();
}

Task& Boot::sleeper(std::string_view name, std::uint32_t state, int nice) {
  Task& k = kthreads_.boot_thread(name, sleeping_in(state), nullptr, state);
  if (nice != 0) scheduler_.init_policy(k, Policy::kNormal, 0, nice);
  return k;
}

Task& Boot::sleeper(const Step& step, std::string_view name) {
  Task& k = sleeper(name, step.state, step.nice);
  if (step.freezable) k.flags &= ~std::uint32_t{sched::kPfNofreeze};
  return k;
}

// mm/compaction.c: kcompactd, mm/vmscan.c: kswapd: on the CPUs of their node, if it has any.
std::vector<Task*> Boot::per_node(const Step& step) {
  std::vector<Task*> threads;
  for (int node = 0; node < topology_.nr_nodes(); ++node) {
    Task& k = sleeper(step, fmt::format("{}{}", step.name, node));
    const CpuMask& cpus = topology_.node(node);
    if (!cpus.empty()) bind(k, cpus, scheduler_.machine().cpu(cpus.first()));
    threads.push_back(&k);
  }
  return threads;
}

// kernel/irq/manage.c: setup_irq_thread. It follows its interrupt, which x86's vector allocator
// puts on the CPU with the most free vectors: not the boot CPU.
void Boot::acpi_irq(const Step& step) {
  Task& k = sleeper(step, step.name);
  scheduler_.init_policy(k, Policy::kFifo, 50, 0);
  const int cpu = std::min(1, topology_.nr_cpus() - 1);
  bind(k, CpuMask::of(topology_.nr_cpus(), cpu), scheduler_.machine().cpu(cpu));
}

// kernel/rcu/tree.c: rcu_spawn_exp_par_gp_kworker: one for each leaf of the tree, with the first
// CPU of the leaf. rcu_init_levelspread() makes leaves of 16 CPUs (CONFIG_RCU_FANOUT_LEAF) at most
// and of the same size; the index counts the nodes above them, 64 children each.
void Boot::rcu_leaf(int cpu) {
  const int nr_cpus = topology_.nr_cpus();
  const auto parts = [nr_cpus](int size) { return (nr_cpus + size - 1) / size; };
  const int leaves = parts(16);
  const int spread = parts(leaves);
  if (cpu % spread != 0) return;
  int index = cpu / spread;
  for (int size = 16 * 64; leaves > 1; size *= 64) {
    index += parts(size);
    if (parts(size) == 1) break;
  }
  sleeper(fmt::format("rcu_exp_par_gp_kthread_worker/{}", index), kS, 0);
}

}  // namespace kt::boot
