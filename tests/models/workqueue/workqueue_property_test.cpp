// What holds in every run, whatever the works do: random scenarios, printed by their seed.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/random_work_scenario.hpp"
#include "tests/support/run_scenario.hpp"
#include "tests/support/work_history.hpp"
#include "tests/support/worker_history.hpp"
#include "tools/scenario/load.hpp"

namespace {

using support::from_environment;
using support::Run;
using support::run_scenario;

void check(std::uint64_t seed) {
  const std::string text = support::random_work_scenario(seed);
  CAPTURE(seed, text);
  constexpr sim::Time kInspect = 7'919;
  const auto has = [&text](const char* verb) { return text.find(verb) != std::string::npos; };
  const bool steals = has("cancel_") || has("disable_") || has("mod_");
  const Run run = run_scenario(text, {.inspect_every = kInspect, .steals = steals});
  REQUIRE(run.message == "");
  REQUIRE(support::unfinished(run) == "");
  REQUIRE(run.state_violations.substr(0, 1000) == "");
  REQUIRE(support::violations(run) == "");
  const kt::scenario::Scenario scenario = kt::scenario::load("random", text);
  const auto history = support::check_work_history(run.trace, scenario, steals);
  REQUIRE(fmt::format("{}", fmt::join(history, "\n")) == "");
  if (!steals) {
    const auto workers = support::check_worker_history(run.trace, scenario);
    REQUIRE(fmt::format("{}", fmt::join(workers, "\n")) == "");
  }
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
