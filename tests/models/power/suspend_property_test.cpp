// Random suspend storms: whatever they abort and wherever they fail, everybody runs to its end, and
// what was queued has run.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/property.hpp"
#include "tests/support/random_suspend_scenario.hpp"

namespace {

void check(std::uint64_t seed, const std::string& text) {
  CAPTURE(seed, text);
  support::require_sound(text, support::run_scenario(text));
}

// The same suspends, to memory: other CPUs go and come, and the clock stands still.
std::string to_memory(std::string text) {
  constexpr std::string_view kIdle = "\"s2idle\"";
  for (std::size_t at = 0; (at = text.find(kIdle, at)) != std::string::npos;) {
    text.replace(at, kIdle.size(), "\"deep\"");
  }
  return text;
}

// A kernel thread, which does not freeze, takes CPUs down and up meanwhile, until a suspend begins
// and after it has ended. A suspend waits for it first: alarms that came then would be lost.
std::string with_storm(const std::string& scenario, std::uint64_t seed) {
  nlohmann::json with = nlohmann::json::parse(scenario);
  const int cpus = with["machine"]["cpus"];
  nlohmann::json steps = nlohmann::json::array();
  for (int cpu = 1; cpu < cpus; ++cpu) {
    steps.push_back({{"cpu_down", cpu}});
    steps.push_back({{"usleep", 1 + (seed * static_cast<std::uint64_t>(cpu)) % 9'000'000}});
  }
  for (int cpu = 1; cpu < cpus; ++cpu) steps.push_back({{"cpu_up", cpu}});
  with["kthreads"]["kernel_storm"] = {{"do", {{{"loop", 1 + seed % 8}, {"do", steps}}}}};
  for (nlohmann::json& event : with["events"]) {
    nlohmann::json& alarm = event["suspend"]["wake_after"];
    if (alarm != 0) alarm = 2'000'000'000;
  }
  return with.dump();
}

}  // namespace

TEST_CASE("random suspends lose nothing", "[power][property]") {
  support::for_each_seed(
      100, [](std::uint64_t seed) { check(seed, support::random_suspend_scenario(seed)); });
}

TEST_CASE("random suspends to memory lose nothing", "[power][hotplug][property]") {
  support::for_each_seed(60, [](std::uint64_t seed) {
    const std::string text = to_memory(support::random_suspend_scenario(seed));
    check(seed, seed % 3 == 0 ? support::with_background(text, seed) : text);
  });
}

TEST_CASE("random suspends and CPU hotplug do not get in each other's way",
          "[power][hotplug][property]") {
  support::for_each_seed(60, [](std::uint64_t seed) {
    const std::string text = with_storm(support::random_suspend_scenario(seed), seed * 1'000'003);
    check(seed, seed % 2 == 0 ? to_memory(text) : text);
  });
}

TEST_CASE("random suspends of a machine with a background lose nothing", "[power][property]") {
  support::for_each_seed(40, [](std::uint64_t seed) {
    check(seed, support::with_background(support::random_suspend_scenario(seed), seed));
  });
}

// Not run by itself: prints the scenario of KTSIM_PROPERTY_FIRST, for ktsim run.
TEST_CASE("print the suspend scenario of one seed", "[.print-suspend]") {
  fmt::print("{}\n", support::random_suspend_scenario(support::first_seed()));
}
