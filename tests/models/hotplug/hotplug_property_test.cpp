// What holds in every run while CPUs go and come: random works, threads and timers, and a control
// task that takes random CPUs down and up.
#include <catch2/catch.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/support/property.hpp"
#include "tests/support/random_work_scenario.hpp"

namespace {

using nlohmann::json;
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

void check(std::uint64_t seed, const std::string& text) {
  CAPTURE(seed, text);
  support::require_sound(text, support::run_scenario(text));
}

}  // namespace

TEST_CASE("random works survive random CPU hotplug", "[hotplug][property]") {
  support::for_each_seed(60, [](std::uint64_t seed) { check(seed, storm(seed)); });
}

TEST_CASE("random works and the background survive random CPU hotplug", "[hotplug][property]") {
  support::for_each_seed(
      40, [](std::uint64_t seed) { check(seed, support::with_background(storm(seed), seed)); });
}

TEST_CASE("print the storm of one seed", "[.print]") {
  std::printf("%s\n", storm(support::first_seed()).c_str());
}
