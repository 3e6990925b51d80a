// How long work takes on CPUs that are slower than the cost table says.
#include "models/cpu/speed.hpp"

#include <catch2/catch.hpp>

#include "tests/run/stopped_system.hpp"
#include "tests/support/run_scenario.hpp"

namespace {

using kt::cpu::kFullSpeed;
using sim::kMs;
using sim::Time;
using support::Run;
using support::run_keys;
using support::StoppedSystem;

constexpr Time kSlack = kMs / 10;  // ticks, and what else runs

/// ns between the marks "begin" and "end".
Time between(const Run& run) {
  return run.mark("end") - run.mark("begin");
}

std::string measured(const std::string& body) {
  return R"("duration": "idle", "machine": {"cpus": 2, "freq": {"pstates": ["2GHz", "1GHz"],
    "governor": "powersave"}}, "tasks": {"t": {"cpu": 0, "do": [{"mark": "begin"}, )" +
         body + R"(, {"mark": "end"}]}})";
}

}  // namespace

TEST_CASE("at half the frequency work takes twice as long", "[cpu][speed]") {
  const Time time = between(run_keys(measured(R"({"run": "10ms"})")));
  CHECK(time >= 20 * kMs);
  CHECK(time < 20 * kMs + kSlack);
}

TEST_CASE("what is said to take a time of the clock takes it at any speed", "[cpu][speed]") {
  const Time time = between(run_keys(measured(R"({"stall": "10ms"})")));
  CHECK(time >= 10 * kMs);
  CHECK(time < 10 * kMs + kSlack);
  CHECK(between(run_keys(measured(R"({"msleep": "8ms"})"))) < 16 * kMs);
}

TEST_CASE("what runs when the speed changes goes on at the new one", "[cpu][speed]") {
  StoppedSystem system(10 * kMs, R"("machine": {"cpus": 1},
    "tasks": {"t": {"do": [{"run": "30ms"}, {"mark": "end"}]}})");
  system->machine().cpu(0).set_speed(kFullSpeed / 4);
  system->run_until(50 * kMs);
  system->machine().cpu(0).set_speed(kFullSpeed);
  // 10 ms, 40 ms at a quarter, 10 ms.
  system->run_until(60 * kMs);
  CHECK(system->scenario_threads().at(0)->exit_state == 0);
  system->run_until(60 * kMs + kSlack);
  CHECK(system->scenario_threads().at(0)->exit_state != 0);
}

TEST_CASE("siblings that both run slow each other, and only then", "[cpu][speed]") {
  const auto both = [](const std::string& machine) {
    return run_keys(R"("duration": "idle", "machine": {"cpus": 4, "smt": 2)" + machine + R"(},
      "tasks": {"a": {"cpu": 0, "do": [{"mark": "begin"}, {"run": "6ms"}, {"mark": "end"}]},
                "b": {"cpu": 1, "do": [{"run": "6ms"}]},
                "alone": {"cpu": 2, "do": [{"run": "6ms"}, {"mark": "alone"}]}})");
  };
  const Run run = both(R"(, "smt_speed": 0.5)");
  CHECK(between(run) >= 12 * kMs - kSlack);
  CHECK(between(run) < 12 * kMs + kSlack);
  CHECK(run.mark("alone") < 6 * kMs + kSlack);
  CHECK(between(both(R"(, "smt_speed": 1)")) < 6 * kMs + kSlack);
  // By default two siblings get 1.2 times as much done as one.
  CHECK(between(both("")) >= 10 * kMs - kSlack);
  CHECK(between(both("")) < 10 * kMs + kSlack);
}

TEST_CASE("a core runs as fast as the faster request of its threads", "[cpu][speed]") {
  StoppedSystem system(0, R"("machine": {"cpus": 2, "smt": 2, "smt_speed": 1,
    "freq": {"pstates": ["2GHz", "1GHz"], "governor": "powersave"}})");
  kt::cpu::Machine& machine = system->machine();
  REQUIRE(machine.cpu(0).speed() == kFullSpeed / 2);
  machine.speeds->request_pstate(machine.cpu(1), 0);
  system->run_until(9'000);
  CHECK(machine.cpu(0).speed() == kFullSpeed / 2);  // a change takes 10 us
  system->run_until(11'000);
  CHECK(machine.cpu(0).speed() == kFullSpeed);
  CHECK(machine.cpu(1).speed() == kFullSpeed);
  machine.speeds->request_pstate(machine.cpu(1), 1);
  system->run_until(22'000);
  CHECK(machine.cpu(0).speed() == kFullSpeed / 2);
}
