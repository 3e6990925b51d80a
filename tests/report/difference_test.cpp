#include "tools/report/difference.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace kt::report;
using Json = nlohmann::ordered_json;

const DifferenceRow& row(const std::vector<DifferenceRow>& rows, const std::string& what) {
  for (const DifferenceRow& each : rows) {
    if (each.what == what) return each;
  }
  throw std::out_of_range(what);
}

const Json kA = Json::parse(R"({"name": "x", "seed": 1, "wakeup_latency": {"p99": 1000, "count": 3},
  "threads": [{"name": "one", "pid": 7, "cpu_time": 500}, {"name": "two", "pid": 8, "cpu_time": 100}],
  "hotplug": [{"cpu": 2, "up": false, "start": 5, "time": 40000, "moved": {"tasks": 2},
    "phases": [{"state": 235, "callback": "sched_cpu_deactivate", "start": 6, "time": 16000, "cpu": 2}]}]})");

}  // namespace

TEST_CASE("numbers are matched by what they are of", "[diff]") {
  Json b = kA;
  b["seed"] = 2;
  b["threads"] = Json::parse(R"([{"name": "two", "pid": 5, "cpu_time": 150}])");
  b["hotplug"][0]["phases"][0]["time"] = 8000;
  const auto rows = difference(kA, b);
  CHECK(row(rows, "two, cpu time").a == 100);
  CHECK(row(rows, "two, cpu time").b == 150);
  CHECK(row(rows, "two, cpu time").change() == Approx(0.5));
  CHECK(row(rows, "two, cpu time").unit == Unit::kTime);
  CHECK_FALSE(row(rows, "one, cpu time").b.has_value());
  CHECK(row(rows, "CPU 2 offline, sched_cpu_deactivate, time").b == 8000);
  CHECK_FALSE(row(rows, "CPU 2 offline, moved, tasks").differs());
  CHECK_FALSE(row(rows, "p99").differs());
  CHECK(rows.size() == 7);
}

TEST_CASE("the phases of suspends are matched by their names", "[diff]") {
  const auto suspend = [](const char* phases) {
    return Json{{"suspends",
                 {{{"state", "mem"}, {"by", "control"}, {"pid", 1}, {"asleep", 5000},
                   {"phases", Json::parse(phases)}}}}};
  };
  const auto rows = difference(
      suspend(R"([{"phase": "CPU_OFF[1]", "cpu": 0, "start": 1, "duration": 7},
                  {"phase": "dpm_resume", "cpu": 0, "start": 2, "duration": 8}])"),
      suspend(R"([{"phase": "dpm_resume", "cpu": 0, "start": 1, "duration": 9}])"));
  CHECK(row(rows, "by control, dpm_resume, duration").a == 8);
  CHECK(row(rows, "by control, dpm_resume, duration").b == 9);
  CHECK_FALSE(row(rows, "by control, CPU_OFF[1], duration").b.has_value());
  CHECK(row(rows, "by control, asleep").unit == Unit::kTime);
}

TEST_CASE("the table leaves out what hardly changes", "[diff]") {
  Json b = kA;
  b["wakeup_latency"]["p99"] = 1005;
  b["hotplug"][0]["time"] = 60000;
  const std::string text = difference_text(difference(kA, b), 0.01);
  CHECK_THAT(text, Catch::Contains("CPU 2 offline, time") && Catch::Contains("+50.0 %") &&
                       Catch::Contains("1 more numbers differ by less than 1 %"));
  CHECK_THAT(text, !Catch::Contains("p99"));
  CHECK(difference_json(difference(kA, b)).size() == 2);
  CHECK(difference_text(difference(kA, kA), 0.01) == "no difference\n");
}
