#include "tools/cli/run_scenario.hpp"

#include <cstdio>

#include "sim/error.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/interrupt.hpp"
#include "tools/cli/monitor.hpp"
#include "tools/cli/scenario_files.hpp"
#include "tools/run/report.hpp"
#include "tools/run/report_json.hpp"
#include "tools/run/report_text.hpp"
#include "tools/run/time_text.hpp"
#include "tools/scenario/text_file.hpp"

namespace kt::cli {

using trace::EventSet;

namespace {

EventSet selected_events(const scenario::Scenario& scenario, const RunOptions& options) {
  if (!options.events.empty()) return trace::select_events(options.events, "--events");
  if (scenario.trace_events) {
    return trace::select_events(*scenario.trace_events, scenario.file + ": /trace/events");
  }
  return trace::default_events();
}

std::string repeat_command(const std::string& file, const RunOptions& options, std::uint64_t seed) {
  if (options.schedule != nullptr)
    return fmt::format("ktsim replay {} --schedule {}", shell_word(file),
                       shell_word(options.schedule_path));
  std::string command = fmt::format("ktsim run {} --seed {}", shell_word(file), seed);
  for (const std::string& text : options.overrides) command += " --set " + shell_word(text);
  if (options.duration) {
    command +=
        " --duration " + (*options.duration == sim::kNever ? std::string("idle")
                                                           : sim::format_time(*options.duration));
  }
  return command;
}

// A run with everything that watches it.
class Run {
 public:
  Run(const std::string& file, const RunOptions& options)
      : options_(options),
        scenario_(load_scenario(file, options.overrides)),
        selected_(selected_events(scenario_, options)),
        expectations_(scenario_, trace_.names()),
        migrations_(scenario_.machine.cpus) {
    if (options.trace) text_.emplace(*options.trace, options.clock, selected_);
    observe(migrations_, run::MigrationSink::events());
    observe(expectations_, expectations_.events());
    if (text_) observe(*text_, selected_);
    repeat_ = repeat_command(file, options, options.seed.value_or(scenario_.seed));
  }

  RunResult go() {
    run::SystemOptions system_options{.seed = options_.seed, .duration = options_.duration};
    if (options_.schedule != nullptr) system_options = explore::system_options();
    run::System system(scenario_, trace_, system_options);
    std::uint64_t own_events = 0;
    bool limit_reached = false;
    {
      Monitor monitor(system, options_.progress);
      simulate(system);
      own_events = monitor.events();
      limit_reached = monitor.limit_reached();
    }
    if (InterruptGuard::interrupted())
      return {InterruptGuard::exit_code(), interrupted_text(system), {}, {}};
    if (text_) text_->close(static_cast<unsigned>(scenario_.machine.cpus));
    run::Report report = run::build_report(system, expectations_, migrations_, own_events);
    report.repeat = repeat_;
    RunResult result{static_cast<int>(report.code()), run::report_text(report),
                     run::report_json(report, false), run::report_json(report, true)};
    if (limit_reached) note_limit(result);
    if (recorder_ && recorder_->wants_touches) note_data_race(result, system);
    if (recorder_) note_origin(result);
    return result;
  }

 private:
  void observe(sim::TraceSink& sink, const EventSet& events) {
    trace_.add_sink(sink);
    for (std::size_t event = 0; event < events.size(); ++event) {
      if (events.test(event)) trace_.enable(static_cast<std::uint16_t>(event));
    }
  }

  void simulate(run::System& system) {
    try {
      options_.schedule != nullptr ? replay(system) : system.run();
    } catch (const sim::InternalError& error) {
      throw sim::InternalError(fmt::format("{}\n  repeat: {}\n  please report it with these lines",
                                           error.what(), repeat_));
    }
  }

  // As the exploration ran it, with everything watched.
  void replay(run::System& system) {
    explore::require_explorable(scenario_);
    system.run_to_first_wakeup();
    recorder_.emplace(scenario_.machine.cpus);
    system.machine().set_probe(&*recorder_);
    system.machine().chooser = &*recorder_;
    recorder_->on_interrupt = explore::store_buffers(system);
    recorder_->wants_touches = explore::has_plain_variables(scenario_);
    recorder_->start(options_.schedule->schedule, true);
    explore::run_on(system, *recorder_, explore::run_end(system, system.now(), options_.schedule->schedule));
    system.conclude();
    std::vector<explore::Place> places;
    for (const explore::Place& place : options_.schedule->places) {
      const explore::Schedule one{place.deviation};
      places.push_back(explore::places_of(*recorder_, scenario_, system, one).front());
    }
    const std::string hash =
        explore::scenario_hash(scenario::require_text_file(scenario_.file, "a scenario file"),
                               options_.overrides);
    const std::string difference = explore::first_difference(*options_.schedule, places, hash);
    if (difference.empty()) return;
    throw sim::UserError(fmt::format("{}: the schedule does not fit {}: {}", options_.schedule_path,
                                     scenario_.file, difference));
  }

  static std::string interrupted_text(run::System& system) {
    return fmt::format("interrupted at t={}; nothing was written", run::time_text(system.now()));
  }

  void note_limit(RunResult& result) const {
    result.code = static_cast<int>(sim::ExitCode::kLimit);
    const std::string limit = fmt::format(
        "still busy after {} of simulated time: it does not become idle; give --duration",
        run::time_text(Monitor::kIdleLimit));
    result.text += fmt::format("\nLIMIT: {}\n", limit);
    for (nlohmann::ordered_json* json : {&result.json, &result.full}) {
      (*json)["exit_code"] = result.code;
      (*json)["message"] = limit;
    }
  }

  void note_data_race(RunResult& result, run::System& system) const {
    const auto race = explore::find_data_race(*recorder_, system);
    if (!race) return;
    if (result.code == static_cast<int>(sim::ExitCode::kDone))
      result.code = static_cast<int>(sim::ExitCode::kDefect);
    const std::string text = explore::data_race_text(*race, *recorder_, system);
    result.text += fmt::format("\n{}\n", text);
    for (nlohmann::ordered_json* json : {&result.json, &result.full}) {
      (*json)["exit_code"] = result.code;
      (*json)["data_race"] = text;
    }
  }

  // A schedule of a broken scenario may be tried on its cure, and fit.
  void note_origin(RunResult& result) const {
    const std::string& origin = options_.schedule->scenario;
    if (origin == scenario_.name) return;
    result.text += fmt::format(
        "\nthe schedule was written for the scenario {}; its steps are here too\n", origin);
    for (nlohmann::ordered_json* json : {&result.json, &result.full})
      (*json)["schedule_of"] = origin;
  }

  const RunOptions& options_;
  scenario::Scenario scenario_;
  EventSet selected_;
  sim::Trace trace_;
  run::ExpectationSink expectations_;
  run::MigrationSink migrations_;
  std::optional<trace::FtraceSink> text_;
  std::optional<explore::Recorder> recorder_;
  std::string repeat_;
};

}  // namespace

RunResult run_scenario(const std::string& file, const RunOptions& options) {
  return Run(file, options).go();
}

int broke_off(run::System& system, const std::string& what, sim::ExitCode code) {
  std::fflush(stdout);
  fmt::print(stderr, "ktsim: t={}: {}\n", run::time_text(system.now()), what);
  return static_cast<int>(code);
}

}  // namespace kt::cli
