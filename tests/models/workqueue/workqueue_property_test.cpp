// What holds in every run, whatever the works do: random scenarios, printed by their seed.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/property.hpp"
#include "tests/support/random_work_scenario.hpp"
#include "tests/support/work_history.hpp"
#include "tests/support/worker_history.hpp"
#include "tools/scenario/load.hpp"

namespace {

using support::Run;
using support::run_scenario;

void check(std::uint64_t seed) {
  const std::string text = support::random_work_scenario(seed);
  CAPTURE(seed, text);
  constexpr sim::Time kInspect = 7'919;
  const auto has = [&text](const char* verb) { return text.find(verb) != std::string::npos; };
  const bool steals = has("cancel_") || has("disable_") || has("mod_");
  const Run run = run_scenario(text, {.inspect_every = kInspect, .steals = steals});
  support::require_sound(text, run);
  REQUIRE(run.state_violations.substr(0, 1000) == "");
  const kt::scenario::Scenario scenario = kt::scenario::load("random", text);
  const auto history = support::check_work_history(run.trace, scenario, steals);
  REQUIRE(fmt::format("{}", fmt::join(history, "\n")) == "");
  if (!steals) {
    const auto workers = support::check_worker_history(run.trace, scenario);
    REQUIRE(fmt::format("{}", fmt::join(workers, "\n")) == "");
  }
}

}  // namespace

TEST_CASE("random works keep the invariants", "[workqueue][property]") {
  support::for_each_seed(300, &check);
}

// Not run by itself: prints the scenario of KTSIM_PROPERTY_FIRST, for ktsim run.
TEST_CASE("print the scenario of one seed", "[.print]") {
  fmt::print("{}\n", support::random_work_scenario(support::first_seed()));
}
