// Each file in scenarios/ runs to its end and shows what its description says: the listing of the
// folder drives the test, so that no scenario is dead.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tools/run/report.hpp"
#include "tools/run/report_text.hpp"
#include "tools/scenario/load.hpp"

namespace {

namespace filesystem = std::filesystem;
using namespace kt;

std::vector<filesystem::path> scenario_files() {
  std::vector<filesystem::path> files;
  for (const auto& entry : filesystem::directory_iterator(KTSIM_SOURCE_DIR "/scenarios")) {
    const filesystem::path& path = entry.path();
    if (path.extension() == ".json" && !path.string().ends_with(".schema.json"))
      files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The scenarios that show a defect: exit code 1.
constexpr std::array<std::string_view, 6> kDefects{"deadlock-abba", "hotplug-flush-deadlock",
                                                   "lost-wakeup-broken",
                                                   "suspend-refreeze-loses-work",
                                                   "wq-circular-flush", "wq-no-rescuer"};

/// The report of a run that failed; empty if all expectations hold and there is no defect.
std::string report_of(const filesystem::path& file) {
  try {
    const scenario::Scenario scenario = scenario::load_file(file.string());
    sim::Trace trace;
    run::ExpectationSink expectations(scenario, trace.names());
    const run::MigrationSink migrations(scenario.machine.cpus);
    trace.add_sink(expectations);
    const trace::EventSet& events = expectations.events();
    for (std::size_t event = 0; event < events.size(); ++event) {
      if (events.test(event)) trace.enable(static_cast<std::uint16_t>(event));
    }
    run::System system(scenario, trace, {});
    system.run();
    const run::Report report = run::build_report(system, expectations, migrations, 0);
    return report.code() == sim::ExitCode::kDone ? "" : run::report_text(report);
  } catch (const std::exception& error) {
    return std::string("the run broke off: ") + error.what();
  }
}

/// The same in a process of its own: SimGrid has one machine for each.
std::string run_in_child(const filesystem::path& file) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::fflush(nullptr);  // else the child could print what the parent has buffered
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::string text = report_of(file);
    const bool told = ::write(ends[1], text.data(), text.size()) >= 0;
    ::_exit(told ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 4096> block{};
  for (ssize_t got = 0; (got = ::read(ends[0], block.data(), block.size())) > 0;) {
    text.append(block.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return "the run broke off";
  return text;
}

}  // namespace

TEST_CASE("each scenario is named as its file and expects something", "[scenarios]") {
  for (const filesystem::path& file : scenario_files()) {
    CAPTURE(file);
    const scenario::Scenario scenario = scenario::load_file(file.string());
    CHECK_NOTHROW(scenario::require_modelled(scenario));
    CHECK(scenario.name == file.stem());
    CHECK_FALSE(scenario.expect.empty());
  }
}

TEST_CASE("the expectations of each scenario hold, but for those that show a defect",
          "[scenarios]") {
  std::size_t defects = 0;
  for (const filesystem::path& file : scenario_files()) {
    CAPTURE(file);
    const std::string report = run_in_child(file);
    const bool shows_defect =
        std::find(kDefects.begin(), kDefects.end(), file.stem()) != kDefects.end();
    if (shows_defect) {
      ++defects;
      CHECK_THAT(report, Catch::Contains("DEFECT"));
    } else {
      CHECK(report == "");
    }
  }
  CHECK(defects == kDefects.size());
}

TEST_CASE("the README of the scenarios lists each of them", "[scenarios]") {
  std::ifstream in(KTSIM_SOURCE_DIR "/scenarios/README.md");
  const std::string readme{std::istreambuf_iterator<char>(in), {}};
  for (const filesystem::path& file : scenario_files()) {
    CAPTURE(file);
    CHECK(readme.find("[" + file.stem().string() + "](" + file.filename().string() + ")") !=
          std::string::npos);
  }
}
