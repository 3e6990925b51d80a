// Timers of the machine (kernel/time/): on each CPU three timer wheels, the hrtimer queues and the
// clock event device that they program, the tick with nohz idle, and the sleeps built on them. While
// every CPU idles, wheel timers that are not pinned are served by one CPU for all of them.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "models/sched/scheduler.hpp"
#include "models/softirq/softirq.hpp"
#include "models/timers/hrtimer_queue.hpp"
#include "models/timers/jiffies.hpp"
#include "models/timers/timer_wheel.hpp"

namespace kt::timers {

using cpu::Cpu;
using sched::Task;
using sim::Co;
using sim::Time;

class Timers;

/// What RCU (a layer above) wants of the tick: kernel/rcu/tree.c: rcu_sched_clock_irq (true: raise
/// the RCU softirq) and rcu_needs_cpu (true: an idle CPU keeps its tick).
struct RcuHook {
  void* object = nullptr;
  bool (*sched_clock_irq)(void* object, Cpu& cpu) = nullptr;
  bool (*needs_cpu)(void* object, Cpu& cpu) = nullptr;
};

/// struct timer_list: a wheel timer with its function.
struct KernelTimer : Timer {
  using Function = Co<> (*)(Timers& timers, KernelTimer& timer);
  Function function = nullptr;
  void* object = nullptr;
  std::uint32_t function_name = 0;  ///< NameTable id
  std::uint64_t address = 0;        ///< stable token for traces
};

/// struct hrtimer with its function, which returns whether to start it again (after moving expires).
struct KernelHrtimer : Hrtimer {
  using Function = Co<bool> (*)(Timers& timers, KernelHrtimer& timer, Cpu& cpu);
  Function function = nullptr;
  void* object = nullptr;
  std::uint32_t function_name = 0;
  std::uint64_t address = 0;
  bool pinned = false;
  bool hard = false;  ///< HRTIMER_MODE_HARD: in hardirq even under PREEMPT_RT
  bool soft_mode = false;  ///< HRTIMER_MODE_SOFT
  bool running = false;
};

/// MAX_SCHEDULE_TIMEOUT
inline constexpr Jiffies kMaxScheduleTimeout = INT64_MAX;

class Timers {
 public:
  Timers(sched::Scheduler& scheduler, softirq::Softirqs& softirqs, const Ticks& ticks);
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;
  ~Timers();

  /// The variable, which stands still while nobody brings it up to date (jiffies.cpp).
  [[nodiscard]] Jiffies jiffies() const { return jiffies_; }
  [[nodiscard]] const Ticks& ticks() const { return ticks_; }
  [[nodiscard]] sim::FramePool& frame_pool() const { return machine_.frame_pool(); }
  [[nodiscard]] cpu::Machine& machine() const { return machine_; }
  [[nodiscard]] sched::Scheduler& scheduler() const { return scheduler_; }
  /// Wheel timers and hrtimers that are armed; ticks and deferrable timers not counted.
  [[nodiscard]] std::size_t armed() const { return armed_; }

  // Wheel timers -----------------------------------------------------------------------------------
  /// True if it was pending. kernel/time/timer.c: mod_timer
  Co<bool> mod_timer(KernelTimer& timer, Jiffies expires);
  /// Arms a timer that is not pending, on this CPU, in no time of its own. kernel/time/timer.c:
  /// add_timer
  void add_timer(KernelTimer& timer, Jiffies expires);
  /// The same on one CPU before the run starts: without an event.
  void boot_timer(KernelTimer& timer, Jiffies expires, int cpu = 0);
  /// The same for the base that an idle CPU leaves to others, and for the base of one CPU.
  /// kernel/time/timer.c: add_timer_global, add_timer_on
  Co<> add_timer_global(KernelTimer& timer, Jiffies expires);
  Co<> add_timer_on(KernelTimer& timer, int cpu, Jiffies expires);
  /// True if it was pending. kernel/time/timer.c: timer_delete
  bool del_timer(KernelTimer& timer);
  /// The same, and waits for the callback if it runs. kernel/time/timer.c: timer_delete_sync
  Co<bool> del_timer_sync(KernelTimer& timer);

  // hrtimers ---------------------------------------------------------------------------------------
  /// Decides where an hrtimer expires: in hardirq, or in the HRTIMER softirq if it is `soft`, or
  /// under PREEMPT_RT if it is not `hard`. Before its first start. kernel/time/hrtimer.c:
  /// __hrtimer_init
  void hrtimer_init(KernelHrtimer& timer, bool soft) const;
  /// Starts (or moves) it to expire at `at` (its base's clock), at the latest `range` later.
  void hrtimer_start(KernelHrtimer& timer, Time at, Time range);
  /// The same for a pinned timer of any CPU before the run starts.
  void boot_hrtimer(KernelHrtimer& timer, int cpu, Time at);
  /// True if it was queued. Waits while its callback runs elsewhere. kernel/time/hrtimer.c:
  /// hrtimer_cancel
  Co<bool> hrtimer_cancel(KernelHrtimer& timer);

  // Sleeps. The caller has set its state where the kernel's would have
  // ------------------------------
  /// Jiffies left, 0 if the timeout passed. kernel/time/timer.c: schedule_timeout
  Co<Jiffies> schedule_timeout(Jiffies timeout);
  /// 0 if the timer fired, else -EINTR. kernel/time/hrtimer.c: schedule_hrtimeout_range
  Co<int> schedule_hrtimeout_range(Time at, Time range);
  /// kernel/time/timer.c: msleep, usleep_range_state
  Co<> msleep(Time duration);
  Co<int> usleep_range(Time least, Time most);
  /// schedule_timeout_uninterruptible()
  Co<Jiffies> schedule_timeout_uninterruptible(Jiffies timeout);

  RcuHook rcu_hook;

  // CPU hotplug (hotplug.cpp): what a CPU that goes away leaves to others
  /// The tick of a dying CPU ends, and its hrtimers go to `target`; on the dying CPU, interrupts off.
  /// kernel/time/hrtimer.c: hrtimers_cpu_dying, kernel/time/tick-common.c: tick_cpu_dying
  void tick_cpu_dying(Cpu& dying);
  /// Not the CPU that counts jiffies for those of nohz_full=. kernel/time/tick-sched.c
  [[nodiscard]] bool tick_nohz_cpu_hotpluggable(int cpu) const {
    return !full_ticks() || do_timer_cpu_ != cpu;
  }
  void hrtimers_cpu_dying(Cpu& dying, Cpu& target);
  /// The hrtimers of a CPU can be used again. kernel/time/hrtimer.c: hrtimers_cpu_starting
  void hrtimers_cpu_starting(Cpu& cpu);
  /// The wheel timers of a dead CPU go to this one. kernel/time/timer.c: timers_dead_cpu
  void timers_dead_cpu(int dead);
  /// The wheels of a CPU that comes back start at the present. kernel/time/timer.c:
  /// timers_prepare_cpu
  void timers_prepare_cpu(int cpu);
  /// How many timers have been moved so.
  struct Moved {
    std::uint64_t timers = 0;
    std::uint64_t hrtimers = 0;
  };
  [[nodiscard]] const Moved& moved() const { return moved_; }

  /// A token for a timer on the stack of a task.
  [[nodiscard]] static std::uint64_t stack_address(const Task& p);

 private:
  // Per CPU: wheels, hrtimers and the device.
  struct Base {
    Base(Cpu& cpu_, Jiffies now);
    Cpu* cpu;
    std::array<TimerWheel, kTimerBases> wheels;
    HrtimerQueue hrtimers;
    KernelHrtimer tick;  // tick_cpu_sched.sched_timer
    Time programmed = sim::kNever;
    sim::EventId event;
    bool oneshot = true;           ///< TS_FLAG_NOHZ: its tick may stop
    Jiffies last_tick_jiffies = 0;
    unsigned stalled_jiffies = 0;  ///< ticks that have found jiffies where the one before left them
    bool softirq_activated = false;  ///< the HRTIMER softirq is on its way
    locking::RtMutex softirq_expiry_lock;                     // PREEMPT_RT, as the next ones
    std::array<locking::RtMutex, kTimerBases> expiry_locks;
    unsigned waiters = 0;  ///< who wait for a callback here, by way of those locks
    Jiffies remote_expiry = 0;  // key in remote_, 0: none
    int hrtimer_target = -1;    // offline: who has taken its hrtimers
  };
  [[nodiscard]] Base& base(int cpu) { return *bases_[static_cast<std::size_t>(cpu)]; }
  [[nodiscard]] TimerWheel& wheel(Base& base, TimerBaseKind kind) {
    return base.wheels[static_cast<std::size_t>(kind)];
  }

  Co<int> hrtimer_sleep(Task& current, Time at, Time range, bool until_expiry);

  // hrtimer.cpp
  void program(Base& base);
  void cancels(const KernelTimer& timer) const;
  Base& hrtimer_target(const KernelHrtimer& timer);
  static void device_fired(void* base, std::uint64_t);
  static Co<> hrtimer_interrupt(void* self, Cpu& cpu);
  static Co<> hrtimer_run_softirq(void* self, Cpu& cpu);
  Co<> run_hrtimers(Base& base, Cpu& cpu, unsigned mask);
  Co<> wait_for_expiry(Base& base, locking::RtMutex& lock);
  Co<> yield_to_waiters(Base& base, locking::RtMutex& lock);

  // wheel.cpp
  void enqueue(KernelTimer& timer, Jiffies expires, int cpu);
  static Co<> run_timer_softirq(void* self, Cpu& cpu);
  Co<> run_timers(Cpu& cpu, Base& base, TimerBaseKind kind);
  [[nodiscard]] bool timers_due(Base& base);

  // jiffies.cpp
  void update_jiffies(Time now);
  void do_timer(Base& base, Time now);
  void drop_do_timer(const Base& base);
  void appoint_timekeeper();
  [[nodiscard]] bool full_ticks() const { return !scheduler_.config().tick_full.empty(); }
  [[nodiscard]] bool keeps_time(const Base& base) const;
  static void tick_irq_enter(void* self, Cpu& cpu);

  // tick.cpp
  static Co<bool> tick_handler(Timers& timers, KernelHrtimer& timer, Cpu& cpu);
  void restart_tick(Base& base);
  void arm_tick(Base& base);
  static void start_tick(void* self, Cpu& cpu);
  static void stop_tick(void* self, Cpu& cpu, bool got_tick);
  static void idle_exit(void* self, Cpu& cpu);
  static void tick_irq_exit(void* self, Cpu& cpu);
  void stop_tick_of(Base& base, bool idle);
  void full_update_tick(Base& base);
  void need_tick(Base& base);
  [[nodiscard]] bool can_stop_full_tick(const Base& base);
  static void raise_sched_softirq(void* self, Cpu& cpu);
  void publish_global(Base& base);
  void retract_global(Base& base);
  [[nodiscard]] Jiffies next_wheel_event(Base& base, bool serve_all, Jiffies now);

  cpu::Machine& machine_;
  sched::Scheduler& scheduler_;
  softirq::Softirqs& softirqs_;
  locking::RtMutexes rt_;
  Ticks ticks_;
  Jiffies jiffies_;
  Time next_period_;       // tick_next_period
  int do_timer_cpu_ = -1;  // tick_do_timer_cpu, -1: nobody
  std::vector<std::unique_ptr<Base>> bases_;
  std::set<std::pair<Jiffies, int>> remote_;  // first global expiry of each idle CPU
  cpu::CpuMask busy_;                         // CPUs whose tick runs
  std::size_t armed_ = 0;
  Moved moved_;
  std::uint32_t process_timeout_name_ = 0;
  std::uint32_t hrtimer_wakeup_name_ = 0;
};

}  // namespace kt::timers
