#include "tests/support/property.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace support {

namespace {

// The number in an environment variable, if it is set.
std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

}  // namespace

std::uint64_t first_seed() {
  return from_environment("KTSIM_PROPERTY_FIRST", 1);
}

void for_each_seed(std::uint64_t seeds, void (*check)(std::uint64_t seed)) {
  const std::uint64_t end = first_seed() + from_environment("KTSIM_PROPERTY_SEEDS", seeds);
  for (std::uint64_t seed = first_seed(); seed < end; ++seed) check(seed);
}

std::string with_background(const std::string& scenario, std::uint64_t seed) {
  nlohmann::json with = nlohmann::json::parse(scenario);
  with["duration"] = "3s";
  with["kernel"]["boot"] = "full";
  with["kernel"]["background"] = seed % 2 == 0 ? "server" : "idle";
  return with.dump();
}

void require_sound(const std::string& scenario, const Run& run) {
  REQUIRE(run.message == "");
  REQUIRE(unfinished(run) == "");
  REQUIRE(violations(run) == "");
  const Run untraced = run_scenario(scenario, {.traced = false});
  REQUIRE(untraced.statistics() == run.statistics());
  const Run stepped = run_scenario(scenario, {.inline_advance = false});
  REQUIRE(stepped.statistics() == run.statistics());
  REQUIRE((stepped.text == run.text));
}

}  // namespace support
