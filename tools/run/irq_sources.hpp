// The devices that interrupt: each entry of a scenario's `irqs` as an interrupt of the machine, its
// handlers run by the interpreter, its arrivals on the calendar.
#pragma once

#include <deque>

#include "models/irq/irq.hpp"
#include "sim/calendar.hpp"
#include "tools/run/arrivals.hpp"
#include "tools/run/interpreter.hpp"

namespace kt::run {

class IrqSources {
 public:
  /// Requests the interrupts, in file order, before t = 0. Throws sim::UserError for a file that is
  /// not what it should be, for CPUs without a vector left, and for a run without an end (`horizon`
  /// kNever: until nothing is left to happen) whose devices never fall silent.
  IrqSources(Interpreter& interpreter, irq::Irqs& irqs, sim::Calendar& calendar, std::uint64_t seed,
             Time horizon);
  IrqSources(const IrqSources&) = delete;
  IrqSources& operator=(const IrqSources&) = delete;

  /// Devices that have not signalled for the last time.
  [[nodiscard]] std::size_t armed() const { return armed_; }

  // While the machine is off the devices' time goes on, and that of the calendar does not:
  // power::OutsideHook.
  /// How long until one signals that wakes the machine; kNever: none will. Its name.
  static Time next_wakeup(void* self, std::uint32_t& name);
  static void slept(void* self, Time time);

 private:
  struct Source {
    IrqSources* owner;
    const scenario::Irq* spec;
    irq::Irq* irq;
    Arrivals arrivals;
    sim::EventId event;
    Time due = sim::kNever;  ///< by the device's time
  };
  static void woke(void* source, std::uint64_t);
  static void arrived(void* source, std::uint64_t);
  static Co<> handler(irq::Irqs& irqs, irq::Irq& irq);
  static Co<> thread_function(irq::Irqs& irqs, irq::Irq& irq);
  void arm(Source& source);

  Interpreter& interpreter_;
  irq::Irqs& irqs_;
  sim::Calendar& calendar_;
  std::deque<Source> sources_;
  std::size_t armed_ = 0;
  Time slept_ = 0;  // how far the devices' time is ahead of the calendar's
};

}  // namespace kt::run
