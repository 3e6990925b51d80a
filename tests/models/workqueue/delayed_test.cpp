#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

using support::Run;
using support::run_keys;

TEST_CASE("a delayed work finds an idle CPU on which a timer was deleted before", "[workqueue]") {
  const Run run = run_keys(R"("duration": "100ms", "machine": {"cpus": 2},
    "works": {"w": {"delayed": true, "do": [{"mark": "ran"}]}},
    "kthreads": {
      "busy": {"cpu": 1, "do": [{"run": "2ms"}]},
      "a": {"cpu": 0, "do": [
        {"usleep": "1ms"},
        {"queue_delayed_work": {"work": "w", "delay": "8ms", "cpu": 1}},
        {"cancel_delayed_work": "w"},
        {"usleep": "5ms"},
        {"queue_delayed_work": {"work": "w", "delay": "12ms", "cpu": 1}}]}})");
  CHECK(run.mark("ran") < 30'000'000);
}
