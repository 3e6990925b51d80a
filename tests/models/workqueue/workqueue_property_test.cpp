// What holds in every run, whatever the works do: random scenarios, printed by their seed.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/support/random_work_scenario.hpp"
#include "tests/support/run_scenario.hpp"
#include "tests/support/work_history.hpp"
#include "tools/scenario/load.hpp"

namespace {

using support::Run;
using support::run_scenario;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

/// Threads of the scenario that did not come to their end.
std::string lost(const Run& run) {
  std::string names;
  for (const auto& [name, task] : run.tasks) {
    const bool of_scenario = name.starts_with("user") || name.starts_with("kernel");
    if (of_scenario && task.state != kt::sched::kTaskDead) names += name + " ";
  }
  return names;
}

void check(std::uint64_t seed) {
  const std::string text = support::random_work_scenario(seed);
  CAPTURE(seed, text);
  constexpr sim::Time kInspect = 7'919;
  const auto has = [&text](const char* verb) { return text.find(verb) != std::string::npos; };
  const bool steals = has("cancel_") || has("disable_") || has("mod_");
  const Run run = run_scenario(text, {.inspect_every = kInspect, .steals = steals});
  REQUIRE(run.message == "");
  REQUIRE(lost(run) == "");
  REQUIRE(run.state_violations.substr(0, 1000) == "");
  REQUIRE(support::violations(run) == "");
  const auto history =
      support::check_work_history(run.trace, kt::scenario::load("random", text), steals);
  REQUIRE(fmt::format("{}", fmt::join(history, "\n")) == "");
  const Run untraced = run_scenario(text, {.traced = false});
  REQUIRE(untraced.statistics() == run.statistics());
  const Run stepped = run_scenario(text, {.inline_advance = false});
  REQUIRE((stepped.text == run.text));
}

}  // namespace

TEST_CASE("random works keep the invariants", "[workqueue][property]") {
  const std::uint64_t first = from_environment("KTSIM_PROPERTY_FIRST", 1);
  const std::uint64_t seeds = from_environment("KTSIM_PROPERTY_SEEDS", 300);
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) check(seed);
}

// Not run by itself: prints the scenario of KTSIM_PROPERTY_FIRST, for ktsim run.
TEST_CASE("print the scenario of one seed", "[.print]") {
  fmt::print("{}\n", support::random_work_scenario(from_environment("KTSIM_PROPERTY_FIRST", 1)));
}
