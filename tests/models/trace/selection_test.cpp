#include "models/trace/selection.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "sim/error.hpp"

namespace {

using kt::trace::Event;

std::vector<std::string> selected(const std::vector<std::string>& patterns) {
  const kt::trace::EventSet set = kt::trace::select_events(patterns);
  std::vector<std::string> names;
  for (std::size_t event = 0; event < set.size(); ++event)
    if (set.test(event)) names.emplace_back(kt::trace::info(static_cast<Event>(event)).name);
  return names;
}

std::string error_of(const std::string& pattern) {
  try {
    selected({pattern});
  } catch (const sim::UserError& error) {
    REQUIRE(error.code() == sim::ExitCode::kUsage);
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("patterns match names, or groups and names", "[trace]") {
  using Names = std::vector<std::string>;
  REQUIRE(selected({"sched_switch"}) == Names{"sched_switch"});
  REQUIRE(selected({"sched:sched_switch"}) == Names{"sched_switch"});
  REQUIRE(selected({"sched:sched_wakeup*"}) == Names{"sched_wakeup", "sched_wakeup_new"});
  REQUIRE(selected({"softirq_e[nx]*"}) == Names{"softirq_entry", "softirq_exit"});
  REQUIRE(selected({"power:cpu?idle"}) == Names{"cpu_idle"});
  REQUIRE(selected({"csd:*", "power:cpu*"}) ==
          Names{"csd_queue_cpu", "csd_function_entry", "csd_function_exit", "cpu_idle",
                "cpu_frequency"});
  REQUIRE(selected({}).empty());
}

TEST_CASE("a pattern with an exclamation mark takes events away, in order", "[trace]") {
  using Names = std::vector<std::string>;
  REQUIRE(selected({"softirq_*", "!*_exit"}) == Names{"softirq_raise", "softirq_entry"});
  REQUIRE(selected({"softirq_*", "!softirq_*", "softirq_exit"}) == Names{"softirq_exit"});
  kt::trace::EventSet expected = kt::trace::default_events();
  expected.reset(static_cast<std::size_t>(Event::kCpuIdle));
  const std::vector<std::string> patterns{"!power:cpu_i*"};
  REQUIRE(kt::trace::select_events(patterns) == expected);
}

TEST_CASE("the default leaves out what is not printed by default", "[trace]") {
  const kt::trace::EventSet set = kt::trace::default_events();
  REQUIRE(set.test(static_cast<std::size_t>(Event::kSchedSwitch)));
  REQUIRE_FALSE(set.test(static_cast<std::size_t>(Event::kReturn)));
  REQUIRE(set.count() == set.size() - 1);
}

TEST_CASE("a pattern that matches nothing is an error that names the nearest event", "[trace]") {
  REQUIRE_THAT(error_of("sched_swich"),
               Catch::Contains("\"sched_swich\"") &&
                   Catch::Contains("nearest valid name: \"sched_switch\""));
  REQUIRE_THAT(error_of("shed:*"), Catch::Contains("\"sched:*\""));
  REQUIRE_THAT(error_of("!irq:softirq_rais"), Catch::Contains("\"irq:softirq_raise\""));
  REQUIRE_THAT(error_of(""), Catch::Contains("matches no event"));
}
