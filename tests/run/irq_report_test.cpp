#include "tools/run/irq_report.hpp"

#include <catch2/catch.hpp>

#include "tests/run/simulate.hpp"
#include "tools/run/report_json.hpp"
#include "tools/run/report_text.hpp"

using kt::run::Report;
using support::simulate;

namespace {

const std::string kBusy = R"("machine": {"cpus": 2},
  "irqs": {
    "nic": {"cpu": 0, "arrival": {"periodic": "100us"}, "do": [{"raise_softirq": "NET_RX"}]},
    "dev": {"cpu": 1, "arrival": {"at": ["1ms", "1ms", "3ms"]}, "threaded": true,
      "do": [{"run": "20us"}, {"tasklet_schedule": "t"}]}},
  "softirqs": {"NET_RX": {"do": [{"run": "5us"}]}}, "tasklets": {"t": {"do": [{"run": "1us"}]}})";

}  // namespace

TEST_CASE("each interrupt, softirq and tasklet is counted with its latency", "[report][irq]") {
  const Report report = simulate("10050us", kBusy);
  REQUIRE(report.interrupts.irqs.size() == 2);
  const kt::run::IrqUse& nic = report.interrupts.irqs[0];
  CHECK(nic.irq == 24);
  CHECK(nic.name == "nic");
  CHECK(nic.arrivals == 100);
  CHECK(nic.handled + nic.merged == 100);
  CHECK(nic.thread.empty());
  CHECK(nic.latency.count == nic.handled);
  CHECK(nic.latency.p50 > 0);
  CHECK(nic.by_cpu == std::vector<std::uint64_t>{nic.handled, 0});
  const kt::run::IrqUse& dev = report.interrupts.irqs[1];
  CHECK(dev.arrivals == 3);
  CHECK(dev.merged == 1);
  CHECK(dev.handled == 2);
  CHECK(dev.thread == "irq/25-dev");
  CHECK(dev.thread_runs == 2);
  CHECK(dev.thread_latency.max > dev.latency.max);
  REQUIRE(report.interrupts.tasklets.size() == 1);
  CHECK(report.interrupts.tasklets[0].runs == 2);
  bool net_rx = false;
  for (const kt::run::SoftirqUse& use : report.interrupts.softirqs) {
    if (use.name != "NET_RX") continue;
    net_rx = true;
    CHECK(use.runs == nic.handled);
    CHECK(use.latency.count == use.runs);
  }
  CHECK(net_rx);
}

TEST_CASE("the text and the JSON have them", "[report][irq]") {
  const Report report = simulate("10050us", kBusy);
  const std::string text = report_text(report);
  CHECK_THAT(text, Catch::Contains("in thread irq/25-dev"));
  CHECK_THAT(text, Catch::Contains("NET_RX"));
  const auto json = report_json(report, true);
  CHECK(json["interrupts"]["irqs"][1]["thread_runs"] == 2);
  CHECK(json["interrupts"]["irqs"][0]["latency"].contains("buckets"));
  CHECK(json["interrupts"]["tasklets"][0]["name"] == "t");
  const Report quiet = simulate("1ms", R"("tasks": {"a": {"do": ["yield"]}})");
  CHECK_THAT(report_text(quiet), !Catch::Contains("ksoftirqd"));
}
