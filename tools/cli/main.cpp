#include <fmt/format.h>
#include "models/trace/ftrace_sink.hpp"
#include "models/trace/selection.hpp"
#include "tools/run/system.hpp"
#include "tools/scenario/load.hpp"
int main(int argc, char** argv) {
  auto scenario = kt::scenario::load_file(argv[1], {});
  kt::scenario::require_modelled(scenario);
  sim::Trace trace;
  kt::trace::FtraceSink sink(argc > 2 ? argv[2] : "-", kt::trace::TimeFormat::kMicroseconds);
  trace.add_sink(sink);
  const auto events = kt::trace::default_events();
  for (std::size_t i = 0; i < events.size(); ++i) trace.enable(static_cast<std::uint16_t>(i), events.test(i));
  trace.enable(static_cast<std::uint16_t>(kt::trace::Event::kReturn));
  {
    kt::run::System system(scenario, trace, {});
    system.run();
    fmt::print("end at {} {} {}\n", system.now(), static_cast<int>(system.ending()), system.message());
  }
  sink.close(scenario.machine.cpus);
}
