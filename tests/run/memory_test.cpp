// The statements on memory, the disk that dirty pages go to, and what the report says of both.
#include <catch2/catch.hpp>

#include "tests/run/simulate.hpp"
#include "tools/run/report_json.hpp"
#include "tools/run/report_text.hpp"

using kt::run::MemoryUse;
using kt::run::Report;
using support::simulate;

namespace {

// 64 MiB: min 1 MiB, low 1.25 MiB, high 1.5 MiB.
std::string node(const std::string& keys) {
  return R"("machine": {"cpus": 3, "nodes": [{"cpus": "0-2", "memory": "64M", )" + keys +
         R"(}], "disks": {"d": {"read": "40M", "write": "40M"}}}, )";
}

std::string task(const std::string& statements) {
  return R"("variables": {"r": 1}, "tasks": {"t": {"do": [)" + statements + "]}}";
}

TEST_CASE("a body sees whether it got its memory", "[run][mm]") {
  const Report report =
      simulate("10ms", node(R"("free": "2M", "cache": 0)") +
                           task(R"({"alloc": {"bytes": "64K", "result": "r"}}, {"assert": "r == 0"},
                          {"alloc": {"bytes": "4M", "gfp": "GFP_NOWAIT", "result": "r"}},
                          {"assert": "r == -12"}, {"msleep": "1s"})"));
  CHECK(report.message == "");
  CHECK(report.memory[0].allocated == 64 * 1024);
  CHECK(report.memory[0].stats.failures == 1);
}

TEST_CASE("what was taken can be freed, and nothing else", "[run][mm]") {
  const std::string machine = node(R"("free": "8M", "cache": 0)");
  const Report good = simulate("10ms", machine + task(R"({"alloc": {"bytes": "12K"}},
      {"free": {"bytes": "12K"}})"));
  CHECK(good.message == "");
  CHECK(good.memory[0].free == 8 << 20);
  const Report bad = simulate("10ms", machine + task(R"({"alloc": {"bytes": "8K"}},
      {"free": {"bytes": "12K"}})"));
  CHECK_THAT(bad.message, Catch::Contains("free of 12288 bytes that no alloc took"));
}

TEST_CASE("alloc says in the trace what it returned", "[run][mm]") {
  const Report report = simulate("10ms", task(R"({"alloc": {"bytes": 1}})") +
                                             R"(, "expect": [{"count": "ktsim_return", "==": 1}])");
  CHECK(report.expectations.at(0).passed);
}

TEST_CASE("a handler allocates without sleeping", "[run][mm]") {
  const Report report = simulate("10ms", node(R"("free": "1200K", "cache": "8M")") +
                                             R"("variables": {"r": 1}, "hrtimers": {"h": {"do": [
                       {"alloc": {"bytes": "4K", "gfp": "GFP_ATOMIC", "result": "r"}}]}},
                     "events": [{"t": 0, "start_hrtimer": {"name": "h", "delay": "1ms"}},
                                {"t": "5ms", "assert": "r == 0"}])");
  CHECK(report.message == "");
  CHECK(report.memory[0].stats.kswapd_wakes == 1);
}

TEST_CASE("memory_pressure takes memory away and gives it back", "[run][mm]") {
  const std::string pressure = node(R"("free": "30M", "cache": 0)") +
                               R"("events": [{"t": "1ms", "memory_pressure":
                                    {"level": "low", "for": "4ms"}}])";
  const Report during = simulate("4ms", pressure);
  CHECK(during.memory[0].free == during.memory[0].low);
  CHECK(during.memory[0].hogged == (30 << 20) - during.memory[0].low);
  CHECK(simulate("6ms", pressure).memory[0].free == 30 << 20);
}

TEST_CASE("out of memory with nobody to kill is a defect that names the task", "[run][mm]") {
  const std::string body = R"({"do": [{"loop": 1000, "do": [{"alloc": {"bytes": "4K"}}]}]})";
  const Report report = simulate("1s", node(R"("free": "2M", "cache": 0)") +
                                           R"("kthreads": {"t": )" + body + "}");
  CHECK(report.code() == sim::ExitCode::kDefect);
  CHECK_THAT(report.message, Catch::Contains("no killable processes: t (pid"));
}

TEST_CASE("a task that takes all memory is killed, and is no defect", "[run][mm]") {
  const Report report = simulate(
      "1s", node(R"("free": "2M", "cache": 0)") +
                task(R"({"loop": 1000, "do": [{"alloc": {"bytes": "4K"}}]}, {"mark": "survived"})") +
                R"(, "expect": [{"count": "mark_victim", "==": 1}, {"count": "print", "==": 0}])");
  CHECK(report.message == "");
  CHECK(report.expectations.at(0).passed);
  CHECK(report.expectations.at(1).passed);
  CHECK(report.memory[0].free == 2 << 20);
  CHECK(report.memory[0].allocated == 0);
  REQUIRE(report.oom_kills.size() == 1);
  CHECK(report.oom_kills[0].name == "t");
  CHECK_THAT(kt::run::report_text(report), Catch::Contains("out of memory at t="));
}

TEST_CASE("dirty pages reach the disk, and kswapd waits for them", "[run][mm]") {
  const Report report =
      simulate("10s", node(R"("free": "1400K", "cache": "8M", "dirty": "8M")") +
                          task(R"({"loop": 200, "do": [{"alloc": {"bytes": "4K"}}]},
                               {"msleep": "20s"})") +
                          R"(, "expect": [{"count": "irq_handler_entry", "==": 8},
                               {"count": "mm_vmscan_throttled", ">=": 1}])");
  CHECK(report.message == "");
  const MemoryUse& use = report.memory[0];
  CHECK(use.stats.written == 2048);
  CHECK(use.dirty == 0);
  CHECK(use.free > use.high);
  CHECK(use.allocated == 200 * 4096);
  for (const auto& verdict : report.expectations) CHECK(verdict.passed);
}

TEST_CASE("the report has a table of nodes that were short of memory", "[run][mm]") {
  const Report plenty = simulate("10ms", task(R"({"alloc": {"bytes": 1}})"));
  CHECK(kt::run::report_text(plenty).find("kswapd") == std::string::npos);
  const Report scarce =
      simulate("10ms", node(R"("free": "1M", "cache": "8M")") + task(R"({"alloc": {"bytes": 1}})"));
  const std::string text = kt::run::report_text(scarce);
  CHECK(text.find("\n node    free     min     low    high   cache") != std::string::npos);
  const auto json = kt::run::report_json(scarce, false)["memory"][0];
  CHECK(json["min"] == 1 << 20);
  CHECK(json["low"] == 1280 << 10);
  CHECK(json["direct_reclaims"] == scarce.memory[0].stats.direct_reclaims);
  CHECK(scarce.memory[0].stats.direct_reclaims > 0);
  CHECK(json["direct_reclaim_time"] == scarce.memory[0].stats.direct_time);
}

TEST_CASE("a minimal machine has kswapd only if memory can get short", "[run][mm]") {
  const auto named = [](const Report& report, const std::string& name) {
    return std::ranges::any_of(report.threads,
                               [&](const auto& thread) { return thread.name == name; });
  };
  CHECK(named(
      simulate("10ms", node(R"("free": "1M", "cache": "8M")") + task(R"({"alloc": {"bytes": 1}})")),
      "kswapd0"));
  CHECK_FALSE(named(simulate("10ms", task(R"("yield")")), "kswapd0"));
}

}  // namespace
