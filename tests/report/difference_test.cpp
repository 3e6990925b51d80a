#include "tools/report/difference.hpp"

#include <fmt/format.h>

#include <algorithm>
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
                       Catch::Contains("1 more number differs by less than 1 %"));
  CHECK_THAT(text, !Catch::Contains("p99"));
  CHECK(difference_json(difference(kA, b)).size() == 2);
  CHECK(difference_text(difference(kA, kA), 0.01) == "no difference\n");
}

TEST_CASE("what only one run has is one row", "[diff]") {
  Json b = kA;
  b["threads"].push_back({{"name", "three"}, {"pid", 9}, {"cpu_time", 5}, {"run_delay", 6}});
  const auto rows = difference(kA, b);
  CHECK(row(rows, "three, cpu time").alone == "three");
  CHECK(row(rows, "one, cpu time").alone.empty());
  CHECK(difference_text(rows, 0.01) ==
        fmt::format("\n{:<52} {:>14} {:>14} {:>13}\n  {:<50} {:>43}\n", "threads", "A", "B", "change",
                    "three", "only B"));
  CHECK(difference_json(rows).size() == 2);
  for (int pid = 10; pid < 15; ++pid) {
    b["threads"].push_back({{"name", fmt::format("kworker {}", pid)}, {"pid", pid}, {"cpu_time", 5}});
  }
  CHECK_THAT(difference_text(difference(kA, b), 0.01),
             Catch::Contains("  three  ") && Catch::Contains("  kworker 10 ... kworker 14 (5)  "));
}

TEST_CASE("percentiles that are the same are one row", "[diff]") {
  const auto latency = [](int count, int mean, int p90, int max) {
    return Json{{"threads",
                 {{{"name", "t"}, {"wakeup_latency",
                   {{"count", count}, {"mean", mean}, {"max", max}, {"p50", p90}, {"p90", p90},
                    {"p99", max}, {"p99.9", max}}}}}}};
  };
  const auto text = [](const Json& a, const Json& b) { return difference_text(difference(a, b), 0.01); };
  const std::string one = text(latency(1, 400, 400, 400), latency(1, 3'000'000, 3'000'000, 3'000'000));
  CHECK_THAT(one, Catch::Contains("  t, wakeup latency           ") &&
                      Catch::Contains("0.0004000              3 ms   x7.5e+03\n"));
  CHECK(std::ranges::count(one, '\n') == 3);
  const std::string more = text(latency(3, 500, 400, 700), latency(3, 550, 400, 777));
  CHECK_THAT(more, Catch::Contains("t, wakeup latency, mean") && Catch::Contains("500            550 ns") &&
                       Catch::Contains("t, wakeup latency, p99 to max") && Catch::Contains("+11.0 %"));
  CHECK(std::ranges::count(more, '\n') == 4);
  const Json none{{"threads", {{{"name", "t"}, {"wakeup_latency", {{"count", 0}}}}}}};
  const std::string started = text(none, latency(1, 400, 400, 400));
  CHECK_THAT(started, Catch::Contains("wakeup latency, count") && Catch::Contains("new\n") &&
                          Catch::Contains("wakeup latency, max") && Catch::Contains("only B\n"));
  CHECK(std::ranges::count(started, '\n') == 4);
}

TEST_CASE("a large change is a factor", "[diff]") {
  const auto change = [](double a, double b) {
    return difference_text(difference({{"memory", {{"free", a}}}}, {{"memory", {{"free", b}}}}), 0.01);
  };
  CHECK_THAT(change(2, 10), Catch::EndsWith(" +400.0 %\n"));
  CHECK_THAT(change(2, 25), Catch::EndsWith(" x12.5\n"));
  CHECK_THAT(change(2, 3'000'000), Catch::EndsWith(" x1.5e+06\n"));
  CHECK_THAT(change(200, 1), Catch::EndsWith(" x0.005\n"));
  CHECK_THAT(change(2, 0), Catch::EndsWith(" -100.0 %\n"));
  CHECK_THAT(change(0, 2), Catch::EndsWith(" new\n"));
}
