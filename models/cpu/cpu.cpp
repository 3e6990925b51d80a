#include "models/cpu/cpu.hpp"

#include <algorithm>
#include <bit>

#include "sim/error.hpp"

namespace kt::cpu {

// One interrupt in progress. Frames are recycled: the coroutine of each loops for ever, from one
// interrupt to the next that takes the frame.
struct Cpu::IrqFrame {
  Cpu* cpu = nullptr;
  ThreadInfo* interrupted_task = nullptr;
  Segment* interrupted = nullptr;
  IrqFrame* next_free = nullptr;
  sim::Co<> loop;
};

// Gives the frame back and goes on with the interrupted segment, on the CPU where its task is now.
struct Cpu::ReturnFromInterrupt {
  IrqFrame* frame;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const {
    Cpu& cpu = *frame->cpu;
    Segment& segment = *frame->interrupted;
    frame->next_free = cpu.machine_->free_irq_frames_;
    cpu.machine_->free_irq_frames_ = frame;
    if (segment.halt) {
      --cpu.machine_->signals_in_flight_;
      cpu.probed_code(segment);
      return segment.handle;
    }
    return cpu.begin(segment);
  }
  void await_resume() const noexcept {}
};

namespace {

// One interrupt: entry, handler, softirqs, and the preemption that a return may bring. arch/x86:
// sysvec_*(), kernel/entry/common.c: irqentry_enter() and irqentry_exit().
sim::Co<> interrupt(Machine& machine, Cpu& cpu, std::size_t vector, bool user) {
  ThreadInfo& current = *cpu.current;
  const bool reschedule = vector == static_cast<std::size_t>(Vector::kReschedule);
  // The reschedule vector takes the short way in and out: no irq_enter(), no softirqs.
  if (!reschedule) current.preempt_count += kHardirqOffset;
  co_await cpu.run(cpu.costs().irq_entry);
  if (cpu.tick_stopped && !reschedule)
    machine.hooks.tick_irq_enter.call(machine.hooks.tick_irq_enter.object, cpu);
  const InterruptHooks::Hook& handler = machine.hooks.vectors[vector];
  co_await handler.body(handler.object, cpu);
  co_await cpu.run(cpu.costs().irq_exit);
  if (!reschedule) {
    current.preempt_count -= kHardirqOffset;
    if (cpu.softirq_pending != 0 && !cpu.in_interrupt()) {
      co_await machine.hooks.softirq.body(machine.hooks.softirq.object, cpu);
    }
    if (machine.hooks.tick_irq_exit.call != nullptr && !cpu.in_hardirq()) [[unlikely]]
      machine.hooks.tick_irq_exit.call(machine.hooks.tick_irq_exit.object, cpu);
  }
  if (user) {
    co_await machine.hooks.exit_to_user.body(machine.hooks.exit_to_user.object, cpu);
  } else if (machine.full_preemption && current.need_resched && current.preempt_count == 0) {
    co_await machine.hooks.preempt.body(machine.hooks.preempt.object, cpu);
  }
}

}  // namespace

sim::Co<> irq_loop(Machine& machine, Cpu::IrqFrame& frame) {
  for (;;) {
    if (frame.interrupted->halt) {
      ++machine
            .signals_in_flight_;  // until the idle loop goes on: who looks must not see it halted
      frame.cpu->local_irq_disable();
      co_await frame.cpu->run(frame.cpu->costs().idle_exit);
    }
    while (frame.cpu->pending_ != 0) {
      Cpu& cpu = *frame.cpu;
      const auto vector = static_cast<std::size_t>(std::countr_zero(cpu.pending_));
      cpu.pending_ &= cpu.pending_ - 1;
      if (cpu.pending_ == 0) --machine.signals_in_flight_;
      cpu.local_irq_disable();
      co_await interrupt(machine, cpu, vector, frame.interrupted->user);
      frame.cpu = frame.interrupted_task->cpu;  // it may have been switched out and moved
      frame.cpu->local_irq_enable();
    }
    co_await Cpu::ReturnFromInterrupt{&frame};
  }
}

std::coroutine_handle<> Segment::await_suspend(std::coroutine_handle<> waiting) {
  handle = waiting;
  return cpu->begin(*this);
}

Cpu::Cpu(Machine& machine, int id) : machine_(&machine), id_(id) {}

// A segment is one step of its CPU: the code behind it. What takes no time belongs to the step
// before.
bool Cpu::probed_ready(Segment& segment) {
  const bool no_time = segment.time == 0 && !segment.absolute;
  if (no_time && !interrupt_due()) return true;
  segment.step = probe_->segment_begins(*this);
  if (segment.time != sim::kNever) segment.time += cost_of(probe_->stall(segment.step));
  if (interrupt_due() || segment.time == sim::kNever) return false;
  const Time end = segment.absolute ? segment.time : now() + wall_time(segment.time);
  if (end > now() && !machine_->calendar().advance_inline(end)) return false;
  probe_->code_begins(*this, segment.step);
  return true;
}

// Starts or continues a segment: what is due first, an interrupt or time, decides.
std::coroutine_handle<> Cpu::begin(Segment& segment) {
  KT_ASSERT(running_ == nullptr, "CPU {} runs two segments at once", id_);
  segment.cpu = this;
  if (interrupt_due()) return enter_interrupt(segment);
  running_ = &segment;
  if (segment.time == sim::kNever) return std::noop_coroutine();
  running_end_ = segment.absolute ? std::max(segment.time, now()) : now() + wall_time(segment.time);
  if (running_end_ == now() || machine_->calendar().advance_inline(running_end_)) {
    running_ = nullptr;
    probed_code(segment);
    return segment.handle;
  }
  running_event_ = machine_->calendar().at(running_end_, &Cpu::segment_ended, this);
  return std::noop_coroutine();
}

void Cpu::segment_ended(void* self, std::uint64_t) {
  Cpu& cpu = *static_cast<Cpu*>(self);
  Segment& segment = *cpu.running_;
  cpu.running_ = nullptr;
  cpu.machine_->this_cpu_ = &cpu;
  if (segment.halt) --cpu.machine_->signals_in_flight_;
  cpu.probed_code(segment);
  segment.handle.resume();
}

void Cpu::pause(Segment& segment) {
  if (segment.halt && segment.time != sim::kNever) --machine_->signals_in_flight_;
  if (segment.time != sim::kNever && !segment.absolute) segment.time = cost_of(running_end_ - now());
  machine_->calendar().cancel(running_event_);
  running_ = nullptr;
}

void Cpu::set_speed(std::uint32_t speed) {
  KT_ASSERT(speed != 0 && speed <= kFullSpeed, "CPU {} at speed {}", id_, speed);
  if (speed == speed_) return;
  const bool timed =
      running_ != nullptr && running_->time != sim::kNever && !running_->absolute;
  const Time left = timed ? cost_of(running_end_ - now()) : 0;
  speed_ = speed;
  if (!timed) return;
  machine_->calendar().cancel(running_event_);
  running_end_ = now() + wall_time(left);
  running_event_ = machine_->calendar().at(running_end_, &Cpu::segment_ended, this);
}

std::coroutine_handle<> Cpu::enter_interrupt(Segment& interrupted) {
  IrqFrame* frame = machine_->free_irq_frames_;
  if (frame == nullptr) {
    machine_->irq_frames_.push_back(std::make_unique<IrqFrame>());
    frame = machine_->irq_frames_.back().get();
    frame->loop = irq_loop(*machine_, *frame);
  } else {
    machine_->free_irq_frames_ = frame->next_free;
  }
  frame->cpu = this;
  frame->interrupted_task = current;
  frame->interrupted = &interrupted;
  return frame->loop.handle();
}

void Cpu::raise(Vector vector) {
  if (probe_ != nullptr) [[unlikely]] {
    const Time late = probe_->interrupt_arrives(*this, static_cast<unsigned>(vector));
    if (late != 0) {
      ++machine_->signals_in_flight_;
      machine_->calendar().at(now() + late, &Cpu::late_arrival, this,
                              static_cast<std::uint64_t>(vector));
      return;
    }
  }
  deliver(vector);
}

void Cpu::disable_interrupt_controller() {
  apic_disabled_ = true;
  if (pending_ != 0) --machine_->signals_in_flight_;
  pending_ = 0;
}

// What is pending and not taken yet is under way: who looks must not think that nothing can happen.
void Cpu::deliver(Vector vector) {
  if (apic_disabled_) {
    machine_->hooks.signal_lost.call(machine_->hooks.signal_lost.object);
    return;
  }
  if (pending_ == 0) ++machine_->signals_in_flight_;
  pending_ |= 1U << static_cast<unsigned>(vector);
  if (running_ == nullptr || irqs_off_) return;
  Segment& interrupted = *running_;
  machine_->this_cpu_ = this;
  pause(interrupted);
  enter_interrupt(interrupted).resume();
}

void Cpu::late_arrival(void* self, std::uint64_t vector) {
  Cpu& cpu = *static_cast<Cpu*>(self);
  --cpu.machine_->signals_in_flight_;
  cpu.deliver(static_cast<Vector>(vector));
}

void Cpu::ipi_arrived(void* self, std::uint64_t vector_and_cause) {
  Cpu& cpu = *static_cast<Cpu*>(self);
  --cpu.machine_->signals_in_flight_;
  if (cpu.probe_ != nullptr)
    cpu.probe_->signalled_by(cpu, static_cast<std::uint32_t>(vector_and_cause >> 32));
  cpu.raise(static_cast<Vector>(static_cast<std::uint8_t>(vector_and_cause)));
}

void Cpu::send_ipi(Cpu& target, Vector vector) {
  ++machine_->signals_in_flight_;
  const std::uint64_t cause = probe_ != nullptr ? probe_->current_step() : 0;
  machine_->calendar().at(now() + machine_->ipi_latency(id_, target.id_), &Cpu::ipi_arrived,
                          &target, cause << 32 | static_cast<std::uint64_t>(vector));
}

void Cpu::release(Segment& spinning, Time cost) {
  Cpu& cpu = *spinning.cpu;
  cost += cpu.cost_of(cpu.probed_stall(spinning));
  spinning.time = cost;
  if (cpu.running_ != &spinning) return;  // interrupted: goes on when the interrupt returns
  cpu.running_end_ = cpu.now() + cpu.wall_time(cost);
  cpu.running_event_ = cpu.machine_->calendar().at(cpu.running_end_, &Cpu::segment_ended, &cpu);
}

void Cpu::end_halt(Time cost) {
  if (!halted() || running_->time != sim::kNever) return;
  ++machine_->signals_in_flight_;
  cost += cost_of(probed_stall(*running_));
  running_->time = cost;
  running_end_ = now() + wall_time(cost);
  running_event_ = machine_->calendar().at(running_end_, &Cpu::segment_ended, this);
}

void Cpu::append(trace::Event event, const std::array<std::uint64_t, 5>& arguments) {
  if (!online) [[unlikely]]  // include/linux/tracepoint.h: the condition of every tracepoint
    return;
  sim::TraceRecord& record = machine_->trace().append();
  record.time = now();
  record.comm = current->comm;
  record.pid = current->pid;
  record.cpu = static_cast<std::uint16_t>(id_);
  record.event = static_cast<std::uint16_t>(event);
  const std::uint32_t count = current->preempt_count;
  record.flags =
      static_cast<std::uint8_t>((irqs_off_ ? trace::kIrqsOff : 0) |
                                (softirq_count() >= kSoftirqDisableOffset ? trace::kBhOff : 0) |
                                (current->need_resched ? trace::kNeedResched : 0) |
                                (current->resched_folded ? trace::kPreemptNeedResched : 0) |
                                ((count & kHardirqMask) != 0 ? trace::kHardirq : 0) |
                                (serving_softirq() ? trace::kSoftirq : 0));
  record.preempt_depth = static_cast<std::uint8_t>(count & kPreemptMask);
  record.arguments = arguments;
}

Machine::Machine(sim::Calendar& calendar, Topology topology, const CostTable& costs,
                 sim::Trace& trace)
    : calendar_(calendar),
      topology_(std::move(topology)),
      costs_(costs),
      trace_(trace),
      online_(topology_.possible()) {
  cpus_.reserve(static_cast<std::size_t>(topology_.nr_cpus()));
  for (int id = 0; id < topology_.nr_cpus(); ++id) cpus_.emplace_back(*this, id);
  this_cpu_ = &cpus_[0];
}

Machine::~Machine() = default;

void Machine::set_probe(Probe* probe) {
  for (Cpu& cpu : cpus_) cpu.probe_ = probe;
}

void Cpu::started(void* self, std::uint64_t code) {
  Cpu& cpu = *static_cast<Cpu*>(self);
  cpu.machine_->this_cpu_ = &cpu;
  std::coroutine_handle<>::from_address(reinterpret_cast<void*>(code)).resume();
}

void Machine::start_cpu(Cpu& cpu, std::coroutine_handle<> code) {
  calendar_.at(calendar_.now(), &Cpu::started, &cpu,
               reinterpret_cast<std::uint64_t>(code.address()));
}

namespace {

// One of four figures, by how near two CPUs are.
Time by_distance(const Topology& topology, int from, int to, Time smt, Time llc, Time node,
                 Time remote) {
  if (topology.core_of(from) == topology.core_of(to)) return smt;
  if (topology.llc_of(from) == topology.llc_of(to)) return llc;
  if (topology.node_of(from) == topology.node_of(to)) return node;
  // A farther node costs more, in proportion to the distance table (local 10, one hop 20 or so).
  const int distance = topology.distance(topology.node_of(from), topology.node_of(to));
  return remote * std::max(distance, 20) / 20;
}

}  // namespace

Time Machine::ipi_latency(int from, int to) const {
  return by_distance(topology_, from, to, costs_.ipi_smt, costs_.ipi_llc, costs_.ipi_node,
                     costs_.ipi_remote);
}

Time Machine::handover(int from, int to) const {
  return by_distance(topology_, from, to, costs_.handover_smt, costs_.handover_llc,
                     costs_.handover_node, costs_.handover_remote);
}

Time Machine::cold_cache(int from, int to) const {
  return by_distance(topology_, from, to, 0, costs_.cold_llc, costs_.cold_node, costs_.cold_remote);
}

}  // namespace kt::cpu
