#include "tools/run/report.hpp"

#include <catch2/catch.hpp>

#include "tests/run/simulate.hpp"
#include "tools/run/report_json.hpp"
#include "tools/run/report_text.hpp"

using kt::run::CpuUse;
using kt::run::Report;
using kt::run::ThreadUse;
using support::simulate;

namespace {

const std::string kBusyThread = R"("machine": {"cpus": 2}, "tasks": {
  "hog": {"cpu": 0, "do": [{"run": "50ms"}]},
  "other": {"cpu": 0, "do": [{"run": {"exp": "10ms"}}]}}, "kthreads": {
  "sleeper": {"cpu": 1, "do": [{"loop": 100, "do": [{"usleep": "500us"}, {"run": "10us"}]}]}})";

const ThreadUse& thread(const Report& report, const std::string& name) {
  for (const ThreadUse& use : report.threads) {
    if (use.name == name) return use;
  }
  FAIL("no thread " << name);
  return report.threads.front();
}

}  // namespace

TEST_CASE("a CPU is busy for as long as its threads ran", "[report]") {
  const Report report = simulate("100ms", kBusyThread);
  CHECK(report.end == 100'000'000);
  CHECK(thread(report, "hog").runtime >= 50'000'000);
  CHECK(thread(report, "hog").runtime < 51'000'000);
  CHECK(thread(report, "other").run_delay > 0);
  CHECK(thread(report, "hog").involuntary > 0);
  sim::Time busy = 0;
  sim::Time runtime = 0;
  for (const CpuUse& use : report.cpus) busy += use.busy;
  for (const ThreadUse& use : report.threads) runtime += use.runtime;
  CHECK(static_cast<double>(busy) == Approx(static_cast<double>(runtime)).epsilon(0.02));
}

TEST_CASE("a thread that runs at the end is counted up to there", "[report]") {
  const Report report = simulate("30ms", R"("kthreads": {"hog": {"do": [{"run": "50ms"}]}})");
  CHECK(thread(report, "hog").runtime > 29'000'000);
  CHECK(thread(report, "hog").state == 'R');
}

TEST_CASE("each wakeup has a latency", "[report]") {
  const Report report = simulate("100ms", kBusyThread);
  const ThreadUse& sleeper = thread(report, "sleeper");
  CHECK(sleeper.latency.count >= 100);
  CHECK(sleeper.latency.p50 > 0);
  CHECK(sleeper.latency.p50 <= sleeper.latency.p90);
  CHECK(sleeper.latency.p99 <= sleeper.latency.max);
  CHECK(report.wakeups.count >= sleeper.latency.count);
  CHECK(sleeper.voluntary >= 100);
}

TEST_CASE("watching a run does not change it", "[report]") {
  const auto full = [](bool everything) {
    return report_json(
               simulate("100ms", kBusyThread, {.duration = {}, .trace_everything = everything}),
               true)
        .dump();
  };
  const std::string plain = full(false);
  CHECK(plain == full(false));
  CHECK(plain == full(true));
}

TEST_CASE("large machines are summed by node", "[report]") {
  const Report report = simulate("10ms", R"("machine": {"cpus": 32,
    "nodes": [{"cpus": "0-15"}, {"cpus": "16-31"}]},
    "kthreads": {"k": {"cpu": 20, "do": [{"run": "5ms"}]}})");
  CHECK(report.cpus.size() == 32);
  const std::string text = report_text(report);
  CHECK_THAT(text, Catch::Contains("busiest"));
  CHECK(std::count(text.begin(), text.end(), '\n') < 30);
}

TEST_CASE("only the full report has the machine's own threads and buckets", "[report]") {
  const Report report = simulate("100ms", kBusyThread);
  const auto brief = report_json(report, false);
  const auto full = report_json(report, true);
  CHECK(brief["threads"].size() == 3);
  CHECK(full["threads"].size() > 3);
  CHECK_FALSE(brief["wakeup_latency"].contains("buckets"));
  std::uint64_t samples = 0;
  for (const auto& bucket : full["wakeup_latency"]["buckets"]) {
    samples += bucket[1].get<std::uint64_t>();
  }
  CHECK(samples == report.wakeups.count);
}
