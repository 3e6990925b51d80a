#include "tests/conformance/simulate.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "models/trace/ftrace_sink.hpp"
#include "models/trace/selection.hpp"
#include "tests/conformance/start_pools.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tools/run/system.hpp"
#include "tools/scenario/load.hpp"

namespace support {

namespace fs = std::filesystem;

std::vector<fs::path> all_scenarios() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(support::source_dir() / "tests/conformance")) {
    if (entry.is_directory()) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<fs::path> recorded_scenarios() {
  std::vector<fs::path> found = all_scenarios();
  std::erase_if(found, [](const fs::path& folder) { return !fs::exists(folder / "trace.txt"); });
  return found;
}

namespace {

// QEMU's processor has 2,000 BogoMIPS: kernel/workqueue.c: wq_cpu_intensive_thresh_init() doubles
// the threshold of 10 ms. For recordings whose command line does not give one.
constexpr const char* kThreshold = "/kernel/cmdline=workqueue.cpu_intensive_thresh_us=20000";

// When the recorder stopped, some microseconds behind the duration of the scenario, where the
// trace itself is not cut there.
std::optional<sim::Time> recorded_end(const fs::path& folder) {
  if (fs::exists(folder / "trace.txt")) return {};
  const nlohmann::json summary = nlohmann::json::parse(read_text(folder / "summary.json"));
  return summary["virtual_us"].get<sim::Time>() * 1'000;
}

// One worker in each pool: start_pools() makes the others.
std::string one_worker_a_pool(const kt::scenario::Scenario& scenario) {
  nlohmann::json kworkers{{"u", 1}};
  for (int cpu = 0; cpu < scenario.machine.cpus; ++cpu) kworkers[std::to_string(cpu)] = 1;
  return "/kernel/kworkers=" + kworkers.dump();
}

}  // namespace

TraceText simulate(const fs::path& folder, const Beginning& beginning) {
  const kt::scenario::Scenario as_recorded =
      kt::scenario::load_file((folder / "scenario.json").string());
  kt::scenario::LoadOptions options;
  options.overrides = {"/machine/preset=qemu-icount", one_worker_a_pool(as_recorded)};
  // The recorder's machine wakes at once, whatever the alarm says.
  if (folder.filename() == "suspend_deep") {
    options.overrides.emplace_back("/events/1/do/1/suspend/wake_after=0");
  }
  // The recorder gives a CPU that is kicked a turn until the next tick: see results/conformance.md.
  if (folder.filename() == "suspend_deep")
    options.overrides.emplace_back("/machine/costs/cpu_kick=2390000");
  if (folder.filename() == "cpu_down_queued")
    options.overrides.emplace_back("/machine/costs/cpu_kick=3941000");
  if (as_recorded.kernel.cmdline.empty()) options.overrides.push_back(kThreshold);
  options.find_preset = [](const std::string& name) -> std::optional<kt::scenario::PresetFile> {
    const fs::path file = support::source_dir() / "scenarios/machines" / (name + ".json");
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
  const std::vector<std::string> wanted{
      "sched:*", "irq:*", "workqueue:*", "power:suspend_resume", "cpuhp:*", "ftrace:*", "ktsim:*"};
  const kt::trace::EventSet events = kt::trace::select_events(wanted);
  for (std::size_t event = 0; event < events.size(); ++event) {
    trace.enable(static_cast<std::uint16_t>(event), events.test(event));
  }
  {
    kt::run::SystemOptions run_options;
    run_options.start_cpu = beginning.cpu;
    run_options.tick_offset = beginning.tick_offset;
    run_options.duration = recorded_end(folder);
    kt::run::System system(scenario, trace, run_options);
    start_pools(system.workqueues(), folder, recorded_trace(folder));
    system.run();
  }
  sink.close(scenario.machine.cpus);
  return parse_trace(read_text(file));
}

TraceText recorded_trace(const fs::path& folder) {
  const fs::path whole = folder / "trace.txt";
  TraceText trace = parse_trace(read_text(fs::exists(whole) ? whole : folder / "trace-head.txt"));
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

// In unbound_numa the recorder's turns put the second thread beside the init task, which moves to
// the other CPU of its node for it; here it starts there.
Beginning beginning_of(const fs::path& folder, const TraceText& recorded) {
  constexpr sim::Time kTick = 4'000'000;
  for (const TraceLine& line : recorded.lines) {
    if (line.payload != "ktoracle start") continue;
    const int cpu = folder.filename() == "unbound_numa" ? 3 : static_cast<int>(line.cpu);
    return {line.time % kTick, cpu};
  }
  return {};
}

std::string recorded_spelling(const std::string& note) {
  static const std::map<std::string, std::string> kVerbs{{"wake", "WAKE"},
                                                         {"kthread_run", "KRUN"},
                                                         {"kthread_create", "KCREATE"},
                                                         {"kthread_stop", "KSTOP"},
                                                         {"queue_work", "QW"},
                                                         {"queue_delayed_work", "QDW"},
                                                         {"mod_delayed_work", "MDW"},
                                                         {"cancel_delayed_work", "WCANCEL"},
                                                         {"flush_delayed_work", "WDFLUSH"},
                                                         {"set_cpus_allowed", "CPUSALLOWED"},
                                                         {"kthread_park", "KPARK"},
                                                         {"suspend", "SUSPEND"},
                                                         {"cpu_down", "CPUDOWN"},
                                                         {"cpu_up", "CPUUP"}};
  const std::size_t end = note.find('(');
  const auto verb = kVerbs.find(note.substr(0, end));
  if (verb == kVerbs.end()) return note;
  const std::string returned = note.substr(note.find(')'));
  if (verb->first.starts_with("cpu_")) return verb->second + "(cpu" + returned;
  const std::size_t instance = note.find('/');  // of a per-CPU thread
  if (instance < note.find(')')) return verb->second + note.substr(end, instance - end) + returned;
  return verb->second + note.substr(end);
}

bool is_recorded(const std::string& note) {
  return note.find("queue_") == std::string::npos || note.ends_with(" = 0");
}

WorkNames recorded_works(const fs::path& folder) {
  WorkNames names;
  if (!fs::exists(folder / "names.json")) return names;
  const nlohmann::json json = nlohmann::json::parse(read_text(folder / "names.json"));
  for (const char* const group : {"works", "kthread_works"}) {
    for (const auto& [address, name] : json[group].items()) {
      names[address.substr(2)] = name;  // without 0x, as the trace prints it
    }
  }
  return names;
}

WorkNames simulated_works(const fs::path& folder) {
  return work_names(kt::scenario::load_file((folder / "scenario.json").string()));
}

}  // namespace support
