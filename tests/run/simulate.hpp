// Runs a scenario given as JSON text, and gives its report.
#pragma once

#include <optional>
#include <string>

#include "tools/run/report.hpp"
#include "tools/scenario/load.hpp"

namespace support {

struct SimulateOptions {
  std::optional<sim::Time> duration = {};
  bool trace_everything = false;
};

/// `sections` are the members of the scenario behind name, version and duration.
inline kt::run::Report simulate(const std::string& duration, const std::string& sections,
                                const SimulateOptions& options = {}) {
  const std::string text = R"({"name": "test", "version": 1, "kernel": {"boot": "minimal"}, )"
                           R"("duration": ")" +
                           duration + "\", " + sections + "}";
  const kt::scenario::Scenario scenario = kt::scenario::load("test.json", text);
  kt::scenario::require_modelled(scenario);
  sim::Trace trace;
  kt::run::ExpectationSink expectations(scenario, trace.names());
  kt::run::MigrationSink migrations(scenario.machine.cpus);
  kt::trace::EventSet events = expectations.events() | kt::run::MigrationSink::events();
  if (options.trace_everything) events.set();
  for (std::size_t event = 0; event < events.size(); ++event) {
    if (events.test(event)) trace.enable(static_cast<std::uint16_t>(event));
  }
  trace.add_sink(expectations);
  trace.add_sink(migrations);
  kt::run::System system(scenario, trace, {.seed = {}, .duration = options.duration});
  system.run();
  return kt::run::build_report(system, expectations, migrations, 0);
}

}  // namespace support
