// The scheduler: who runs where and when (kernel/sched/). Functions have the kernel's names and its
// control flow; those that take time or may switch are coroutines. They act on the CPU that the
// caller runs on (Machine::this_cpu), as the kernel's do.
#pragma once

#include <boost/container/deque.hpp>
#include <memory>
#include <set>
#include <vector>

#include "models/cpu/cpu.hpp"
#include "models/sched/domains.hpp"
#include "models/sched/hooks.hpp"
#include "models/sched/imbalance.hpp"
#include "models/sched/rq.hpp"
#include "models/sched/task.hpp"

namespace kt::sched {

enum class Preempt : std::uint8_t { kNone, kVoluntary, kFull, kRt };

/// try_to_wake_up()'s wake_flags.
enum WakeFlag : unsigned { kWfSync = 1, kWfMigrated = 2, kWfFork = 4, kWfTtwu = 8 };

/// Why __schedule() is called (SM_IDLE, SM_NONE, SM_PREEMPT, SM_RTLOCK_WAIT).
enum class Mode : std::uint8_t { kIdle, kNone, kPreempt, kRtlockWait };

/// Tasks stay where they are made; in blocks, as there may be a hundred thousand.
using TaskList =
    boost::container::deque<Task, void,
                            boost::container::deque_options_t<boost::container::block_size<64>>>;

struct SchedConfig {
  Preempt preempt = Preempt::kVoluntary;
  Time tick = 4'000'000;      ///< ns, 1/HZ
  Time tick_offset = 0;       ///< t = 0 lies so many ns after a tick; 0 … tick - 1
  bool mwait_idle = true;     ///< idle polls the need_resched flag; else it halts and needs an IPI
  cpu::CpuMask isolated{0};   ///< isolcpus=domain: CPUs in no scheduling domain; default: none
  cpu::CpuMask nohz_full{0};  ///< nohz_full=: CPUs that housekeeping stays off; default: none
  cpu::CpuMask tick_full{0};  ///< those whose tick stops while they have one task; default: none
};

class Scheduler {
 public:
  Scheduler(cpu::Machine& machine, const SchedConfig& config);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  [[nodiscard]] cpu::Machine& machine() const { return machine_; }
  [[nodiscard]] sim::FramePool& frame_pool() const { return machine_.frame_pool(); }
  [[nodiscard]] const SchedConfig& config() const { return config_; }
  [[nodiscard]] bool preempt_rt() const { return config_.preempt == Preempt::kRt; }
  [[nodiscard]] Rq& rq(int cpu) { return *rqs_[static_cast<std::size_t>(cpu)]; }
  [[nodiscard]] Rq& this_rq() { return rq(machine_.this_cpu().id()); }
  [[nodiscard]] Rq& task_rq(const Task& p) { return rq(p.cpu->id()); }
  [[nodiscard]] Task& current() { return static_cast<Task&>(*machine_.this_cpu().current); }
  [[nodiscard]] const SchedDomains& domains() const { return *domains_; }
  [[nodiscard]] const cpu::CpuMask& active_mask() const { return active_; }
  /// Where unbound kernel threads and other housekeeping may be: all CPUs but those of nohz_full=
  /// (housekeeping_cpumask of HK_TYPE_KTHREAD, HK_TYPE_MISC and HK_TYPE_TIMER).
  [[nodiscard]] const cpu::CpuMask& housekeeping() const { return *housekeeping_; }
  [[nodiscard]] bool has_nohz_full() const { return !config_.nohz_full.empty(); }
  /// Whether what is queued there can do without a tick. kernel/sched/core.c: sched_can_stop_tick
  [[nodiscard]] static bool sched_can_stop_tick(const Rq& rq);
  /// Has the CPU look, in an interrupt, whether its tick can stop (tick_nohz_full_kick_cpu).
  void tick_nohz_full_kick_cpu(Rq& rq);
  /// This CPU if it is one of them, else the nearest that is (housekeeping_any_cpu).
  [[nodiscard]] int housekeeping_any_cpu();
  /// Where what user space starts may be: all CPUs but those of isolcpus= (HK_TYPE_DOMAIN).
  [[nodiscard]] const cpu::CpuMask& domain_cpus() const { return *domain_cpus_; }
  /// Whether two CPUs are in one root domain: what real-time tasks are pushed and pulled within.
  [[nodiscard]] bool same_root_domain(int a, int b) const {
    return domain_cpus_->test(a) == domain_cpus_->test(b);
  }

  // Tasks ---------------------------------------------------------------------------------------
  /// A task in TASK_NEW with the next PID, nice 0, allowed everywhere. Lives as long as this.
  Task& new_task(std::string_view comm);
  [[nodiscard]] TaskList& tasks() { return tasks_; }
  [[nodiscard]] Task* find_task(std::int32_t pid);
  /// The next PID that new_task() gives.
  std::int32_t next_pid = 1;
  /// Cuts to 15 characters and interns (task_struct::comm).
  void set_comm(Task& p, std::string_view comm);

  /// kernel/sched/core.c: wake_up_new_task
  Co<> wake_up_new_task(Task& p);
  /// The first thing that a new task does; kernel/sched/core.c: schedule_tail
  Co<> schedule_tail();
  /// The last thing that it does; kernel/sched/core.c: do_task_dead. Never returns.
  Co<> do_task_dead();

  // Sleep and wake -------------------------------------------------------------------------------
  /// kernel/sched/core.c: schedule
  Co<> schedule();
  /// The wait for a lock that sleeps under PREEMPT_RT (schedule_rtlock).
  Co<> schedule_rtlock();
  /// kernel/sched/core.c: schedule_preempt_disabled
  Co<> schedule_preempt_disabled();
  /// kernel/sched/core.c: try_to_wake_up. False: the state did not match, nothing was done.
  Co<bool> try_to_wake_up(Task& p, std::uint32_t mask, unsigned wake_flags);
  Co<bool> wake_up_process(Task& p) { return try_to_wake_up(p, kTaskNormal, 0); }
  Co<bool> wake_up_state(Task& p, std::uint32_t mask) { return try_to_wake_up(p, mask, 0); }
  /// kernel/sched/core.c: wait_task_inactive. 0 if the state does not match, else non-zero.
  Co<std::uint64_t> wait_task_inactive(Task& p, std::uint32_t match);
  /// set_special_state(): a store that no late wakeup can overwrite, as it waits for a waker that
  /// holds pi_lock and will store TASK_RUNNING. The state is set when the caller goes on.
  Co<> set_special_state(std::uint32_t state);
  /// include/linux/sched/signal.h: signal_pending_state
  [[nodiscard]] static bool signal_pending_state(std::uint32_t state, const Task& p);

  // Preemption points ----------------------------------------------------------------------------
  /// preempt=none and voluntary: reschedules if asked; full: never. True if it did.
  Co<bool> cond_resched();
  /// might_sleep(): a preemption point under voluntary only.
  Co<> might_sleep();
  void preempt_disable() { machine_.this_cpu().preempt_disable(); }
  /// preempt_enable(): a preemption point under full.
  Co<> preempt_enable();
  /// Whether preempt_enable() at depth 0 would switch: lets callers skip the coroutine.
  [[nodiscard]] bool should_resched() {
    Cpu& cpu = machine_.this_cpu();
    return machine_.full_preemption && cpu.current->need_resched && cpu.preemptible();
  }
  Co<> preempt_schedule();
  /// sched_yield(): to the tail of the class's order.
  Co<> yield();
  /// On the way to user mode: reschedules while asked, and sees to a signal
  /// (exit_to_user_mode_loop).
  Co<> exit_to_user_mode();
  /// Whether there is something to do on that way. A signal that kills is the caller's to see.
  [[nodiscard]] bool exit_work(const Task& p) const {
    return p.need_resched || (p.sigpending && !p.fatal_signal && get_signal.run != nullptr);
  }

  // Policy and placement -------------------------------------------------------------------------
  /// kernel/sched/syscalls.c: sched_setattr. rt_priority 1 … 99 for FIFO and RR, else 0. `runtime`
  /// ns is the slice that a fair task asks for, clamped to 0.1 … 100 ms; 0: the base slice.
  Co<> sched_setscheduler(Task& p, Policy policy, int rt_priority, int nice, Time runtime = 0);
  Co<> set_user_nice(Task& p, int nice);
  /// Gives a task the priority of `top`, who waits for it, where that is higher; null: its own.
  /// kernel/sched/core.c: rt_mutex_setprio
  void rt_mutex_setprio(Task& p, Task* top);
  /// Told when the priority of a task that waits for an rt_mutex has changed (rt_mutex_adjust_pi).
  void (*pi_changed)(Scheduler&, Task&) = nullptr;
  /// The current task stays on its CPU until the matching migrate_enable().
  void migrate_disable();
  Co<> migrate_enable();
  /// The same for a task that has not begun its work, and may still be on its way to its first
  /// sleep: no events, no cost.
  void init_policy(Task& p, Policy policy, int rt_priority, int nice);
  /// kernel/sched/core.c: set_cpus_allowed_ptr. -EINVAL if no active CPU is in the mask, or if user
  /// space asks for a task with PF_NO_SETAFFINITY.
  Co<int> set_cpus_allowed(Task& p, const cpu::CpuMask& mask, bool by_user = true);
  /// Sets the mask of a task that is not queued (do_set_cpus_allowed).
  void set_cpus_mask(Task& p, const cpu::CpuMask& mask);
  /// include/linux/sched.h: is_per_cpu_kthread
  [[nodiscard]] bool is_per_cpu_kthread(const Task& p) const {
    return p.is_kthread() && p.nr_cpus_allowed == 1;
  }
  [[nodiscard]] bool is_cpu_allowed(const Task& p, int cpu) const;

  // The tick and balancing ------------------------------------------------------------------------
  /// kernel/sched/core.c: sched_tick, on the CPU whose tick it is, but for the balancing.
  void sched_tick(Cpu& cpu);
  /// What it does to the task of another CPU, which has no tick. Throws sim::Defect if nothing was
  /// accounted there for 3 s. kernel/sched/core.c: sched_tick_remote
  void sched_tick_remote(int cpu);
  /// The end of it: raises the SCHED softirq if it is time, and wakes an idle CPU to balance for
  /// those without a tick. kernel/sched/fair.c: sched_balance_trigger
  void sched_balance_trigger(Cpu& cpu);
  /// Makes an idle CPU look at its timers again. kernel/sched/core.c: wake_up_idle_cpu
  void wake_up_idle_cpu(int cpu);
  /// The tick that jiffies stand at (kernel/time/tick-sched.c: last_jiffies_update): balancing
  /// counts in jiffies. Whoever brings them up to date says so.
  [[nodiscard]] Time last_tick() const { return last_tick_; }
  void set_last_tick(Time tick) { last_tick_ = tick; }
  /// The CPU joins the idle CPUs without a tick. kernel/sched/fair.c: nohz_balance_enter_idle
  void nohz_balance_enter_idle(int cpu);
  /// A CPU that stops until somebody signals it, and goes on: the idle loop's halt, or a dead CPU.
  void set_running(Cpu& cpu, bool running);
  void note_halted(Cpu& cpu);
  void note_running(Cpu& cpu);
  /// kernel/smp.c: wake_up_all_idle_cpus
  void wake_up_all_idle_cpus();
  /// The SCHED softirq; kernel/sched/fair.c: sched_balance_softirq
  Co<> sched_balance_softirq(Cpu& cpu);

  // Stopper (kernel/stop_machine.c) ---------------------------------------------------------------
  /// A function that the stopper of a CPU runs, with preemption off.
  struct StopWork {
    Co<> (*function)(Scheduler&, Cpu&, StopWork&) = nullptr;
    void* data = nullptr;  ///< the function's
    Task* task = nullptr;
    int destination = -1;
    Task* waiter = nullptr;  ///< sleeps until it is done
    int* left = nullptr;     ///< works of a group that are not done: the last one wakes the waiter
    bool done = false;
    StopWork* next = nullptr;
  };
  /// Queues and wakes migration/N; from any context. False: the stopper is disabled, as its CPU is
  /// offline.
  Co<bool> stop_one_cpu_nowait(int cpu, StopWork& work);
  /// The same, and waits until it is done (kernel/stop_machine.c: stop_one_cpu).
  Co<> stop_one_cpu(int cpu, StopWork& work);
  /// cpu_stopper::enabled
  void enable_stopper(int cpu, bool enabled) {
    stoppers_[static_cast<std::size_t>(cpu)].enabled = enabled;
  }
  /// The body of migration/N's thread function: runs all queued works.
  Co<> run_stop_works(Cpu& cpu);
  [[nodiscard]] bool stop_works_pending(int cpu) const {
    return stoppers_[static_cast<std::size_t>(cpu)].head != nullptr;
  }

  // CPU hotplug (hotplug.cpp) ---------------------------------------------------------------------
  /// cpu_dying_mask: a CPU is in it from the begin of its way down until its next way up.
  [[nodiscard]] bool cpu_dying(int cpu) const { return dying_.test(cpu); }
  void set_cpu_dying(int cpu, bool dying) { dying_.assign(cpu, dying); }
  /// synchronize_rcu(), of the layer of RCU.
  struct GracePeriod {
    void* object = nullptr;
    Co<> (*synchronize)(void* object) = nullptr;
  };
  /// The CPU takes user tasks and is balanced, or not any more. On that CPU's thread of hotplug.
  Co<> sched_cpu_activate(Cpu& cpu);
  Co<> sched_cpu_deactivate(Cpu& cpu, GracePeriod grace_period);
  /// Until no other task is left on the CPU of the caller (sched_cpu_wait_empty).
  Co<> sched_cpu_wait_empty(Cpu& cpu);
  /// With interrupts off; the stopper is the last task of a dying CPU.
  void sched_cpu_dying(Cpu& cpu);
  Co<> sched_cpu_starting(Cpu& cpu);
  /// Does what others asked of the CPU by interrupt before it goes. kernel/smp.c: smpcfd_dying_cpu
  Co<int> smpcfd_dying_cpu(Cpu& cpu);
  IdleDeadHook idle_dead;

  /// Makes the idle task of each CPU.
  void make_idle_tasks();
  /// Starts the machine: `init`, unless null, runs on its CPU, all others idle.
  void start(Task* init);
  TimeHooks time_hooks;
  IrqWorkHook irq_work_hook;
  RemoteTickHook remote_tick;
  /// Whether something is queued for the call-function interrupt of a CPU; who queues the first
  /// calls send_call_function_single_ipi().
  [[nodiscard]] bool calls_queued(const Rq& rq) const {
    return rq.wake_list != nullptr || rq.call_list != nullptr || rq.cpu->irq_work != 0 ||
           rq.nohz_flags != 0;
  }
  /// An IPI, or the flag of a polling idle loop; kernel/sched/core.c: send_call_function_single_ipi
  void send_call_function_single_ipi(Rq& rq);
  /// Has the CPU call the function and does not wait for it; this CPU calls it at once.
  /// kernel/smp.c: smp_call_function_single_async
  Co<> smp_call_function_single_async(int cpu, CallSingleData& csd);
  /// Whether a thread is told to stop or to park; from the layer of kernel threads.
  bool (*should_stop_or_park)(const Task& p) = nullptr;
  SignalHook get_signal;
  ContextSwitchHook note_context_switch;
  AllIdleHook all_idle;
  IdlePowerHook idle_power;
  CpufreqHooks cpufreq;
  /// Brings the averages up to date where the kernel tells the governor of it
  /// (kernel/sched/fair.c: update_load_avg, sched_balance_update_blocked_averages).
  void update_load_avg(Rq& rq) {
    if (rq.update_load()) cpufreq_update_util(rq, false);
  }
  /// Its utilization has changed; `iowait`: by a task that had waited for I/O.
  void cpufreq_update_util(Rq& rq, bool iowait) {
    if (cpufreq.update_util != nullptr && rq.cpu == &machine_.this_cpu()) [[unlikely]]
      cpufreq.update_util(cpufreq.object, rq, iowait);
  }
  WorkerHooks worker_hooks;
  FairTunables tunables;
  sim::Histogram wakeup_latencies;  ///< of all tasks: from sched_waking to the switch

  // Internals shared by the files of this folder -------------------------------------------------
  void resched_curr(Rq& rq);
  void activate_task(Rq& rq, Task& p, EnqueueFlags flags, bool head = false);
  bool deactivate_task(Rq& rq, Task& p, DequeueFlags flags);
  void enqueue_task(Rq& rq, Task& p, EnqueueFlags flags, bool head);
  bool dequeue_task(Rq& rq, Task& p, DequeueFlags flags);
  void wakeup_preempt(Rq& rq, Task& p);
  void set_task_cpu(Task& p, int cpu);
  void block_task(Rq& rq, Task& p);
  void put_prev_task(Rq& rq, Task& p);
  void set_next_task(Rq& rq, Task& p);
  void update_curr(Rq& rq);
  void add_nr_running(Rq& rq);
  void sched_update_tick_dependency(Rq& rq);
  void sub_nr_running(Rq& rq);
  void task_tick(Rq& rq, Task& curr);
  int select_task_rq(Task& p, int prev_cpu, unsigned wake_flags);
  int select_fallback_rq(Task& p, int cpu);
  void migrate_queued_task(Task& p, int cpu);
  /// A task's load leaves its queue, both up to now; enqueue_task() adds it where it comes next.
  void detach_task_load(Task& p);
  /// What a new task is taken to be like. kernel/sched/fair.c: post_init_entity_util_avg
  void init_task_load(Task& p, Rq& rq);
  /// Changes its weight, and its part of its queue's load with it (reweight_entity, from outside).
  void set_weight(Task& p, LoadWeight load);
  void trace_task(trace::Event event, const Task& p);
  /// A narrower domain could not balance the group for want of affinity (sg_imbalanced).
  [[nodiscard]] bool group_imbalanced(const Group& group) const {
    return group_imbalance_[group.id] != 0;
  }

 private:
  struct SwitchTo;
  // What balancing remembers of one domain of one CPU (struct sched_domain).
  struct DomainState {
    Time last_balance = 0;     // the tick before it
    int balance_interval = 0;  // ms, min_interval … max_interval, more if all tasks are pinned
    Time idle_interval = 0;    // the same for an idle CPU, in whole ticks, ns
    unsigned nr_balance_failed = 0;
    Time max_newidle_lb_cost = 0;
    Time last_decay_max_lb_cost = 0;
    std::uint32_t dice = 0;
    std::uint32_t newidle_call = 512;
    std::uint32_t newidle_success = 256;
    std::uint32_t newidle_ratio = 512;
  };
  struct Stopper {
    bool enabled = true;
    StopWork* head = nullptr;
    StopWork** tail = &head;
    StopWork active_balance_work;
    bool active_balance = false;
  };
  // What the CPUs of a last-level cache share (struct sched_domain_shared). With new domains it
  // starts anew: nobody looks for an idle CPU until one has balanced or a core went idle.
  struct CacheState {
    bool has_idle_cores = false;
    int nr_busy_cpus = 0;
    int nr_idle_scan = 0;
  };
  struct LbEnv;
  friend struct Rq;

  // core.cpp
  const cpu::CpuMask* without(const cpu::CpuMask& mask);
  Co<> schedule_loop(Mode mode);  // __schedule()
  Co<> schedule_worker();
  [[nodiscard]] Time schedule_cost(const Task& prev, Mode mode) const;
  bool switch_decided(Rq& rq, Mode mode, std::uint32_t prev_state);
  Time switch_cost(const Task& next);
  void finish_task_switch();
  Time cold_cache_penalty(Task& p);
  [[noreturn]] void scheduling_while_atomic(const Task& p) const;
  void try_to_block_task(Rq& rq, Task& p, std::uint32_t& state);
  Task& pick_next_task(Rq& rq);
  void note_switch(Rq& rq, Task& prev, Task& next);
  Co<> do_idle(Cpu& cpu);
  static void tell_if_all_idle(void* self);
  void put_on_cpu(Task& init);
  static Co<> handle_reschedule(void* self, Cpu& cpu);
  static Co<> handle_call_function(void* self, Cpu& cpu);
  static Co<> handle_preempt_irq(void* self, Cpu& cpu);
  static Co<> handle_exit_to_user(void* self, Cpu& cpu);

  // wakeup.cpp
  bool ttwu_state_match(Task& p, std::uint32_t mask, bool& success);
  bool ttwu_runnable(Task& p);
  [[nodiscard]] bool ttwu_queue_cond(const Task& p, int cpu);
  void ttwu_queue_wakelist(Task& p, int cpu, unsigned wake_flags);
  void ttwu_do_activate(Rq& rq, Task& p, unsigned wake_flags);
  void ttwu_do_wakeup(Task& p);
  Co<> sched_ttwu_pending(Rq& rq);
  Co<> flush_calls(Rq& rq);
  Co<> run_call_list(Rq& rq);
  void record_noop_wake(Task& p);

  // fair.cpp, select.cpp
  int select_task_rq_fair(Task& p, int prev_cpu, unsigned wake_flags);
  int select_idle_sibling(Task& p, int prev, int target);
  int select_idle_cpu(Task& p, const Domain& llc, bool has_idle_core, int target);
  int select_idle_core(const Task& p, int core_cpu, const cpu::CpuMask& span, int& idle_cpu);
  int select_idle_smt(const Task& p, const Domain& llc, int target);
  bool test_idle_cores(int cpu);
  void set_idle_cores(int cpu, bool value);
  void update_idle_core(Rq& rq);
  int wake_affine(const Domain& sd, const Task& p, int this_cpu, int prev_cpu, bool sync);
  bool wake_wide(const Task& p);
  void record_wakee(const Task& p);
  int find_dst_cpu(const Domain* sd, const Task& p, int cpu, int prev_cpu, std::uint32_t flag);
  const Group* find_dst_group(const Domain& sd, const Task& p, int this_cpu);
  int find_dst_group_cpu(const Group& group, const Task& p, int this_cpu);

  // rt.cpp
  int select_task_rq_rt(Task& p, int cpu);
  int find_lowest_rq(const Task& p);
  void wakeup_preempt_rt(Rq& rq, Task& p);
  void push_rt_tasks(Rq& rq);
  bool pull_rt_task(Rq& rq);
  void task_tick_rt(Rq& rq, Task& p);

  // load_balance.cpp
  // What came of a pass: unbalanced, though perhaps nothing could be moved.
  struct Pass {
    int moved = 0;
    bool unbalanced = false;
  };
  Co<int> sched_balance_rq(Rq& rq, const Domain& sd, CpuIdle idle, bool& continue_balancing);
  Pass balance_once(LbEnv& env, bool& continue_balancing);
  int move_tasks(LbEnv& env);
  [[nodiscard]] bool should_we_balance(const LbEnv& env);
  [[nodiscard]] bool is_core_idle(int cpu);
  void set_group_imbalance(const Domain& sd, bool value);
  [[nodiscard]] bool need_active_balance(const LbEnv& env);
  bool wants_active_balance(LbEnv& env, bool& pinned);
  static Co<> active_load_balance_cpu_stop(Scheduler& scheduler, Cpu& cpu, StopWork& work);

  // lb_stats.cpp
  DomainStats update_sd_lb_stats(const LbEnv& env);
  GroupStats update_sg_lb_stats(const LbEnv& env, const Group& group, bool local);
  Rq* find_src_rq(const LbEnv& env, const Group& group);
  [[nodiscard]] static bool reduced_capacity(const Rq& rq, const Domain& sd);
  [[nodiscard]] static bool runs_one_at_reduced_capacity(const Rq& rq, const Domain& sd);

  // detach.cpp
  bool can_migrate_task(const Task& p, LbEnv& env);
  void detach_tasks(LbEnv& env);
  Task* detach_one_task(LbEnv& env);
  void detach_task(Task& p, int cpu);
  void attach_task(Rq& rq, Task& p);
  void list_cfs_tasks(Rq& rq);

  // balance.cpp
  void init_balancing();
  bool wants_newidle_balance(Rq& rq);
  Co<> sched_balance_newidle(Rq& rq);
  Co<> sched_balance_domains(Rq& rq, CpuIdle idle);
  [[nodiscard]] Time interval_of(const Domain& sd, bool busy) const;
  void set_balance_interval(const Domain& sd, int ms);
  static void update_newidle_stats(DomainState& state, std::uint32_t success);
  bool update_newidle_cost(DomainState& state, Time cost, std::uint32_t success);
  DomainState& state_of(const Domain& sd) { return domain_state_[sd.id]; }
  CacheState& cache_state(int cpu) {
    return cache_state_[static_cast<std::size_t>(domains_->llc_id(cpu))];
  }
  // nohz_balance.cpp
  void nohz_balancer_kick(Rq& rq);
  [[nodiscard]] unsigned nohz_kick_flags(const Rq& rq);
  void nohz_balance_exit_idle(Rq& rq);
  void kick_ilb(unsigned flags);
  void nohz_csd_func(Rq& rq);
  void nohz_newidle_balance(Rq& rq);
  Co<> nohz_idle_balance(Rq& rq, unsigned flags);
  static bool update_nohz_stats(Rq& rq);

  // hotplug.cpp
  void rebuild_sched_domains();
  [[nodiscard]] bool belongs_to_its_cpu(const Task& p) const;
  [[nodiscard]] bool vacated(const Rq& rq) const;
  Co<> balance_push(Rq& rq);
  static Co<> balance_push_cpu_stop(Scheduler& scheduler, Cpu& cpu, StopWork& work);

  // policy.cpp
  Co<> wait_pi_lock(const Task& p);
  void change_policy(Task& p, Policy policy, int rt_priority, int nice, Time runtime);
  void check_class_changed(Task& p, Class old_class, int old_prio);
  template <class Change>
  void change_queued_task(Task& p, Change change);

  cpu::Machine& machine_;
  SchedConfig config_;
  cpu::CpuMask active_;
  cpu::CpuMask dying_;
  std::vector<StopWork> push_works_;       // push_work of each CPU
  std::shared_ptr<SchedDomains> domains_;  // who looks at them across a co_await holds them
  std::vector<std::unique_ptr<Rq>> rqs_;
  struct MaskOrder {
    bool operator()(const cpu::CpuMask& a, const cpu::CpuMask& b) const { return a.less(b); }
  };
  std::set<cpu::CpuMask, MaskOrder> masks_;  // every affinity mask in use, once: Task::cpus_ptr
  TaskList tasks_;
  std::vector<Stopper> stoppers_;
  const cpu::CpuMask* housekeeping_ = nullptr;
  const cpu::CpuMask* domain_cpus_ = nullptr;
  std::vector<CacheState> cache_state_;        // by llc id (lowest CPU)
  std::vector<DomainState> domain_state_;      // by Domain::id
  std::vector<std::uint8_t> group_imbalance_;  // by Group::id: sched_group_capacity::imbalance
  bool overloaded_ = false;                    // root_domain::overloaded: two tasks on some CPU
  bool balance_running_ = false;               // across nodes one balances at a time
  cpu::CpuMask lb_cpus_;                       // load_balance_mask: used within one instant
  std::vector<Task*> lb_tasks_;                // the same: tasks in the order of balancing
  std::vector<Task*> detached_;                // the same: lb_env::tasks
  cpu::CpuMask nohz_idle_;                     // nohz.idle_cpus_mask
  Time nohz_next_balance_ = 0;
  Time last_tick_;
  Time nohz_next_blocked_ = 0;
  bool nohz_has_blocked_ = false;
  bool nohz_needs_update_ = false;
  int rt_overloaded_ = 0;  // CPUs with two or more real-time tasks
  int nr_halted_ = 0;
  std::uint64_t nr_uninterruptible_ = 0;
};

}  // namespace kt::sched
