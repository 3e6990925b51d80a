#include "tools/run/frequency_report.hpp"

#include <catch2/catch.hpp>

#include "tests/run/stopped_system.hpp"

namespace kt::run {

TEST_CASE("a report says how fast a CPU was and how long it asked for which", "[report][cpufreq]") {
  support::StoppedSystem system(100 * sim::kMs, R"("machine": {"cpus": 2,
    "freq": {"pstates": ["2GHz", "1GHz"], "governor": "powersave"}},
    "tasks": {"t": {"cpu": 0, "do": [{"run": "10ms"}]}})");
  const FrequencyReport report = frequency_report(system->cpufreq(), 2);
  REQUIRE(report.cpus.size() == 2);
  CHECK(report.khz == std::vector<std::uint32_t>{2'000'000, 1'000'000});
  CHECK(report.cpus[0].busy_khz == Approx(1'000'000).epsilon(1e-4));
  CHECK(report.cpus[0].changes == 0);
  CHECK(report.cpus[0].time_in_state == std::vector<sim::Time>{0, 100 * sim::kMs});
  CHECK_THAT(frequency_text(report, 8),
             Catch::Contains("Bzy_MHz") && Catch::Contains("    0     1000        0     0.00%   "
                                                           "100.00%\n"));
  CHECK_THAT(frequency_text(report, 1), Catch::Contains("1 more: --metrics"));
  const auto json = frequency_json(report);
  CHECK(json[0]["time_in_state"][1]["khz"] == 1'000'000);
  CHECK(json[0]["time_in_state"][1]["time"] == 100 * sim::kMs);
}

TEST_CASE("where frequencies are fixed a report has none", "[report][cpufreq]") {
  CHECK(frequency_text(frequency_report(nullptr, 4), 8).empty());
  CHECK(frequency_json(frequency_report(nullptr, 4)).empty());
}

}  // namespace kt::run
