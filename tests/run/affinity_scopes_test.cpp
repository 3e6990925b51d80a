// The shape of the kernel's own table of affinity scopes (Documentation/core-api/workqueue.rst):
// with four jobs that do not saturate the machine, a strict scope loses a lot, one that is not
// strict little. results/affinity-scopes.md has the figures.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/paths.hpp"
#include "tests/support/run_scenario.hpp"
#include "tests/support/trace_text.hpp"

namespace {

// Works that ended in 200 ms, in sum over some seeds: how soon balancing has spread the four jobs
// over the caches varies much.
double ended(const char* scope, bool strict) {
  auto scenario = nlohmann::ordered_json::parse(  // the jobs start in this order
      support::read_text(support::source_dir() / "scenarios/wq-affinity-scopes.json"));
  scenario["duration"] = "200ms";
  scenario["workqueues"]["kcryptd"]["affinity_scope"] = scope;
  scenario["workqueues"]["kcryptd"]["affinity_strict"] = strict;
  double count = 0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const support::Run run = support::run_scenario(scenario.dump(), {.seed = seed});
    for (std::size_t at = 0; (at = run.text.find("workqueue_execute_end", at)) != std::string::npos;
         ++at) {
      ++count;
    }
  }
  return count;
}

}  // namespace

TEST_CASE("affinity scopes rank as the kernel's table has them", "[workqueue]") {
  const double system = ended("system", false);
  const double cache = ended("cache", false);
  const double strict = ended("cache", true);
  CHECK(system > 500);
  CHECK(cache > 0.85 * system);
  CHECK(strict < 0.9 * cache);
  CHECK(strict > 0.2 * system);
}
