// Each file in scenarios/ runs to its end and shows what its description says: the listing of the
// folder drives the test, so that no scenario is dead.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tools/run/system.hpp"
#include "tools/scenario/load.hpp"

namespace {

namespace fs = std::filesystem;
using namespace kt;

std::vector<fs::path> scenario_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(KTSIM_SOURCE_DIR "/scenarios")) {
    const fs::path& path = entry.path();
    if (path.extension() == ".json" && !path.string().ends_with(".schema.json"))
      files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// What a run that goes wrong says; empty if it reached its end without a defect.
std::string run_to_the_end(const fs::path& file) {
  try {
    const scenario::Scenario scenario = scenario::load_file(file.string());
    sim::Trace trace;
    run::System system(scenario, trace, {});
    system.run();
    return system.message();
  } catch (const std::exception& error) {
    return error.what();
  }
}

/// The same in a process of its own: SimGrid has one machine for each.
std::string run_in_child(const fs::path& file) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::fflush(nullptr);  // else the child could print what the parent has buffered
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::string text = run_to_the_end(file);
    const bool told = ::write(ends[1], text.data(), text.size()) >= 0;
    ::_exit(told ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text(4096, '\0');
  const ssize_t got = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return "the run broke off";
  return text;
}

}  // namespace

TEST_CASE("each scenario is named as its file and expects something", "[scenarios]") {
  for (const fs::path& file : scenario_files()) {
    CAPTURE(file);
    const scenario::Scenario scenario = scenario::load_file(file.string());
    CHECK_NOTHROW(scenario::require_modelled(scenario));
    CHECK(scenario.name == file.stem());
    CHECK_FALSE(scenario.expect.empty());
  }
}

TEST_CASE("each scenario runs to its end without a defect", "[scenarios]") {
  for (const fs::path& file : scenario_files()) {
    CAPTURE(file);
    CHECK(run_in_child(file) == "");
  }
}

TEST_CASE("the README of the scenarios lists each of them", "[scenarios]") {
  std::ifstream in(KTSIM_SOURCE_DIR "/scenarios/README.md");
  const std::string readme{std::istreambuf_iterator<char>(in), {}};
  for (const fs::path& file : scenario_files()) {
    CAPTURE(file);
    CHECK(readme.find("[" + file.stem().string() + "](" + file.filename().string() + ")") !=
          std::string::npos);
  }
}
