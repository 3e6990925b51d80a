// Executes the statements of a scenario: each body is a coroutine of the thread that runs it, each
// statement calls the kernel function of its name. Between two statements the thread can be
// interrupted, preempted or overtaken by other CPUs.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "models/fs/file_system.hpp"
#include "models/kthread/kthread.hpp"
#include "models/kthread/kthread_worker.hpp"
#include "models/locking/completion.hpp"
#include "models/locking/mutex.hpp"
#include "models/locking/spinlock.hpp"
#include "models/locking/wait.hpp"
#include "models/mm/memory.hpp"
#include "models/power/suspend.hpp"
#include "models/sched/scheduler.hpp"
#include "models/softirq/tasklet.hpp"
#include "models/timers/timers.hpp"
#include "models/hotplug/hotplug.hpp"
#include "models/workqueue/workqueues.hpp"
#include "sim/distribution.hpp"
#include "sim/random.hpp"
#include "tools/run/store_buffer.hpp"
#include "tools/scenario/scenario.hpp"

namespace kt::run {

using sched::Task;
using sim::Co;
using sim::Time;

/// The models that statements act on, and the objects that a scenario declares, by its indices.
struct Models {
  cpu::Machine& machine;
  sched::Scheduler& scheduler;
  softirq::Softirqs& softirqs;
  softirq::Tasklets& tasklets;
  timers::Timers& timers;
  locking::Waits& waits;
  locking::Completions& completions;
  locking::Mutexes& mutexes;
  locking::Spinlocks& spinlocks;
  kthread::Kthreads& kthreads;
  kthread::KthreadWorkers& workers;
  workqueue::Workqueues& workqueues;
  mm::Memory& memory;
  power::Suspend& suspend;
  kthread::SmpbootThreads& smpboot;
  hotplug::Hotplug& hotplug;
};

/// Where memory streams and disk requests go.
class Devices {
 public:
  virtual ~Devices() = default;
  /// Ends the CPU's stall when so many bytes have moved between the nodes.
  virtual void stream(std::int64_t bytes, int from_node, int to_node, cpu::Segment& stall) = 0;
  /// Completes `done` from the device's interrupt when the request is done.
  virtual void io(int disk, std::int64_t bytes, bool write, locking::Completion& done) = 0;
  /// The same for a request that is alone: through the disk's I/O scheduler, if it has one.
  virtual Co<> submit_bio(int disk, std::int64_t bytes, bool write, locking::Completion& done) = 0;
};

/// What the scenario's words mean to the models.
sched::Policy policy_of(scenario::Policy policy);
cpu::CpuMask mask_of(const scenario::CpuList& cpus, int nr_cpus);

/// A mark that a thread has passed.
struct Mark {
  Time time = 0;
  std::int32_t text = -1;  ///< index in Scenario::texts
};

class Interpreter {
 public:
  Interpreter(const scenario::Scenario& scenario, Models& models, std::uint64_t seed);
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  [[nodiscard]] sim::FramePool& frame_pool() const { return models_.machine.frame_pool(); }

  /// Runs a body as the current task; the value is that of its return statement.
  Co<int> run_body(Task& self, std::int32_t program);
  /// Runs a handler on top of whatever the current task does, as an interrupt or a softirq does.
  Co<> run_handler(std::int32_t program);

  /// The task behind an index into Scenario::threads; null while it does not exist.
  [[nodiscard]] Task* thread(std::int32_t index) const {
    return threads_[static_cast<std::size_t>(index)];
  }
  void set_thread(std::int32_t index, Task& task) {
    threads_[static_cast<std::size_t>(index)] = &task;
    constexpr std::size_t kMostDistributions = 1'000;  // beyond that nobody reads them one by one
    task.keep_distribution = threads_.size() <= kMostDistributions;
  }
  /// Creates the kthread of an index into Scenario::kthreads, with its CPU, mask and policy.
  Co<kthread::Created> create_kthread(std::int32_t index);
  /// The same before t = 0 (Kthreads::created_thread).
  void kthread_before_start(std::int32_t index);
  /// Registers the per-CPU threads, then the steps of CPU hotplug that the scenario declares; by the
  /// init task at t = 0.
  Co<> register_percpu_threads();
  Co<> setup_hotplug_states();
  /// Creates and starts the worker of an index into Scenario::kthread_workers.
  Co<> create_kthread_worker(std::int32_t index);

  [[nodiscard]] std::int64_t variable(std::int32_t index) const {
    return variables_[static_cast<std::size_t>(index)];
  }
  /// The same by code that runs on a CPU.
  [[nodiscard]] std::int64_t read_variable(std::int32_t index) const {
    const std::int64_t& variable = variables_[static_cast<std::size_t>(index)];
    models_.machine.touch(&variable, cpu::Access::kRead);
    const std::int64_t* own = stores_.empty() ? nullptr : buffer().find(&variable);
    return own != nullptr ? *own : variable;
  }
  /// What a read or a write of the variable touches.
  [[nodiscard]] const void* variable_object(std::int32_t index) const {
    return &variables_[static_cast<std::size_t>(index)];
  }
  /// The stores that wait in a CPU's buffer are seen now.
  void drain_stores(int cpu);
  [[nodiscard]] const std::vector<StoreBuffer::Seen>& seen_late() const { return seen_late_; }
  [[nodiscard]] const std::vector<Mark>& marks() const { return marks_; }
  [[nodiscard]] const std::vector<locking::Mutex>& mutexes() const { return mutexes_; }
  [[nodiscard]] const std::vector<locking::Spinlock>& spinlocks() const { return spinlocks_; }
  [[nodiscard]] const scenario::Scenario& scenario() const { return scenario_; }
  [[nodiscard]] Models& models() const { return models_; }
  void set_devices(Devices& devices) { devices_ = &devices; }
  void set_file_system(fs::FileSystem& file_system) { file_system_ = &file_system; }
  /// The task that runs the events: inside the kernel, as a write to a control file, so that
  /// between two statements it does not return to user mode.
  void set_control(const Task& control) { control_ = &control; }
  [[nodiscard]] const softirq::Tasklet& tasklet(std::int32_t index) const {
    return tasklets_[static_cast<std::size_t>(index)]->tasklet;
  }
  /// pending() of a kthread work, and of a work.
  [[nodiscard]] std::int64_t work_pending(std::int64_t argument) const;
  [[nodiscard]] std::int64_t queued_work_pending(std::int64_t argument) const;
  /// The queues and works that the scenario declares; once, when the kernel has booted.
  void make_workqueues();
  /// The devices and wakeup sources that it declares; once, after those.
  void make_devices();
  /// By their indices in the scenario.
  [[nodiscard]] const workqueue::WorkStats& work_stats(std::size_t index) const {
    return queued_works_[index].stats;
  }
  [[nodiscard]] const workqueue::WorkStats& workqueue_stats(std::size_t index) const {
    return workqueue_stats_[index];
  }
  [[nodiscard]] const workqueue::Workqueue& workqueue(std::size_t index) const {
    return *workqueues_[index];
  }
  /// The name of an object as traces show it.
  [[nodiscard]] std::uint32_t intern(std::string_view name) const {
    return models_.machine.trace().names().intern(name);
  }

 private:
  friend struct Environment;
  struct Frame;
  struct Until;

  [[nodiscard]] Time duration(const scenario::Op& op);
  [[nodiscard]] Task& existing(std::int32_t thread, const scenario::Op& op) const;
  void returned(const scenario::Op& op, std::string_view object, std::int64_t value);
  void returned(const scenario::Op& op, const Task& object, std::int64_t value);
  [[noreturn]] void defect(const scenario::Op& op, const std::string& what) const;
  void assign(Task& self, const scenario::Op& op);
  void store_variable(std::int32_t index, std::int64_t value) {
    models_.machine.touch(variable_object(index), cpu::Access::kStore);
    variables_[static_cast<std::size_t>(index)] = value;
  }
  void check_progress(const scenario::Op& op);
  [[nodiscard]] const StoreBuffer& buffer() const {
    return stores_[static_cast<std::size_t>(models_.machine.this_cpu().id())];
  }
  void drain_before(const scenario::Op& op);
  void drain_for_long(const scenario::Op& op);
  bool unlock_waits(Task& self, locking::Spinlock& lock, const scenario::Op& op);
  bool store_leaves(const Task& self, const scenario::Op& op);
  void oldest_leaves(const Task& self);
  void become_visible(int cpu, const StoreBuffer::Entry& entry);
  [[nodiscard]] bool store_waits(const Task& self);
  [[nodiscard]] bool in_user_mode(const Task& self) const;
  [[nodiscard]] bool leaves_kernel(const Task& self) const;
  Co<int> run_program(Frame frame);
  bool segment_of(const Frame& frame, const scenario::Op& op, cpu::Segment& segment);
  bool execute_inline(Frame& frame, const scenario::Op& op);
  void make_softirqs();
  void make_timers();
  void make_works();
  [[nodiscard]] std::int64_t evaluate(Task& self, std::int32_t expression);

  // Each group gives the coroutine of the statement, or an empty one if the verb is not of the group.
  Co<> execute(Frame& frame, const scenario::Op& op);
  Co<> execute_locking(Frame& frame, const scenario::Op& op);
  Co<> execute_kthread(Frame& frame, const scenario::Op& op);
  Co<> execute_softirq(Frame& frame, const scenario::Op& op);
  Co<> execute_worker(const scenario::Op& op);
  Co<> execute_workqueue(const scenario::Op& op);
  Co<> execute_memory(const scenario::Op& op);
  Co<> execute_power(const scenario::Op& op);
  Co<> execute_hotplug(const scenario::Op& op);

  Co<> cpu_updown(const scenario::Op& op, bool up);
  static Co<int> hotplug_callback(hotplug::Hotplug& hotplug, cpu::Cpu& cpu, void* body);
  static bool percpu_should_run(void* body, cpu::Cpu& cpu);
  template <std::int32_t scenario::PercpuThread::*program>
  static Co<> percpu_callback(void* body, cpu::Cpu& cpu);
  Co<> mem(const scenario::Op& op);
  Co<> io(const scenario::Op& op);
  Co<> alloc(const scenario::Op& op);
  Co<> free(const scenario::Op& op);
  Co<> write(const scenario::Op& op);
  Co<> cond_resched();
  Co<> wake(const scenario::Op& op);
  Co<> prepare_to_wait(Frame& frame, const scenario::Op& op);
  Co<> finish_wait(Frame& frame, const scenario::Op& op);
  Co<> wake_up(const scenario::Op& op, std::uint32_t mask, int nr_exclusive);
  Co<> wait_event(Frame& frame, const scenario::Op& op, std::uint32_t state);
  Co<> wait_for_completion(const scenario::Op& op);
  Co<> schedule_timeout(const scenario::Op& op);
  Co<> preempt_enable(Task& self, const scenario::Op& op);
  Co<> try_to_freeze();
  Co<> set_freezable();
  Co<int> freezable_body(Task& self, std::int32_t program);
  Co<> suspend(const scenario::Op& op);
  static Co<int> device_callback(void* body, power::Device& device, power::DevicePhase phase);
  Co<int> run_callback(std::int32_t program);
  Co<> kthread_create(const scenario::Op& op, bool run);
  Co<> kthread_stop(const scenario::Op& op);
  Co<> kthread_park(const scenario::Op& op);
  Co<> kthread_bind(const scenario::Op& op);
  Co<> sched_setscheduler(const scenario::Op& op);
  Co<> set_cpus_allowed(const scenario::Op& op);
  Co<> tasklet_schedule(const scenario::Op& op);
  Co<> mod_timer(const scenario::Op& op);
  Co<> del_timer(const scenario::Op& op, bool sync);
  Co<> start_hrtimer(const scenario::Op& op);
  [[nodiscard]] kthread::KthreadWorker& worker(const scenario::Op& op, std::int32_t index) const;
  [[nodiscard]] kthread::KthreadDelayedWork& work_of(const scenario::Op& op);
  Co<> queue_work(const scenario::Op& op);
  Co<> queue_delayed_work(const scenario::Op& op);
  Co<> cancel_work(const scenario::Op& op);
  [[nodiscard]] workqueue::DelayedWork& queued_work_of(const scenario::Op& op);
  [[nodiscard]] workqueue::Workqueue& workqueue_of(const scenario::Op& op) const;
  [[nodiscard]] workqueue::Workqueue& workqueue_at(std::int32_t index, const scenario::Op& op) const;
  Co<> alloc_workqueue(const scenario::Op& op);
  Co<> set_workqueue_attrs(const scenario::Op& op);
  Co<> set_unbound_cpumask(const scenario::Op& op);
  void init_work(std::size_t declared, std::size_t instance);
  void reinit_work(const scenario::Op& op);
  Co<> queue_work_on(const scenario::Op& op);
  Co<> queue_delayed_work_on(const scenario::Op& op);
  Co<> returned_by(const scenario::Op& op, Co<bool> call);
  static Co<> queued_work_body(workqueue::Workqueues& workqueues, workqueue::Work& work);
  static Co<> work_body(kthread::KthreadWorkers& workers, kthread::KthreadWork& work);
  static bool until_true(const void* object);
  static Co<int> kthread_body(kthread::Kthreads& kthreads, Task& self, void* data);
  static Co<> softirq_body(void* body, cpu::Cpu& cpu);
  static Co<> tasklet_body(softirq::Tasklets& tasklets, softirq::Tasklet& tasklet);
  static Co<> timer_body(timers::Timers& timers, timers::KernelTimer& timer);
  static Co<bool> hrtimer_body(timers::Timers& timers, timers::KernelHrtimer& timer, cpu::Cpu& cpu);

  const scenario::Scenario& scenario_;
  Models& models_;
  Devices* devices_ = nullptr;
  fs::FileSystem* file_system_ = nullptr;
  const Task* control_ = nullptr;
  std::vector<std::int64_t> variables_;
  std::vector<locking::WaitQueue> waitqueues_;
  std::vector<locking::Completion> completions_;
  std::vector<locking::Mutex> mutexes_;
  std::vector<locking::Spinlock> spinlocks_;
  std::vector<Task*> threads_;
  struct Body {
    Interpreter* interpreter = nullptr;
    std::int32_t index = -1;
  };
  std::vector<Body> kthread_bodies_;
  // The instances of one declared work, and which of them the bare name queues next.
  struct ScenarioWork {
    Body body;
    std::vector<std::unique_ptr<kthread::KthreadDelayedWork>> instances;
    std::size_t next = 0;
  };
  struct PercpuKind {
    Body body;
    kthread::HotplugThread descriptor;
  };
  std::deque<PercpuKind> percpu_kinds_;
  std::deque<Body> hotplug_bodies_;  // of callbacks: index of the program
  std::vector<kthread::KthreadWorker*> workers_;
  std::vector<ScenarioWork> works_;
  // As ScenarioWork, for the works of workqueues.
  struct QueuedWork {
    Body body;
    std::vector<std::unique_ptr<workqueue::DelayedWork>> instances;
    std::size_t next = 0;
    workqueue::WorkStats stats;
  };
  std::vector<workqueue::Workqueue*> workqueues_;
  std::vector<workqueue::WorkStats> workqueue_stats_;
  std::deque<QueuedWork> queued_works_;
  std::vector<Body> device_bodies_;
  std::vector<power::WakeupSource*> wakeup_sources_;
  std::vector<Body> softirq_bodies_;
  struct ScenarioTasklet {
    softirq::Tasklet tasklet;
    Body body;
  };
  std::vector<std::unique_ptr<ScenarioTasklet>> tasklets_;
  struct ScenarioTimer {
    timers::KernelTimer timer;
    Body body;
  };
  struct ScenarioHrtimer {
    timers::KernelHrtimer timer;
    Body body;
  };
  std::vector<std::unique_ptr<ScenarioTimer>> timers_;
  std::vector<std::unique_ptr<ScenarioHrtimer>> hrtimers_;
  struct Draw {
    sim::Distribution distribution;
    sim::RandomStream stream;
  };
  std::vector<Draw> durations_;
  std::vector<Mark> marks_;
  std::vector<StoreBuffer> stores_;  // one a CPU; none: every store is seen at once
  std::vector<StoreBuffer::Seen> seen_late_;
  std::uint64_t steps_without_time_ = 0;
  Time last_step_ = -1;
};

}  // namespace kt::run
