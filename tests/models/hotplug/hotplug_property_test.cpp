// What holds in every run while CPUs go and come: random works, threads and timers, and a control
// task that takes random CPUs down and up.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/support/random_work_scenario.hpp"
#include "tests/support/run_scenario.hpp"

namespace {

using nlohmann::json;
using support::from_environment;
using support::Run;
using support::run_scenario;

// Bottom halves may not be queued on a CPU that is offline (the kernel warns): none is named.
void forget_cpus(json& node) {
  if (node.is_object()) node.erase("cpu");
  for (json& child : node) {
    if (child.is_structured()) forget_cpus(child);
  }
}

// The scenario of the seed, under a storm.
std::string storm(std::uint64_t seed) {
  json scenario = json::parse(support::random_work_scenario(seed));
  if (scenario.dump().find("WQ_BH") != std::string::npos) forget_cpus(scenario);
  std::mt19937_64 random(seed);
  const auto below = [&random](std::uint64_t n) { return static_cast<int>(random() % n); };
  const int cpus = scenario["machine"].value("cpus", 4);
  json steps = json::array();
  std::vector<bool> online(static_cast<std::size_t>(cpus), true);
  const int operations = 2 + below(6);
  for (int i = 0; i < operations; ++i) {
    const int cpu = below(static_cast<std::uint64_t>(cpus));
    const bool up = !online[static_cast<std::size_t>(cpu)];
    steps.push_back({{up ? "cpu_up" : "cpu_down", cpu}});
    online[static_cast<std::size_t>(cpu)] = up;
    if (below(2) == 0) steps.push_back({{"usleep", std::to_string(1 + below(5000)) + "us"}});
  }
  for (int cpu = 0; cpu < cpus; ++cpu) steps.push_back({{"cpu_up", cpu}});
  steps.push_back({{"mark", "storm is over"}});
  scenario["tasks"]["storm"] = {{"do", steps}};
  scenario["percpu_threads"]["watcher"] = {
      {"should_run", "0"}, {"do", json::array()}, {"park", json::array()}, {"unpark", json::array()}};
  if (below(3) == 0) {
    scenario["variables"]["refusals"] = below(3);
    scenario["hotplug_states"]["picky"] = {
        {"startup", json::array()},
        {"teardown",
         {{{"if", "refusals > 0"}, {"then", {{{"set", "refusals -= 1"}}, {{"return", -16}}}}}}}};
  }
  return scenario.dump();
}

void check(std::uint64_t seed) {
  const std::string text = storm(seed);
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

TEST_CASE("random works survive random CPU hotplug", "[hotplug][property]") {
  const std::uint64_t first = from_environment("KTSIM_PROPERTY_FIRST", 1);
  const std::uint64_t seeds = from_environment("KTSIM_PROPERTY_SEEDS", 60);
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) check(seed);
}

TEST_CASE("print the storm of one seed", "[.print]") {
  std::printf("%s\n", storm(from_environment("KTSIM_PROPERTY_FIRST", 1)).c_str());
}
