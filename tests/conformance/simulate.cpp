#include "tests/conformance/simulate.hpp"

#include <algorithm>
#include <map>

#include "models/trace/ftrace_sink.hpp"
#include "models/trace/selection.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tools/run/system.hpp"
#include "tools/scenario/load.hpp"

namespace support {

namespace fs = std::filesystem;

std::vector<fs::path> recorded_scenarios() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(fs::path(KTSIM_SOURCE_DIR) / "tests/conformance")) {
    if (entry.is_directory()) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

TraceText simulate(const fs::path& folder, const Beginning& beginning) {
  kt::scenario::LoadOptions options;
  options.overrides = {"/machine/preset=qemu-icount"};
  options.find_preset = [](const std::string& name) -> std::optional<kt::scenario::PresetFile> {
    const fs::path file = fs::path(KTSIM_SOURCE_DIR) / "scenarios/machines" / (name + ".json");
    return kt::scenario::PresetFile{file.string(), read_text(file)};
  };
  const kt::scenario::Scenario scenario =
      kt::scenario::load_file((folder / "scenario.json").string(), options);
  kt::scenario::require_modelled(scenario);
  const TemporaryDirectory directory;
  const fs::path file = directory.path() / "trace";
  sim::Trace trace;
  kt::trace::FtraceSink sink(file.string(), kt::trace::TimeFormat::kNanoseconds);
  trace.add_sink(sink);
  const std::vector<std::string> wanted{"sched:*", "irq:*", "ftrace:*", "ktsim:*"};
  const kt::trace::EventSet events = kt::trace::select_events(wanted);
  for (std::size_t event = 0; event < events.size(); ++event) {
    trace.enable(static_cast<std::uint16_t>(event), events.test(event));
  }
  {
    kt::run::SystemOptions run_options;
    run_options.start_cpu = beginning.cpu;
    run_options.tick_offset = beginning.tick_offset;
    kt::run::System system(scenario, trace, run_options);
    system.run();
  }
  sink.close(scenario.machine.cpus);
  return parse_trace(read_text(file));
}

TraceText recorded_trace(const fs::path& folder) {
  TraceText trace = parse_trace(read_text(folder / "trace.txt"));
  const kt::scenario::Scenario scenario =
      kt::scenario::load_file((folder / "scenario.json").string());
  for (const TraceLine& line : trace.lines) {
    if (line.payload != "ktoracle start") continue;
    const sim::Time end = line.time + scenario.duration;
    std::erase_if(trace.lines, [end](const TraceLine& late) { return late.time >= end; });
    break;
  }
  return trace;
}

Beginning beginning_of(const TraceText& recorded) {
  constexpr sim::Time kTick = 4'000'000;
  for (const TraceLine& line : recorded.lines) {
    if (line.payload == "ktoracle start") return {line.time % kTick, static_cast<int>(line.cpu)};
  }
  return {};
}

std::string recorded_spelling(const std::string& note) {
  static const std::map<std::string, std::string> kVerbs{{"wake", "WAKE"},
                                                         {"kthread_run", "KRUN"},
                                                         {"kthread_create", "KCREATE"},
                                                         {"kthread_stop", "KSTOP"},
                                                         {"kthread_park", "KPARK"}};
  const std::size_t end = note.find('(');
  const auto verb = kVerbs.find(note.substr(0, end));
  return verb == kVerbs.end() ? note : verb->second + note.substr(end);
}

}  // namespace support
