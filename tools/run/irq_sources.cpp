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
        sources_.emplace_back(Source{this, &spec, nullptr, Arrivals(scenario, spec, seed)});
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
  const Time when = source.arrivals.next();
  if (when == sim::kNever) return;
  ++armed_;
  calendar_.at(when, &arrived, &source);
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
