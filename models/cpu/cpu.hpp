// A CPU: what runs on it now, and what interrupts it. Kernel code occupies the CPU in segments
// (`co_await cpu.run(cost)`); an interrupt pauses the segment, runs its handler on top, and the
// segment goes on with what was left. Interrupts are taken only inside a segment that runs with
// interrupts enabled: between two segments code is atomic, as if interrupts were off.
//
// The contexts of one task form a stack: the task's own code, above it the frame of an interrupt
// that hit it (handler, softirqs at irq exit, preemption). A task that is preempted on irq return
// is switched out inside that frame and takes it along, as in the kernel.
//
// Nothing here knows the scheduler. The layers above register what runs for each vector and at irq
// exit (InterruptHooks).
#pragma once

#include <array>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "models/bugs.hpp"
#include "models/cpu/costs.hpp"
#include "models/cpu/cpu_mask.hpp"
#include "models/cpu/probe.hpp"
#include "models/cpu/topology.hpp"
#include "models/trace/events.hpp"
#include "sim/calendar.hpp"
#include "sim/chooser.hpp"
#include "sim/co.hpp"
#include "sim/trace.hpp"

namespace kt::cpu {

class Cpu;
class CpuSpeeds;
class Machine;

/// include/linux/preempt.h: one word counts preempt_disable(), softirq and hardirq nesting.
inline constexpr std::uint32_t kPreemptOffset = 1;
inline constexpr std::uint32_t kPreemptMask = 0xff;
inline constexpr std::uint32_t kSoftirqOffset = 0x100;
inline constexpr std::uint32_t kSoftirqDisableOffset = 2 * kSoftirqOffset;
inline constexpr std::uint32_t kSoftirqMask = 0xff00;
inline constexpr std::uint32_t kHardirqOffset = 0x10000;
inline constexpr std::uint32_t kHardirqMask = 0xf0000;

/// ns between two looks of a busy-waiting CPU at what another CPU holds or runs.
inline constexpr Time kSpinPoll = 50;

/// What a CPU has to know of the task that runs on it (struct thread_info and a name for traces).
struct ThreadInfo {
  Cpu* cpu = nullptr;  ///< where it runs, or ran last, or is queued (thread_info::cpu)
  std::uint32_t preempt_count = 0;
  std::uint32_t softirq_disable_cnt = 0;  ///< PREEMPT_RT: the softirq part of preempt_count
  std::int32_t pid = 0;
  std::uint32_t comm = 0;     ///< NameTable id; the trace prefix prints <idle> for pid 0
  bool need_resched = false;  ///< TIF_NEED_RESCHED
  bool resched_folded =
      false;  ///< also folded into the preempt count: set locally, or the IPI came
};

/// Interrupt vectors, in order of x86 priority (arch/x86/include/asm/irq_vectors.h): lowest bit
/// first.
enum class Vector : std::uint8_t { kReschedule, kCallFunctionSingle, kLocalTimer, kDevice, kCount };

/// What a CPU gets done, in 65,536ths of what the cost table assumes: its highest frequency, the core
/// to itself.
inline constexpr std::uint32_t kFullSpeed = 1U << 16;

/// A stretch of CPU time that some coroutine waits for. Lives in the waiting coroutine's frame.
struct Segment {
  Cpu* cpu = nullptr;
  Time time = 0;  ///< ns left at full speed, or (absolute) when it ends; kNever: at release() or, for halt, at an
                  ///< interrupt
  bool absolute = false;  ///< ends at the instant `time`, however long it was interrupted
  bool halt = false;
  bool user = false;       ///< user mode: an interrupt returns by way of exit_to_user_mode
  std::uint32_t step = 0;  ///< the id of its step in a probed run
  std::coroutine_handle<> handle{};

  bool await_ready();
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting);
  void await_resume() const noexcept {}
};

/// What the layers above run at an interrupt. All on the interrupted CPU.
struct InterruptHooks {
  using Body = sim::Co<> (*)(void* object, Cpu& cpu);
  struct Hook {
    Body body = nullptr;
    void* object = nullptr;
  };
  std::array<Hook, static_cast<std::size_t>(Vector::kCount)> vectors{};
  Hook softirq;       ///< irq_exit with softirqs pending (kernel/softirq.c: invoke_softirq)
  Hook preempt;       ///< preempt_schedule_irq(): need_resched at depth 0 on irq return
  /// Before the handler, on a CPU without a tick (kernel/softirq.c: irq_enter_rcu, tick_irq_enter).
  struct {
    void (*call)(void* object, Cpu& cpu) = nullptr;
    void* object = nullptr;
  } tick_irq_enter;
  /// Behind each interrupt and its softirqs (kernel/softirq.c: tick_irq_exit); null: nothing.
  struct {
    void (*call)(void* object, Cpu& cpu) = nullptr;
    void* object = nullptr;
  } tick_irq_exit;
  Hook exit_to_user;  ///< need_resched or a signal on return to user mode
  /// A signal has come to a CPU that is dead: who waits until nothing is under way looks again.
  struct {
    void (*call)(void* object) = nullptr;
    void* object = nullptr;
  } signal_lost;
};

class Cpu {
 public:
  Cpu(Machine& machine, int id);
  Cpu(Cpu&&) = default;

  [[nodiscard]] int id() const { return id_; }
  [[nodiscard]] Machine& machine() const { return *machine_; }
  [[nodiscard]] const CostTable& costs() const;
  [[nodiscard]] sim::FramePool& frame_pool() const;
  [[nodiscard]] Time now() const;

  /// Occupies the CPU for `cost` ns of its own time; interruptible if interrupts are enabled.
  Segment run(Time cost) { return {this, cost}; }
  /// The same in user mode: preemptible at every interrupt, under every preemption model.
  Segment run_user(Time cost) { return {.cpu = this, .time = cost, .user = true}; }
  /// Occupies the CPU until the instant `until`, interrupts included.
  Segment run_until(Time until) { return {.cpu = this, .time = until, .absolute = true}; }
  /// Occupies the CPU until somebody calls release() on the segment (name it before the co_await).
  Segment spin() { return {this, sim::kNever}; }
  /// Idles until an interrupt has been handled, or end_halt().
  Segment halt() { return {.cpu = this, .time = sim::kNever, .halt = true}; }

  /// Ends a spin: it goes on `cost` ns of CPU time later. From any CPU, any context.
  static void release(Segment& spinning, Time cost);
  /// Ends a halt without an interrupt (a polling idle loop saw its flag) after `cost` ns.
  void end_halt(Time cost);
  [[nodiscard]] bool in_user_mode() const { return running_ != nullptr && running_->user; }
  [[nodiscard]] bool halted() const { return running_ != nullptr && running_->halt; }

  /// Interrupts off and on. Pending ones are taken at the next segment.
  void local_irq_disable() { irqs_off_ = true; }
  void local_irq_enable() { irqs_off_ = false; }
  [[nodiscard]] bool irqs_disabled() const { return irqs_off_; }

  /// From here on; what runs now goes on at that speed. 1 … kFullSpeed
  void set_speed(std::uint32_t speed);
  [[nodiscard]] std::uint32_t speed() const { return speed_; }

  /// The interrupt controller's request: taken now if a segment runs with interrupts enabled.
  /// From a calendar event, or from code that runs on this very CPU.
  void raise(Vector vector);
  /// From here on interrupts do not get to the CPU, and those that it has not taken are lost: a CPU
  /// that is dead. arch/x86/kernel/apic/apic.c: apic_soft_disable
  void disable_interrupt_controller();
  void enable_interrupt_controller() { apic_disabled_ = false; }
  /// Sends an IPI to `target`; it arrives after a delay that depends on the distance.
  void send_ipi(Cpu& target, Vector vector);

  void preempt_disable() { current->preempt_count += kPreemptOffset; }
  void preempt_enable_no_resched() { current->preempt_count -= kPreemptOffset; }
  /// raw_spin_lock_irqsave(), but for contention: interrupts and preemption off. Whether interrupts
  /// were off before, for unlock_irqrestore(). What was woken meanwhile may run after that: the
  /// caller asks Scheduler::should_resched().
  [[nodiscard]] bool lock_irqsave() {
    preempt_disable();
    return std::exchange(irqs_off_, true);
  }
  void unlock_irqrestore(bool irqs_were_off) {
    preempt_enable_no_resched();
    irqs_off_ = irqs_were_off;
  }
  /// Softirqs that are served or off, in the units of preempt_count (softirq_count).
  [[nodiscard]] std::uint32_t softirq_count() const {
    return (current->preempt_count & kSoftirqMask) | current->softirq_disable_cnt;
  }
  [[nodiscard]] bool in_interrupt() const {
    return (current->preempt_count & kHardirqMask) != 0 || softirq_count() != 0;
  }
  [[nodiscard]] bool in_hardirq() const { return (current->preempt_count & kHardirqMask) != 0; }
  [[nodiscard]] bool serving_softirq() const { return (softirq_count() & kSoftirqOffset) != 0; }
  /// Neither interrupt nor preempt_disable: in_task() and preemptible but for irqs.
  [[nodiscard]] bool preemptible() const { return current->preempt_count == 0 && !irqs_off_; }

  /// Appends a trace record stamped with this CPU's state. Costs a bit test when it is not wanted.
  template <class... Arguments>
  void trace(trace::Event event, Arguments... arguments) {
    if (!traced(event)) [[likely]]
      return;
    append(event, {static_cast<std::uint64_t>(arguments)...});
  }
  [[nodiscard]] bool traced(trace::Event event) const;

  ThreadInfo* current = nullptr;      ///< the task on this CPU
  std::uint32_t softirq_pending = 0;  ///< one bit a vector (irq_cpustat_t)
  std::uint32_t irq_work = 0;         ///< softirqs that other CPUs want raised here, a bit a vector
  bool polling = false;  ///< TIF_POLLING_NRFLAG: idle, and sees need_resched without an IPI
  bool tick_stopped = false;  ///< TS_FLAG_STOPPED: an interrupt may find jiffies stale
  bool got_idle_tick = false;  ///< the tick has come while it idled
  bool online = true;    ///< cpu_online(): tracepoints of a CPU that is not are not recorded

  /// Says to whoever explores that the code which runs now uses what other CPUs use too.
  void touch(const void* object, Access access) const {
    if (probe_ != nullptr) [[unlikely]]
      probe_->touched(object, access);
  }
  /// Likewise, that it disarms a timer.
  void cancels(Time due) const {
    if (probe_ != nullptr) [[unlikely]]
      probe_->cancelled(due);
  }

 private:
  friend struct Segment;
  friend class Machine;
  struct IrqFrame;
  friend sim::Co<> irq_loop(Machine& machine, IrqFrame& frame);
  struct ReturnFromInterrupt;

  /// ns that `cost` takes at the present speed, and the reverse.
  [[nodiscard]] Time wall_time(Time cost) const {
    if (speed_ == kFullSpeed) [[likely]]
      return cost;
    return static_cast<Time>((static_cast<__int128>(cost) * kFullSpeed + speed_ - 1) / speed_);
  }
  [[nodiscard]] Time cost_of(Time wall_time) const {
    if (speed_ == kFullSpeed) [[likely]]
      return wall_time;
    return static_cast<Time>(static_cast<__int128>(wall_time) * speed_ / kFullSpeed);
  }
  [[nodiscard]] bool interrupt_due() const { return pending_ != 0 && !irqs_off_; }
  bool probed_ready(Segment& segment);
  void probed_code(const Segment& segment) {
    if (probe_ != nullptr) [[unlikely]]
      probe_->code_begins(*this, segment.step);
  }
  [[nodiscard]] Time probed_stall(const Segment& segment) {
    if (probe_ == nullptr) [[likely]]
      return 0;
    probe_->signalled(*this);
    return probe_->stall(segment.step);
  }
  void deliver(Vector vector);
  std::coroutine_handle<> begin(Segment& segment);
  std::coroutine_handle<> enter_interrupt(Segment& interrupted);
  void pause(Segment& segment);
  void append(trace::Event event, const std::array<std::uint64_t, 5>& arguments);
  static void segment_ended(void* self, std::uint64_t);
  static void ipi_arrived(void* self, std::uint64_t vector_and_cause);
  static void late_arrival(void* self, std::uint64_t vector);
  static void started(void* self, std::uint64_t code);

  Machine* machine_;
  Probe* probe_ = nullptr;
  int id_;
  bool irqs_off_ = false;
  std::uint32_t pending_ = 0;
  bool apic_disabled_ = false;
  std::uint32_t speed_ = kFullSpeed;
  Segment* running_ = nullptr;
  Time running_end_ = 0;
  sim::EventId running_event_;
};

/// Packs two 32-bit values into one argument of a record, the first in the upper half.
constexpr std::uint64_t pack(std::uint32_t high, std::int64_t low) {
  return std::uint64_t{high} << 32 | static_cast<std::uint32_t>(low);
}

/// What all CPUs of one machine share.
class Machine {
 public:
  Machine(sim::Calendar& calendar, Topology topology, const CostTable& costs, sim::Trace& trace);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  [[nodiscard]] sim::Calendar& calendar() { return calendar_; }
  [[nodiscard]] Time now() const { return calendar_.now(); }
  [[nodiscard]] const Topology& topology() const { return topology_; }
  [[nodiscard]] const CostTable& costs() const { return costs_; }
  [[nodiscard]] sim::Trace& trace() { return trace_; }
  [[nodiscard]] sim::FramePool& frame_pool() { return frames_; }
  [[nodiscard]] Cpu& cpu(int id) { return cpus_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] int nr_cpus() const { return static_cast<int>(cpus_.size()); }

  /// The CPU whose code the simulator executes now (smp_processor_id). Changes across a co_await in
  /// code that can be preempted.
  [[nodiscard]] Cpu& this_cpu() { return *this_cpu_; }
  void touch(const void* object, Access access) const { this_cpu_->touch(object, access); }
  /// Occupies the CPU that this code runs on.
  Segment run(Time cost) { return this_cpu_->run(cost); }

  /// cpu_online_mask
  [[nodiscard]] const CpuMask& online_mask() const { return online_; }
  void set_cpu_online(int id, bool online) {
    cpu(id).online = online;
    online_.assign(id, online);
  }

  /// IPIs on their way, and idle CPUs that have been told to wake or handle an interrupt.
  [[nodiscard]] int signals_in_flight() const { return signals_in_flight_; }

  /// Starts the code of a CPU at t = 0, or now.
  void start_cpu(Cpu& cpu, std::coroutine_handle<> code);

  /// Cost of an IPI's way, of a lock's handover and of a cold cache between two CPUs.
  [[nodiscard]] Time ipi_latency(int from, int to) const;
  [[nodiscard]] Time handover(int from, int to) const;
  [[nodiscard]] Time cold_cache(int from, int to) const;

  InterruptHooks hooks;
  Bugs bugs;                        ///< put back on purpose
  sim::Chooser* chooser = nullptr;  ///< null in a timed run
  CpuSpeeds* speeds = nullptr;      ///< null: every CPU is always as fast as it can be
  /// Has every CPU's steps numbered, told and perhaps stalled by `probe`; null: no more.
  void set_probe(Probe* probe);
  bool full_preemption = false;  ///< preempt=full: irq return and preempt_enable() reschedule

 private:
  friend class Cpu;
  friend sim::Co<> irq_loop(Machine& machine, Cpu::IrqFrame& frame);
  sim::Calendar& calendar_;
  Topology topology_;
  CostTable costs_;
  sim::Trace& trace_;
  sim::FramePool frames_;
  std::vector<Cpu> cpus_;
  std::vector<std::unique_ptr<Cpu::IrqFrame>> irq_frames_;
  Cpu::IrqFrame* free_irq_frames_ = nullptr;
  Cpu* this_cpu_ = nullptr;
  CpuMask online_;
  int signals_in_flight_ = 0;
};

inline const CostTable& Cpu::costs() const {
  return machine_->costs();
}
inline sim::FramePool& Cpu::frame_pool() const {
  return machine_->frame_pool();
}
inline Time Cpu::now() const {
  return machine_->now();
}
inline bool Cpu::traced(trace::Event event) const {
  return machine_->trace().enabled(static_cast<std::uint16_t>(event));
}

inline bool Segment::await_ready() {
  if (cpu->probe_ != nullptr) [[unlikely]]
    return cpu->probed_ready(*this);
  if (cpu->interrupt_due() || time == sim::kNever) [[unlikely]]
    return false;
  const Time end = absolute ? time : cpu->now() + cpu->wall_time(time);
  if (end <= cpu->now()) return true;
  return cpu->machine().calendar().advance_inline(end);
}

}  // namespace kt::cpu
