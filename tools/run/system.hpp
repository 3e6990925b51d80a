// A scenario brought to life: the simulated machine with its kernel, booted, and the scenario's
// threads on it. Built, run once and thrown away.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/boot/background.hpp"
#include "models/boot/boot.hpp"
#include "models/cpu/cpu.hpp"
#include "models/cpu/speed.hpp"
#include "models/cpufreq/cpufreq.hpp"
#include "models/power/suspend.hpp"
#include "models/softirq/softirq.hpp"
#include "models/softirq/tasklet.hpp"
#include "models/workqueue/remote_tick.hpp"
#include "sim/simulation.hpp"
#include "sim/trace.hpp"
#include "tools/run/devices.hpp"
#include "tools/run/disk_writer.hpp"
#include "tools/run/energy.hpp"
#include "tools/run/interpreter.hpp"
#include "tools/run/irq_sources.hpp"
#include "tools/run/watchdog.hpp"
#include "tools/scenario/scenario.hpp"

namespace kt::run {

struct SystemOptions {
  std::optional<std::uint64_t> seed;  ///< instead of the scenario's
  std::optional<Time> duration;       ///< instead of the scenario's
  int start_cpu = 0;                  ///< where the init task runs at t = 0
  Time tick_offset = 0;               ///< t = 0 lies so many ns after a tick
  bool visit_each_step = false;       ///< visit SimGrid at every event (for tests)
  bool threads_exist = false;  ///< kthreads were created before t = 0: their first wakeups are left
};

class FreezeFailures;

/// How a run ended.
enum class Ending : std::uint8_t {
  kDone,      ///< the duration has passed, or nothing could happen any more
  kWatchdog,  ///< a watchdog's threshold passed
  kDefect,    ///< the simulated code did what it must not
};

class System {
 public:
  /// `scenario` and `trace` must outlive the system. Throws sim::UserError.
  System(const scenario::Scenario& scenario, sim::Trace& trace, const SystemOptions& options);
  ~System();
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  /// Runs to the end. InternalError passes through, with where it happened added.
  void run();
  /// Runs until `when` and stops there (ktsim ps --at).
  void run_until(Time when);
  /// With threads_exist: runs up to the first wakeup of a thread of the scenario, where an
  /// exploration begins.
  void run_to_first_wakeup();
  /// The same as run(), from there on, in pieces: each ends at `limit`, or is ended from outside
  /// (Calendar::stop), if that comes first; then conclude() once.
  void advance(Time limit);
  void conclude();

  [[nodiscard]] sim::FramePool& frame_pool() const { return machine_->frame_pool(); }
  [[nodiscard]] Ending ending() const { return ending_; }
  /// Since when nothing could happen any more (every CPU idle, no timer armed, nothing under way);
  /// kNever if something still could at the end.
  [[nodiscard]] Time nothing_since() const { return nothing_since_; }
  /// What a defect or a watchdog says; empty otherwise.
  [[nodiscard]] const std::string& message() const { return message_; }
  /// Which watchdog it was; kNone if none.
  [[nodiscard]] Watchdog::Alarm alarm() const { return watchdog_->alarm(); }
  [[nodiscard]] Time now() { return simulation_.calendar().now(); }
  [[nodiscard]] Time horizon() const { return horizon_; }
  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  [[nodiscard]] const scenario::Scenario& scenario() const { return scenario_; }
  [[nodiscard]] cpu::Machine& machine() { return *machine_; }
  [[nodiscard]] sched::Scheduler& scheduler() { return *scheduler_; }
  [[nodiscard]] workqueue::Workqueues& workqueues() { return *workqueues_; }
  [[nodiscard]] Interpreter& interpreter() { return *interpreter_; }
  [[nodiscard]] const power::Suspend& suspend() const { return *suspend_; }
  [[nodiscard]] const FreezeFailures& freeze_failures() const { return *freeze_failures_; }
  [[nodiscard]] const mm::Memory& memory() const { return *memory_; }
  [[nodiscard]] const softirq::Softirqs& softirqs() const { return *softirqs_; }
  /// Null if the frequencies are fixed.
  [[nodiscard]] cpufreq::Cpufreq* cpufreq() { return cpufreq_.get(); }
  /// Null unless the machine says what its CPUs draw.
  [[nodiscard]] const Energy* energy() const { return energy_.get(); }
  [[nodiscard]] const hotplug::Hotplug& hotplug() const { return *hotplug_; }
  [[nodiscard]] const irq::Irqs& irqs() const { return *irqs_; }
  [[nodiscard]] sim::Trace& trace() { return trace_; }
  [[nodiscard]] sim::Calendar& calendar() { return simulation_.calendar(); }
  /// Tasks that the scenario declares and that exist: kthreads, workers, user tasks.
  [[nodiscard]] std::vector<Task*> scenario_threads();
  /// Whether a thread of the scenario is what runs the events.
  [[nodiscard]] Task& control() { return *control_; }

 private:
  Co<> control_body();
  Co<> task_body(Task& self, std::int32_t index);
  void boot(int start_cpu);
  void make_speeds();
  void make_cpufreq();
  void make_file_system();
  void make_background();
  static void nothing_left(void* self);
  void go(Time until);

  const scenario::Scenario& scenario_;
  sim::Trace& trace_;
  std::uint64_t seed_;
  Time horizon_;
  sim::Simulation simulation_;
  std::unique_ptr<cpu::Machine> machine_;
  std::unique_ptr<cpu::CpuSpeeds> speeds_;
  std::unique_ptr<sched::Scheduler> scheduler_;
  std::unique_ptr<softirq::Softirqs> softirqs_;
  std::unique_ptr<softirq::Tasklets> tasklets_;
  std::unique_ptr<timers::Timers> timers_;
  std::unique_ptr<locking::Waits> waits_;
  std::unique_ptr<locking::Completions> completions_;
  std::unique_ptr<locking::Mutexes> mutexes_;
  std::unique_ptr<locking::Spinlocks> spinlocks_;
  std::unique_ptr<kthread::Kthreads> kthreads_;
  std::unique_ptr<kthread::KthreadWorkers> workers_;
  std::unique_ptr<workqueue::Workqueues> workqueues_;
  std::unique_ptr<kthread::SmpbootThreads> smpboot_;
  std::unique_ptr<rcu::Rcu> rcu_;
  std::unique_ptr<mm::Memory> memory_;
  std::unique_ptr<power::Suspend> suspend_;
  std::unique_ptr<boot::Boot> boot_;
  std::unique_ptr<irq::Irqs> irqs_;
  std::unique_ptr<hotplug::Hotplug> hotplug_;
  std::unique_ptr<cpufreq::Cpufreq> cpufreq_;
  std::unique_ptr<Models> models_;
  std::unique_ptr<Interpreter> interpreter_;
  std::unique_ptr<IrqSources> irq_sources_;
  std::unique_ptr<PlatformDevices> devices_;
  std::unique_ptr<Energy> energy_;
  std::unique_ptr<DiskWriter> disk_writer_;
  std::unique_ptr<fs::FileSystem> file_system_;
  std::unique_ptr<workqueue::RemoteTick> remote_tick_;  // null: no CPU goes without a tick
  std::unique_ptr<boot::Background> background_;
  std::unique_ptr<Watchdog> watchdog_;
  std::unique_ptr<FreezeFailures> freeze_failures_;
  std::vector<std::unique_ptr<locking::Completion>> gates_;  // user tasks wait here until t = 0
  bool threads_exist_;
  Task* control_ = nullptr;
  Ending ending_ = Ending::kDone;
  Time nothing_since_ = sim::kNever;
  std::string message_;
};

/// The cost table that a scenario's machine asks for.
cpu::CostTable cost_table(const scenario::Machine& machine);
cpu::TopologySpec topology_spec(const scenario::Machine& machine);

}  // namespace kt::run
