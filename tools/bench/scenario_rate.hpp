// How fast a scenario is simulated: what a count makes of the finished run, by the second of
// processor time that the run took.
#pragma once

#include <filesystem>
#include <string>

#include "models/trace/ftrace_sink.hpp"
#include "models/trace/selection.hpp"
#include "tools/bench/load.hpp"
#include "tools/run/system.hpp"
#include "tools/scenario/load.hpp"

namespace bench {

using Count = std::uint64_t (*)(kt::run::System& system);

/// Untraced.
inline double rate(const std::string& text, Count count) {
  const kt::scenario::Scenario scenario = kt::scenario::load("benchmark", text);
  sim::Trace trace;
  kt::run::System system(scenario, trace, {});
  const Stopwatch watch;
  system.run();
  return static_cast<double>(count(system)) / watch.seconds();
}

/// With an ftrace text trace of the default events; making the machine and writing included.
inline double traced_rate(const std::string& text, Count count) {
  const kt::scenario::Scenario scenario = kt::scenario::load("benchmark", text);
  const std::string file = std::filesystem::temp_directory_path() / "ktsim-bench.trace";
  sim::Trace trace;
  kt::trace::FtraceSink sink(file);
  trace.add_sink(sink);
  const auto events = kt::trace::default_events();
  for (std::size_t event = 0; event < events.size(); ++event) {
    trace.enable(static_cast<std::uint16_t>(event), events.test(event));
  }
  const Stopwatch watch;
  kt::run::System system(scenario, trace, {});
  system.run();
  sink.close(scenario.machine.cpus);
  const double result = static_cast<double>(count(system)) / watch.seconds();
  std::filesystem::remove(file);
  return result;
}

}  // namespace bench
