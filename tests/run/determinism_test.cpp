// Every build type prints the same bytes: the trace of a scenario is held to a hash that does not
// depend on who compiled it. A change of a model changes the hash; then look at the trace, and take
// the new one.
#include <catch2/catch.hpp>

#include "sim/random.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/run_scenario.hpp"
#include "tests/support/trace_text.hpp"

TEST_CASE("a trace has the same bytes in every build", "[run]") {
  const auto text = support::read_text(support::source_dir() / "scenarios/park-unpark.json");
  const support::Run run = support::run_scenario(text);
  CHECK(sim::fnv1a(run.text) == 17784656513415721900U);
}
