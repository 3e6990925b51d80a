#include "tools/run/system.hpp"

#include <algorithm>

#include "sim/error.hpp"
#include "tools/run/freeze_failures.hpp"
#include "tools/run/kernel_parameters.hpp"

namespace kt::run {

cpu::CostTable cost_table(const scenario::Machine& machine) {
  cpu::CostTable table;
  for (const scenario::Costs::Override& entry : machine.costs.overrides) {
    const cpu::CostEntry* cost = cpu::find_cost(entry.name);
    KT_ASSERT(cost != nullptr, "unknown cost {}", entry.name);
    table.*(cost->field) = entry.value;
  }
  return table;
}

cpu::TopologySpec topology_spec(const scenario::Machine& machine) {
  const auto list = [&machine](const scenario::CpuList& cpus) {
    cpu::CpuMask mask(machine.cpus);
    for (int cpu : cpus) mask.set(cpu);
    return mask.to_list();
  };
  cpu::TopologySpec spec;
  spec.nr_cpus = machine.cpus;
  spec.smt = machine.smt;
  for (const scenario::CpuList& llc : machine.llc) spec.llc.push_back(list(llc));
  for (const scenario::Node& node : machine.nodes) {
    spec.nodes.push_back({list(node.cpus), static_cast<std::uint64_t>(node.memory)});
  }
  spec.distance = machine.distance;
  return spec;
}

namespace {

sched::SchedConfig sched_config(const scenario::Scenario& scenario) {
  sched::SchedConfig config;
  switch (scenario.kernel.preempt) {
    case scenario::Preempt::kNone:
      config.preempt = sched::Preempt::kNone;
      break;
    case scenario::Preempt::kVoluntary:
      config.preempt = sched::Preempt::kVoluntary;
      break;
    case scenario::Preempt::kFull:
      config.preempt = sched::Preempt::kFull;
      break;
    case scenario::Preempt::kRt:
      config.preempt = sched::Preempt::kRt;
      break;
  }
  config.tick = 1'000'000'000 / scenario.kernel.hz;
  config.isolated = isolated(scenario.kernel, scenario.machine.cpus);
  config.nohz_full = nohz_full(scenario.kernel, scenario.machine.cpus);
  config.tick_full = tick_full(scenario.kernel, scenario.machine.cpus);
  config.mwait_idle = scenario.machine.idle == scenario::Idle::kMwait;
  return config;
}

std::vector<mm::NodeConfig> node_configs(const scenario::Machine& machine) {
  std::vector<mm::NodeConfig> configs;
  for (const scenario::Node& node : machine.nodes) {
    const auto size = [](std::int64_t bytes) { return static_cast<std::uint64_t>(bytes); };
    configs.push_back({size(node.memory), size(node.free), size(node.cache), size(node.dirty)});
  }
  return configs;
}

// Whether somebody writes files: a statement, or the background's logger.
bool writes_files(const scenario::Scenario& scenario) {
  if (scenario.machine.disks.empty()) return false;
  if (scenario.kernel.background != scenario::BackgroundLoad::kNone) return true;
  return std::ranges::any_of(scenario.programs, [](const scenario::Program& program) {
    return std::ranges::any_of(program.ops, [](const scenario::Op& op) {
      return op.verb == scenario::Verb::kWrite || op.verb == scenario::Verb::kFsync;
    });
  });
}

// Whether pages are dirty, or can be.
bool writes_back(const scenario::Scenario& scenario) {
  return writes_files(scenario) ||
         std::ranges::any_of(scenario.machine.nodes,
                             [](const scenario::Node& node) { return node.dirty > 0; });
}

// Whether memory can get short by what the scenario says.
bool uses_memory(const scenario::Scenario& scenario) {
  const bool given = std::ranges::any_of(scenario.machine.nodes, &scenario::Node::memory_given);
  return given || std::ranges::any_of(scenario.programs, [](const scenario::Program& program) {
           return std::ranges::any_of(program.ops, [](const scenario::Op& op) {
             return op.verb == scenario::Verb::kAlloc || op.verb == scenario::Verb::kWrite ||
                    op.verb == scenario::Verb::kMemoryPressure;
           });
         });
}

// Whether CPUs come and go.
bool uses_hotplug(const scenario::Scenario& scenario) {
  return !scenario.hotplug_states.empty() ||
         std::ranges::any_of(scenario.programs, [](const scenario::Program& program) {
           return std::ranges::any_of(program.ops, [](const scenario::Op& op) {
             const bool deep =
                 op.verb == scenario::Verb::kSuspend &&
                 static_cast<scenario::SleepState>(op.choice) == scenario::SleepState::kDeep;
             return deep || (op.verb >= scenario::Verb::kCpuDown &&
                             op.verb <= scenario::Verb::kCpusReadUnlock);
           });
         });
}

// Whether a smallest boot needs workers.
bool uses_workqueues(const scenario::Scenario& scenario) {
  const auto uses = [](const scenario::Op& op) {
    return op.verb >= scenario::Verb::kQueueWork && op.verb <= scenario::Verb::kFreeWork;
  };
  return !scenario.works.empty() ||
         std::ranges::any_of(scenario.workqueues, [](const auto& wq) { return !wq.system; }) ||
         std::ranges::any_of(scenario.programs, [&uses](const scenario::Program& program) {
           return std::ranges::any_of(program.ops, uses);
         });
}

}  // namespace

System::System(const scenario::Scenario& scenario, sim::Trace& trace, const SystemOptions& options)
    : scenario_(scenario),
      trace_(trace),
      seed_(options.seed.value_or(scenario.seed)),
      horizon_(options.duration.value_or(scenario.duration)),
      threads_exist_(options.threads_exist) {
  simulation_.visit_each_step = options.visit_each_step;
  machine_ = std::make_unique<cpu::Machine>(simulation_.calendar(),
                                            cpu::Topology(topology_spec(scenario.machine)),
                                            cost_table(scenario.machine), trace);
  machine_->bugs = scenario.kernel.bugs;
  make_speeds();
  sched::SchedConfig config = sched_config(scenario);
  config.tick_offset = options.tick_offset;
  scheduler_ = std::make_unique<sched::Scheduler>(*machine_, config);
  const timers::Ticks ticks{config.tick, options.tick_offset,
                            timers::initial_jiffies(scenario.kernel.hz)};
  softirqs_ = std::make_unique<softirq::Softirqs>(*scheduler_, ticks);
  tasklets_ = std::make_unique<softirq::Tasklets>(*softirqs_);
  timers_ = std::make_unique<timers::Timers>(*scheduler_, *softirqs_, ticks);
  waits_ = std::make_unique<locking::Waits>(*scheduler_, *timers_);
  completions_ = std::make_unique<locking::Completions>(*scheduler_, *timers_);
  mutexes_ = std::make_unique<locking::Mutexes>(*scheduler_);
  spinlocks_ = std::make_unique<locking::Spinlocks>(*scheduler_);
  kthreads_ = std::make_unique<kthread::Kthreads>(*scheduler_, *timers_, *completions_);
  workers_ = std::make_unique<kthread::KthreadWorkers>(*kthreads_, *spinlocks_);
  workqueues_ = std::make_unique<workqueue::Workqueues>(
      workqueue::Base{*timers_, *softirqs_, *tasklets_, *completions_, *mutexes_, *spinlocks_,
                      *kthreads_},
      workqueue_params(scenario.kernel, machine_->topology()));
  smpboot_ = std::make_unique<kthread::SmpbootThreads>(*kthreads_);
  rcu_ = std::make_unique<rcu::Rcu>(*workers_, *softirqs_);
  boot_ = std::make_unique<boot::Boot>(*smpboot_, *softirqs_, *workqueues_, *rcu_);
  memory_ = std::make_unique<mm::Memory>(*kthreads_, *waits_, node_configs(scenario.machine));
  irqs_ = std::make_unique<irq::Irqs>(*kthreads_, *softirqs_, PlatformDevices::irq_after(scenario));
  hotplug_ = std::make_unique<hotplug::Hotplug>(
      hotplug::Base{*scheduler_, *timers_, *softirqs_, *tasklets_, *waits_, *completions_,
                    *mutexes_, *smpboot_, *rcu_, *workqueues_, *irqs_},
      boot_->cpuhp_threads);
  make_cpufreq();
  suspend_ = std::make_unique<power::Suspend>(
      power::SuspendBase{*timers_, *waits_, *completions_, *kthreads_, *workqueues_});
  suspend_->attach(*irqs_);
  suspend_->attach(*hotplug_);
  suspend_->attach(*rcu_);
  suspend_->dpm.cpufreq = cpufreq_.get();
  suspend_->attach(*memory_);
  models_ = std::make_unique<Models>(Models{
      *machine_, *scheduler_, *softirqs_, *tasklets_, *timers_, *waits_, *completions_, *mutexes_,
      *spinlocks_, *kthreads_, *workers_, *workqueues_, *memory_, *suspend_, *smpboot_, *hotplug_});
  interpreter_ = std::make_unique<Interpreter>(scenario, *models_, seed_);
  const bool power = scenario.machine.power.given;
  if (PlatformDevices::needed(scenario) || writes_back(scenario) || power) {
    devices_ = std::make_unique<PlatformDevices>(simulation_, *models_, *irqs_, scenario.machine);
    interpreter_->set_devices(*devices_);
  }
  if (power) energy_ = std::make_unique<Energy>(simulation_, *scheduler_, *hotplug_, speeds_.get());
  watchdog_ = std::make_unique<Watchdog>(*scheduler_, *suspend_, simulation_.calendar());
  freeze_failures_ = std::make_unique<FreezeFailures>(*this);
  boot(options.start_cpu);
}

// Armed timers live in the frames of sleepers: the queues let go of them first.
System::~System() {
  trace_.flush();
  timers_.reset();
}

// Only for machines whose CPUs are not always as fast as they can be.
void System::make_speeds() {
  const scenario::Machine& machine = scenario_.machine;
  cpu::SpeedSpec spec;
  spec.pstates = machine.freq.pstates;
  if (spec.pstates.empty()) spec.pstates.push_back(1);
  spec.transition = machine.freq.transition;
  if (machine.smt > 1) spec.smt_speed = machine.smt_speed;
  const auto governor = static_cast<cpufreq::Governor>(machine.freq.governor);
  if (governor == cpufreq::Governor::kPerformance && spec.smt_speed == 1) return;
  const std::uint32_t first = cpufreq::first_pstate(governor, spec.pstates.size());
  speeds_ = std::make_unique<cpu::CpuSpeeds>(*machine_, spec, first);
}

void System::make_cpufreq() {
  const scenario::Frequency& freq = scenario_.machine.freq;
  if (freq.governor == scenario::Governor::kPerformance) return;
  std::vector<std::uint32_t> khz;
  for (const double hertz : freq.pstates) khz.push_back(static_cast<std::uint32_t>(hertz / 1e3));
  cpufreq_ = std::make_unique<cpufreq::Cpufreq>(
      cpufreq::CpufreqBase{*scheduler_, *speeds_, *rcu_, *hotplug_},
      static_cast<cpufreq::Governor>(freq.governor), std::move(khz), freq.transition);
}

void System::boot(int start_cpu) {
  const int nr_cpus = machine_->nr_cpus();
  scheduler_->make_idle_tasks();
  boot::BootConfig config{.minimal = scenario_.kernel.boot == scenario::Boot::kMinimal,
                          .workers = uses_workqueues(scenario_) || writes_back(scenario_) ||
                                     PlatformDevices::uses_kblockd(scenario_.machine)};
  if (scenario_.kernel.kworkers) {
    for (const scenario::PoolWorkers& pool : *scenario_.kernel.kworkers) {
      config.kworkers.push_back({pool.cpu, pool.highpri, pool.count});
    }
  }
  config.reclaim = config.minimal && uses_memory(scenario_);
  // A governor that stops waits for a grace period.
  config.hotplug = uses_hotplug(scenario_) || cpufreq_ != nullptr;
  config.workers |= config.hotplug;
  boot_->boot(config);
  memory_->set_kswapds(boot_->kswapds());
  Task* oom_reaper = boot_->find_thread("oom_reaper");
  if (oom_reaper != nullptr) memory_->set_oom_reaper(*oom_reaper);
  if (devices_ != nullptr && PlatformDevices::uses_kblockd(scenario_.machine)) devices_->boot();
  if (!scheduler_->config().tick_full.empty() && (!config.minimal || config.workers))
    remote_tick_ = std::make_unique<workqueue::RemoteTick>(*workqueues_);
  make_file_system();
  make_background();
  interpreter_->make_workqueues();
  interpreter_->make_devices();
  irq_sources_ =
      std::make_unique<IrqSources>(*interpreter_, *irqs_, simulation_.calendar(), seed_, horizon_);
  suspend_->outside = {irq_sources_.get(), &IrqSources::next_wakeup, &IrqSources::slept};
  control_ = &boot_->control();
  scheduler_->set_cpus_mask(*control_, scheduler_->domain_cpus());  // sched_init_smp()
  interpreter_->set_control(*control_);
  interpreter_->set_thread(static_cast<std::int32_t>(scenario_.threads.size()) - 1,
                           *kthreads_->kthreadd());
  for (std::size_t i = 0; i < scenario_.tasks.size(); ++i) {
    const scenario::Task& spec = scenario_.tasks[i];
    Task& task = scheduler_->new_task(spec.name);
    task.ppid = 1;
    task.mm = static_cast<std::uint32_t>(2 + i);
    gates_.push_back(std::make_unique<locking::Completion>());
    task.body = task_body(task, static_cast<std::int32_t>(i));
    task.resume_point = task.body.handle();
    const scenario::CpuList cpus = spec.cpu >= 0 ? scenario::CpuList{spec.cpu} : spec.cpus;
    // What nothing is said of inherits the mask of the init task.
    scheduler_->set_cpus_mask(task,
                              cpus.empty() ? scheduler_->domain_cpus() : mask_of(cpus, nr_cpus));
    scheduler_->init_policy(task, policy_of(spec.scheduling.policy), spec.scheduling.priority,
                            spec.scheduling.nice);
    task.state = sched::kTaskInterruptible;
    task.cpu = &machine_->cpu(task.cpus_ptr->first());
    task.wake_cpu = task.cpu->id();
    interpreter_->set_thread(static_cast<std::int32_t>(scenario_.kthreads.size() + i), task);
  }
  if (!scheduler_->domain_cpus().test(start_cpu)) start_cpu = scheduler_->domain_cpus().first();
  for (std::size_t i = 0; threads_exist_ && i < scenario_.kthreads.size(); ++i) {
    if (scenario_.kthreads[i].start != scenario::Start::kNone)
      interpreter_->kthread_before_start(static_cast<std::int32_t>(i));
  }
  control_->cpu = &machine_->cpu(start_cpu);
  control_->wake_cpu = control_->recent_used_cpu = start_cpu;
  control_->body = control_body();
  scheduler_->start(control_);
}

void System::make_file_system() {
  if (!writes_back(scenario_)) return;
  disk_writer_ = std::make_unique<DiskWriter>(*models_, *devices_, scenario_.machine);
  file_system_ = std::make_unique<fs::FileSystem>(
      *workqueues_, *kthreads_, *waits_, *memory_, *disk_writer_,
      DiskWriter::disk_of_node(scenario_.machine), writes_files(scenario_));
  interpreter_->set_file_system(*file_system_);
}

void System::make_background() {
  const scenario::Kernel& kernel = scenario_.kernel;
  if (kernel.background == scenario::BackgroundLoad::kNone) return;
  if (horizon_ == sim::kNever) {
    throw sim::UserError(fmt::format(
        "{}: the background never ends, and the run lasts until nothing is left to happen; "
        "expected a \"duration\", or the background \"none\"",
        scenario_.where(kernel.background_origin)));
  }
  const bool server = kernel.background == scenario::BackgroundLoad::kServer;
  background_ =
      std::make_unique<boot::Background>(*boot_, *hotplug_, *memory_, file_system_.get(),
                                         server ? boot::Chatter::kServer : boot::Chatter::kIdle);
}

Co<> System::task_body(Task& self, std::int32_t index) {
  co_await scheduler_->schedule_tail();
  const scenario::Task& spec = scenario_.tasks[static_cast<std::size_t>(index)];
  co_await interpreter_->run_body(self, spec.program);
  co_await kthreads_->do_exit(self);
}

// The init task: makes the scenario's threads at t = 0, in file order, then does what `events`
// says.
Co<> System::control_body() {
  Task& self = *control_;
  co_await interpreter_->register_percpu_threads();
  co_await interpreter_->setup_hotplug_states();
  for (std::size_t i = 0; i < scenario_.kthread_workers.size(); ++i) {
    co_await interpreter_->create_kthread_worker(static_cast<std::int32_t>(i));
  }
  if (threads_exist_) {  // the loop that dispatches events gets back to who called it
    simulation_.calendar().stop();
    co_await machine_->run(machine_->costs().statement);
  }
  for (std::size_t i = 0; i < scenario_.kthreads.size(); ++i) {
    if (scenario_.kthreads[i].start == scenario::Start::kNone) continue;
    const auto index = static_cast<std::int32_t>(i);
    kthread::Created created{interpreter_->thread(index), 0};
    if (!threads_exist_) created = co_await interpreter_->create_kthread(index);
    if (created.task != nullptr && scenario_.kthreads[i].start == scenario::Start::kRun) {
      co_await scheduler_->wake_up_process(*created.task);
    }
  }
  for (std::size_t i = 0; i < scenario_.tasks.size(); ++i) {
    co_await scheduler_->wake_up_process(
        *interpreter_->thread(static_cast<std::int32_t>(scenario_.kthreads.size() + i)));
  }
  for (const scenario::Event& event : scenario_.events) {
    while (machine_->now() < event.time) {
      self.state = sched::kTaskInterruptible | sched::kTaskFreezable;
      co_await timers_->schedule_hrtimeout_range(event.time, 0);
    }
    co_await interpreter_->run_body(self, event.program);
  }
  for (;;) {
    self.state = sched::kTaskInterruptible;
    co_await scheduler_->schedule();
  }
}

// Every CPU idles. If no timer is armed and nothing is under way, nothing can happen any more, but
// for the ticks that idle CPUs get from afar.
void System::nothing_left(void* object) {
  System& system = *static_cast<System*>(object);
  std::size_t armed = system.timers_->armed();
  if (system.remote_tick_ != nullptr) armed -= system.remote_tick_->armed();
  if (system.irq_sources_->armed() != 0 || system.rcu_->busy()) return;
  if (armed != 0 && armed != system.workqueues_->retry_timers()) return;
  if (system.machine_->signals_in_flight() != 0) return;
  if (system.simulation_.platform() != nullptr && system.simulation_.platform()->active()) return;
  const std::string exhausted = system.workqueues_->find_exhausted();
  if (!exhausted.empty()) {
    system.ending_ = Ending::kDefect;
    system.message_ = exhausted;
    system.simulation_.calendar().stop();
    return;
  }
  if (armed != 0) return;
  // Ticks that still come, of idle CPUs and from afar, do not end that.
  if (system.nothing_since_ == sim::kNever) system.nothing_since_ = system.now();
  if (system.horizon_ == sim::kNever) system.simulation_.calendar().stop();
}

void System::go(Time until) {
  try {
    simulation_.run_until(until);
  } catch (const workqueue::Stall& stall) {
    watchdog_->trip(Watchdog::Alarm::kWorkqueueStall, stall.what());
  } catch (const sim::Defect& defect) {
    ending_ = Ending::kDefect;
    message_ = defect.what();
  } catch (const sim::InternalError& error) {
    const cpu::Cpu& cpu = machine_->this_cpu();
    throw sim::InternalError(fmt::format(
        "{}\n  at t={}, CPU {}, task {} (pid {}), seed {}", error.what(), sim::format_time(now()),
        cpu.id(), cpu.current != nullptr ? trace_.names()[cpu.current->comm] : "none",
        cpu.current != nullptr ? cpu.current->pid : 0, seed_));
  }
  trace_.flush();
}

void System::run_to_first_wakeup() {
  KT_ASSERT(threads_exist_ && simulation_.platform() == nullptr, "an exploration without devices");
  watchdog_->start();
  go(horizon_);
}

void System::run() {
  watchdog_->start();
  advance(horizon_);
  conclude();
}

void System::advance(Time limit) {
  scheduler_->all_idle = {this, &nothing_left};
  go(std::min(limit, horizon_));
}

void System::conclude() {
  const std::string stalls = workqueues_->survived_stalls();
  if (ending_ == Ending::kDone && watchdog_->message().empty() && !stalls.empty())
    watchdog_->trip(Watchdog::Alarm::kWorkqueueStall, stalls);
  if (!watchdog_->message().empty()) {
    ending_ = Ending::kWatchdog;
    message_ = watchdog_->message();
  }
}

void System::run_until(Time when) {
  go(when);
}

std::vector<Task*> System::scenario_threads() {
  std::vector<Task*> threads;
  for (std::size_t i = 0; i < scenario_.threads.size(); ++i) {
    if (scenario_.threads[i].kind == scenario::ThreadKind::kKthreadd) continue;
    Task* task = interpreter_->thread(static_cast<std::int32_t>(i));
    if (task != nullptr) threads.push_back(task);
  }
  return threads;
}

}  // namespace kt::run
