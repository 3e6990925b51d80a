#include "tools/run/irq_sources.hpp"

#include "sim/error.hpp"

namespace kt::run {

IrqSources::IrqSources(Interpreter& interpreter, irq::Irqs& irqs, sim::Calendar& calendar,
                       std::uint64_t seed, Time horizon)
    : interpreter_(interpreter), irqs_(irqs), calendar_(calendar) {
  const scenario::Scenario& scenario = interpreter.scenario();
  for (const scenario::Irq& spec : scenario.irqs) {
    if (horizon == sim::kNever && Arrivals::endless(spec.arrival)) {
      throw sim::UserError(fmt::format(
          "{}: this interrupt never falls silent, and the run lasts until nothing is left to "
          "happen; expected a \"duration\"",
          scenario.where(spec.origin)));
    }
    Source& source =
        sources_.emplace_back(Source{this, &spec, nullptr, Arrivals(scenario, spec, seed), {}});
    const scenario::CpuList cpus = spec.cpu >= 0 ? scenario::CpuList{spec.cpu} : spec.cpus;
    source.irq = &irqs.request_irq({.name = spec.name,
                                    .handler = spec.program >= 0 ? &handler : nullptr,
                                    .thread_fn = spec.threaded >= 0 ? &thread_function : nullptr,
                                    .object = &source,
                                    .affinity = mask_of(cpus, scenario.machine.cpus)});
    source.irq->wakes = spec.wake;
    arm(source);
  }
}

void IrqSources::arm(Source& source) {
  source.due = source.arrivals.next();
  if (source.due == sim::kNever) return;
  ++armed_;
  source.event = calendar_.at(source.due - slept_, &arrived, &source);
}

Time IrqSources::next_wakeup(void* self, std::uint32_t& name) {
  IrqSources& sources = *static_cast<IrqSources*>(self);
  Time next = sim::kNever;
  for (const Source& source : sources.sources_) {
    if (!source.irq->wakes || source.due == sim::kNever) continue;
    const Time in = source.due - sources.slept_ - sources.calendar_.now();
    if (in >= next) continue;
    next = in;
    name = source.irq->name;
  }
  return next;
}

// What a device wanted while the machine was off is lost, but for that it woke the machine.
void IrqSources::slept(void* self, Time time) {
  IrqSources& sources = *static_cast<IrqSources*>(self);
  sources.slept_ += time;
  const Time now = sources.calendar_.now();
  for (Source& source : sources.sources_) {
    if (source.due == sim::kNever) continue;
    sources.calendar_.cancel(source.event);
    --sources.armed_;
    const bool missed = source.due - sources.slept_ < now;
    while (source.due != sim::kNever && source.due - sources.slept_ < now) {
      source.due = source.arrivals.next();
    }
    if (missed && source.irq->wakes) sources.calendar_.at(now, &woke, &source);
    if (source.due == sim::kNever) continue;
    ++sources.armed_;
    source.event = sources.calendar_.at(source.due - sources.slept_, &arrived, &source);
  }
}

void IrqSources::woke(void* object, std::uint64_t) {
  const Source& source = *static_cast<const Source*>(object);
  source.owner->irqs_.raise(*source.irq);
}

void IrqSources::arrived(void* object, std::uint64_t) {
  Source& source = *static_cast<Source*>(object);
  --source.owner->armed_;
  source.owner->arm(source);
  source.owner->irqs_.raise(*source.irq);
}

Co<> IrqSources::handler(irq::Irqs&, irq::Irq& irq) {
  const Source& source = *static_cast<const Source*>(irq.object);
  return source.owner->interpreter_.run_handler(source.spec->program);
}

Co<> IrqSources::thread_function(irq::Irqs&, irq::Irq& irq) {
  const Source& source = *static_cast<const Source*>(irq.object);
  // Under PREEMPT_RT the hard handler of an interrupt that has no thread of its own runs here.
  const bool forced = source.spec->threaded < 0;
  return source.owner->interpreter_.run_handler(forced ? source.spec->program
                                                       : source.spec->threaded);
}

}  // namespace kt::run
