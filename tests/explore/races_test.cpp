// The scenarios of scenarios/races: each broken one is found and shrunk to a few stalls, each fixed
// one has no defect in all schedules of two deviations. What is found repeats from its file, in a
// machine that was built anew, and in every build.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "models/trace/ftrace_sink.hpp"
#include "sim/random.hpp"
#include "sim/trace.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/trace_text.hpp"
#include "tools/explore/explanation.hpp"
#include "tools/explore/schedule_file.hpp"
#include "tools/explore/search.hpp"
#include "tools/scenario/load.hpp"

namespace {

namespace filesystem = std::filesystem;
using namespace kt;
using namespace kt::explore;

const filesystem::path kRaces = support::source_dir() / "scenarios/races";

std::vector<filesystem::path> files(const std::string& ending) {
  std::vector<filesystem::path> found;
  for (const auto& entry : filesystem::directory_iterator(kRaces)) {
    if (entry.path().string().ends_with(ending)) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

SearchOptions options_of(const scenario::Scenario& scenario) {
  SearchOptions options;
  options.faults.store_buffers = scenario.kernel.memory_model == scenario::MemoryModel::kTso;
  return options;
}

struct Replay {
  Outcome outcome;
  std::uint64_t trace = 0;  // its text, hashed
};

// The same schedule without arena and rewinding, and with everything traced.
Replay run_anew(const scenario::Scenario& scenario, const Schedule& schedule) {
  const TemporaryDirectory directory;
  const std::string path = (directory.path() / "trace.txt").string();
  sim::Trace trace;
  run::ExpectationSink sink(scenario, trace.names());
  trace.add_sink(sink);
  trace::FtraceSink text(path, trace::TimeFormat::kNanoseconds);
  trace.add_sink(text);
  for (std::size_t event = 0; event < sink.events().size(); ++event)
    trace.enable(static_cast<std::uint16_t>(event));
  run::System system(scenario, trace, system_options());
  system.run_to_first_wakeup();
  Recorder recorder(scenario.machine.cpus);
  recorder.on_interrupt = store_buffers(system);
  system.machine().set_probe(&recorder);
  system.machine().chooser = &recorder;
  recorder.wants_touches = has_plain_variables(scenario);
  recorder.start(schedule, recorder.wants_touches);
  run_on(system, recorder, run_end(system, system.now(), schedule));
  system.conclude();
  Replay replay{judge(system, sink, held_back(schedule))};
  if (replay.outcome.fault == Fault::kNone && recorder.wants_touches) {
    const auto race = find_data_race(recorder, system);
    if (race) replay.outcome = outcome_of(*race, scenario);
  }
  trace.flush();
  text.close(static_cast<unsigned>(scenario.machine.cpus));
  replay.trace = sim::fnv1a(support::read_text(path));
  return replay;
}

// As races.golden has it.
std::string golden_line(const std::string& name, std::uint64_t executions,
                        const Schedule& schedule, std::uint64_t trace) {
  std::string line = fmt::format("{}: {} executions; ", name, executions);
  for (const Deviation& deviation : schedule) {
    constexpr std::array<std::string_view, 3> kKinds{"stall", "late", "answer"};
    line += fmt::format("{} {} {} {}; ", kKinds[static_cast<std::size_t>(deviation.kind)],
                        deviation.cpu, deviation.index, deviation.time);
  }
  return line + fmt::format("trace {:016x}", trace);
}

}  // namespace

TEST_CASE("races come in pairs that the folder's README lists", "[explore][scenarios]") {
  std::ifstream stream(kRaces / "README.md");
  std::ostringstream readme;
  readme << stream.rdbuf();
  std::set<std::string> pairs;
  for (const filesystem::path& file : files("-broken.json")) {
    const std::string name = file.stem().string();
    pairs.insert(name.substr(0, name.size() - std::string("-broken").size()));
  }
  CHECK(pairs.size() >= 24);
  CHECK(files(".json").size() == 2 * pairs.size());
  for (const std::string& pair : pairs) {
    CAPTURE(pair);
    CHECK(filesystem::exists(kRaces / (pair + "-fixed.json")));
    CHECK(readme.str().find("(" + pair + "-broken.json)") != std::string::npos);
    CHECK(readme.str().find("(" + pair + "-fixed.json)") != std::string::npos);
  }
}

// Sanitized, debug and release builds run this: the searches, the schedules to the nanosecond and the
// traces of their replays are the same in all. They change with the models and their costs; then look
// at what has changed, and take the new lines.
TEST_CASE("each broken race is found, shrunk to at most three deviations, and repeats as in any build",
          "[explore][scenarios]") {
  std::string lines;
  for (const filesystem::path& file : files("-broken.json")) {
    CAPTURE(file.filename().string());
    const scenario::Scenario scenario = scenario::load_file(file.string());
    Found shrunk;
    std::uint64_t executions = 0;
    ScheduleFile written;
    {
      Subject subject(scenario);
      const SearchResult result = Search(subject, options_of(scenario)).run();
      CHECK(result.found);
      if (!result.found) continue;
      executions = result.executions;
      shrunk = shrink(subject, *result.found);
      CHECK(shrunk.schedule.size() <= 3);
      CHECK(subject.run(shrunk.schedule, false).same_fault(result.found->outcome));
      const Explanation explanation = explain(subject, shrunk);
      CHECK_FALSE(explanation.why.empty());
      CHECK_FALSE(explanation.rows.empty());
      written.schedule = shrunk.schedule;
      written.places = explanation.places;
    }
    const ScheduleFile read = parse_schedule("found.json", to_json(written).dump());
    CHECK(read.schedule == shrunk.schedule);
    CHECK(first_difference(read, written.places, written.scenario_hash).empty());
    const Replay replay = run_anew(scenario, read.schedule);
    CHECK(replay.outcome.same_fault(shrunk.outcome));
    lines += golden_line(file.stem(), executions, read.schedule, replay.trace) + '\n';
  }
  const std::string golden = support::read_text(support::source_dir() / "tests/explore/races.golden");
  if (lines == golden) return;
  fmt::print("{}", lines);  // not by way of the test's report, which breaks lines
  FAIL_CHECK("races.golden would be the lines above");
}

TEST_CASE("each fixed race has no defect up to bound 2", "[explore][scenarios]") {
  int unfinished = 0;
  for (const filesystem::path& file : files("-fixed.json")) {
    CAPTURE(file.filename().string());
    const scenario::Scenario scenario = scenario::load_file(file.string());
    Subject subject(scenario);
    SearchOptions options = options_of(scenario);
    options.executions = 5'000;  // bound 2 has more where a CPU goes
    const SearchResult result = Search(subject, options).run();
    if (result.found) {
      const Explanation explanation = explain(subject, shrink(subject, *result.found));
      FAIL_CHECK(explanation.table() << explanation.why);
    }
    CHECK(result.completed >= (result.interrupted ? 1 : 2));
    unfinished += result.interrupted ? 1 : 0;
  }
  CHECK(unfinished <= 6);
}
