// A scenario, resolved: what load() makes of a JSON file. Everything refers to everything else by
// index, so that nothing is looked up by name during a run; names are kept for traces and reports.
// Each object knows where it stands in the file (`origin`, an index into Scenario::origins).
// An index of -1 means "not given".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/time.hpp"
#include "tools/scenario/duration.hpp"
#include "tools/scenario/expression.hpp"
#include "tools/scenario/machine.hpp"
#include "tools/scenario/program.hpp"

namespace kt::scenario {

/// A place in the scenario file, or in an option that overrides it.
struct Origin {
  std::string pointer;  ///< JSON pointer, "" is the whole file
  std::string file;     ///< the scenario, a machine preset, or "--set /pointer=value"
  std::int32_t line = 0;
  std::int32_t column = 0;
};

/// A name without further properties: mutexes, spinlocks, completions, waitqueues.
struct Named {
  std::string name;
  std::uint32_t origin = 0;
};

struct Variable {
  std::string name;
  std::int64_t initial = 0;
  bool plain = false;  ///< not for use without other synchronisation: explore looks for data races
  std::uint32_t origin = 0;
};

/// Policy and priority of a thread; a priority (1 to 99) only with kFifo and kRr, else 0.
struct Scheduling {
  Policy policy = Policy::kNormal;
  std::int32_t priority = 0;
  std::int32_t nice = 0;  ///< -20 to 19
};

enum class Start : std::uint8_t {
  kRun,     ///< kthread_run at t = 0, in file order
  kCreate,  ///< created at t = 0 and not woken
  kNone,    ///< a statement creates it
};

struct Kthread {
  std::string name;
  std::int32_t program = -1;
  Start start = Start::kRun;
  std::int32_t cpu = -1;   ///< kthread_bind, or kthread_create_on_cpu
  std::int32_t node = -1;  ///< kthread_create_on_node
  CpuList cpus;            ///< affinity; empty: all
  Scheduling scheduling;
  bool freezable = false;
  std::uint32_t origin = 0;
};

struct Task {
  std::string name;
  std::int32_t program = -1;
  std::int32_t cpu = -1;
  CpuList cpus;
  Scheduling scheduling;
  std::uint32_t origin = 0;
};

struct KthreadWorker {
  std::string name;
  std::int32_t cpu = -1;
  Scheduling scheduling;
  bool freezable = false;
  std::uint32_t origin = 0;
};

struct KthreadWork {
  std::string name;
  std::int32_t worker = -1;
  std::int32_t program = -1;
  std::int32_t count = 1;  ///< instances
  bool delayed = false;
  std::uint32_t origin = 0;
};

/// Flags of alloc_workqueue, in the kernel's words.
struct WorkqueueFlags {
  bool unbound = false;
  bool freezable = false;
  bool mem_reclaim = false;
  bool highpri = false;
  bool cpu_intensive = false;
  bool sysfs = false;
  bool power_efficient = false;
  bool bh = false;
};

struct Workqueue {
  std::string name;
  bool system = false;  ///< created by workqueue_init_early, not by the scenario
  WorkqueueFlags flags;
  std::int32_t max_active = 0;  ///< 0: the kernel's default
  bool ordered = false;         ///< alloc_ordered_workqueue
  std::int32_t nice = kNiceUnchanged;
  CpuList cpus;  ///< empty: not set
  AffinityScope affinity_scope = AffinityScope::kDefault;
  bool affinity_strict = false;
  bool absent = false;  ///< "start": "none": a statement allocates it
  std::uint32_t origin = 0;
};

struct Work {
  std::string name;
  std::int32_t workqueue = 0;  ///< default: "events", which is always index 0
  std::int32_t program = -1;
  std::int32_t count = 1;  ///< instances
  bool delayed = false;
  bool init = true;  ///< INIT_WORK() was called before t = 0
  std::uint32_t origin = 0;
};

/// A smpboot thread: one instance "name/CPU" for each CPU.
struct PercpuThread {
  std::string name;
  std::int32_t should_run = -1;  ///< [expressions]
  std::int32_t program = -1;
  std::int32_t park = -1;  ///< [programs], as the next three
  std::int32_t unpark = -1;
  std::int32_t setup = -1;
  std::int32_t cleanup = -1;
  bool selfparking = false;
  std::uint32_t origin = 0;
};

/// A step of CPU hotplug (cpuhp_setup_state): callbacks that run for each CPU, which a return
/// statement with an error can fail.
struct HotplugState {
  std::string name;
  bool online = true;          ///< CPUHP_AP_ONLINE_DYN, in cpuhp/N; else CPUHP_BP_PREPARE_DYN
  bool invoke = true;          ///< the startup also runs at t = 0
  std::int32_t startup = -1;   ///< [programs]
  std::int32_t teardown = -1;  ///< [programs]
  std::uint32_t origin = 0;
};

/// When an interrupt arrives.
struct Arrival {
  enum class Kind : std::uint8_t {
    kPoisson,   ///< rate
    kPeriodic,  ///< every period, each arrival late by a draw of jitter
    kAt,        ///< times
    kTrace,     ///< the times in `file`
    kMmpp,  ///< Poisson at rates[i] while in state i, for an exponential dwell[i]; then the next
  };
  Kind kind = Kind::kPoisson;
  double rate = 0;  ///< events a second
  sim::Time period = 0;
  std::int32_t jitter = -1;  ///< [durations]
  std::vector<sim::Time> times;
  std::string file;
  std::vector<double> rates;     ///< events a second
  std::vector<sim::Time> dwell;  ///< mean
};

struct Irq {
  std::string name;
  std::int32_t cpu = -1;
  CpuList cpus;
  Arrival arrival;
  std::int32_t program = -1;   ///< the hardirq handler; -1: only wakes the thread
  std::int32_t threaded = -1;  ///< body of the thread function; -1: not threaded
  bool wake = false;           ///< it ends a suspend (enable_irq_wake)
  std::uint32_t origin = 0;
};

/// The callbacks of a device's driver, in the order in which a suspend calls them.
inline constexpr std::array<std::string_view, 8> kDevicePhases{
    "prepare",      "suspend",      "suspend_late", "suspend_noirq",
    "resume_noirq", "resume_early", "resume",       "complete"};

/// A device, as power management sees it. Order is that of the kernel's list: parents first.
struct Device {
  std::string name;
  std::int32_t parent = -1;  ///< [devices]
  bool async = false;        ///< its callbacks run on kworkers
  std::array<std::int32_t, kDevicePhases.size()> programs{-1, -1, -1, -1, -1, -1, -1, -1};
  std::uint32_t origin = 0;
};

struct Softirq {
  std::string name;
  std::int32_t vector = 0;  ///< kernel/softirq.c: softirq_to_name
  std::int32_t program = -1;
  std::uint32_t origin = 0;
};

struct Tasklet {
  std::string name;
  bool highpri = false;  ///< HI_SOFTIRQ instead of TASKLET_SOFTIRQ
  std::int32_t program = -1;
  std::uint32_t origin = 0;
};

/// A timer of the wheel (timer_setup). Armed by mod_timer only.
struct Timer {
  std::string name;
  std::int32_t program = -1;
  bool pinned = false;
  bool deferrable = false;
  std::uint32_t origin = 0;
};

/// A high-resolution timer. Armed by start_hrtimer only.
struct Hrtimer {
  std::string name;
  std::int32_t program = -1;
  sim::Time period = 0;  ///< the handler restarts it (HRTIMER_RESTART) after so long; 0: one shot
  bool pinned = false;
  bool soft = false;  ///< expires in HRTIMER_SOFTIRQ
  std::uint32_t origin = 0;
};

/// What the control task does at `time`. Events are in time order, equal times in file order.
struct Event {
  sim::Time time = 0;
  std::int32_t program = -1;
  std::uint32_t origin = 0;
};

enum class ThreadKind : std::uint8_t {
  kKthread,        ///< index in kthreads
  kTask,           ///< index in tasks
  kKthreadWorker,  ///< index in kthread_workers: the worker's kthread
  kPercpuThread,   ///< index in percpu_threads, instance of `cpu`
  kKthreadd,       ///< PID 2
};

/// A thread that a statement can name. Order: kthreads, tasks, kthread workers, per-CPU threads
/// (thread by thread, CPU by CPU), kthreadd.
struct ThreadName {
  std::string name;
  ThreadKind kind = ThreadKind::kKthread;
  std::int32_t index = -1;
  std::int32_t cpu = -1;
};

enum class Comparison : std::uint8_t {
  kLess,
  kLessEqual,
  kEqual,
  kNotEqual,
  kGreaterEqual,
  kGreater
};

enum class Property : std::uint8_t {
  kTerminates,
  kLostWakeup,
  kDeadlock,
  kHungTask,
  kWorkqueueStall,
  kSoftLockup,
  kStarvation,
  kFreezeFailure,
  kUseAfterFree,
};

/// An assertion that is checked at the end.
struct Expectation {
  enum class Kind : std::uint8_t {
    kLatency,  ///< work, quantile, comparison, value ns
    kWorkers,  ///< workqueue, comparison (<= for "max", >= for "min"), value
    kNever,    ///< property
    kAlways,   ///< property
    kCount,    ///< text: the trace event; work or thread; comparison, value
    kOrder,    ///< texts, in order: "mark TEXT" or a trace event
  };
  Kind kind = Kind::kNever;
  std::int32_t work = -1;
  std::int32_t workqueue = -1;
  std::int32_t thread = -1;
  double quantile = -1;  ///< 0 minimum … 1 maximum; -1: the mean
  Property property = Property::kTerminates;
  Comparison comparison = Comparison::kLess;
  std::int64_t value = 0;
  std::string text;
  std::vector<std::string> texts;
  std::uint32_t origin = 0;
};

struct Scenario {
  std::string file;  ///< as given, for messages
  std::string name;
  std::string description;
  std::uint64_t seed = 1;
  sim::Time duration = sim::kNever;  ///< kNever: "idle", until nothing is left to happen
  Machine machine;
  Kernel kernel;

  std::vector<Variable> variables;
  std::vector<Named> mutexes;
  std::vector<Named> spinlocks;
  std::vector<Named> completions;
  std::vector<Named> waitqueues;
  std::vector<Workqueue> workqueues;  ///< the system's first, "events" is 0
  std::vector<Work> works;
  std::vector<KthreadWorker> kthread_workers;
  std::vector<KthreadWork> kthread_works;
  std::vector<Kthread> kthreads;
  std::vector<PercpuThread> percpu_threads;
  std::vector<HotplugState> hotplug_states;
  std::vector<Task> tasks;
  std::vector<Irq> irqs;
  std::vector<Device> devices;
  std::vector<Named> wakeup_sources;
  std::vector<Softirq> softirqs;
  std::vector<Tasklet> tasklets;
  std::vector<Timer> timers;
  std::vector<Hrtimer> hrtimers;
  std::vector<Event> events;
  std::vector<Expectation> expect;
  std::optional<std::vector<std::string>> trace_events;  ///< patterns; unset: all

  // what the above refers to
  std::vector<Program> programs;
  std::vector<Expression> expressions;
  std::vector<Duration> durations;
  std::vector<CpuList> cpu_sets;
  std::vector<std::string> texts;
  std::vector<ThreadName> threads;
  std::vector<Origin> origins;  ///< 0 is the whole file

  /// "file:line:column: /json/pointer", or "--set …: /json/pointer" for a value from an option.
  [[nodiscard]] std::string where(std::uint32_t origin) const;
};

}  // namespace kt::scenario
