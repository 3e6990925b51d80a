// Random suspend storms: whatever they abort and wherever they fail, everybody runs to its end, and
// what was queued has run.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/random_suspend_scenario.hpp"
#include "tests/support/run_scenario.hpp"

namespace {

using support::from_environment;
using support::Run;
using support::run_scenario;

void check(std::uint64_t seed) {
  const std::string text = support::random_suspend_scenario(seed);
  CAPTURE(seed, text);
  const Run run = run_scenario(text);
  REQUIRE(run.message == "");
  REQUIRE(support::unfinished(run) == "");
  REQUIRE(support::violations(run) == "");
  const Run untraced = run_scenario(text, {.traced = false});
  REQUIRE(untraced.statistics() == run.statistics());
  const Run stepped = run_scenario(text, {.inline_advance = false});
  REQUIRE((stepped.text == run.text));
}

}  // namespace

TEST_CASE("random suspends lose nothing", "[power][property]") {
  const std::uint64_t first = from_environment("KTSIM_PROPERTY_FIRST", 1);
  const std::uint64_t seeds = from_environment("KTSIM_PROPERTY_SEEDS", 100);
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) check(seed);
}

// Not run by itself: prints the scenario of KTSIM_PROPERTY_FIRST, for ktsim run.
TEST_CASE("print the suspend scenario of one seed", "[.print-suspend]") {
  fmt::print("{}\n", support::random_suspend_scenario(from_environment("KTSIM_PROPERTY_FIRST", 1)));
}
