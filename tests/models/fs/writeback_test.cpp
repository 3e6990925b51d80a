// Dirty pages: when the flusher writes them, and who is slowed down.
#include "models/fs/writeback.hpp"

#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

using support::lines_of;
using support::Run;
using support::run_keys;

namespace {

constexpr sim::Time kSecond = 1'000'000'000;

// 1 GiB of which 700 MiB and 64 MiB of page cache may be dirty; a disk of 50 MB a second.
Run run_with(std::string_view duration, std::string_view rest) {
  return run_keys(fmt::format(R"("duration": "{}", "machine": {{"cpus": 2,
      "nodes": [{{"cpus": "0-1", "memory": "1G", "free": "700M", "cache": "64M"}}],
      "disks": {{"sda": {{"read": "50M", "write": "50M", "latency": "1ms"}}}}}}, {})",
                              duration, rest));
}

std::string writer(std::string_view statements) {
  return fmt::format(R"("tasks": {{"w": {{"cpu": 0, "do": [{}]}}}})", statements);
}

TEST_CASE("old pages are written by the periodic flusher, and then it is not armed again",
          "[fs][writeback]") {
  const Run run = run_with("idle", writer(R"({"write": {"bytes": "64K"}}, {"mark": "written"})"));
  const auto starts = lines_of(run.trace, "workqueue_execute_start");
  REQUIRE(starts.size() == 6);  // only at the last they are old enough
  CHECK(starts.front()->time > 4 * kSecond);
  CHECK(starts.front()->time < 6 * kSecond);
  CHECK(starts.back()->time > 30 * kSecond);
  CHECK(starts.back()->time < 37 * kSecond);
  CHECK(run.nothing_since < 37 * kSecond);
  CHECK(support::violations(run) == "");
}

TEST_CASE("below a tenth of memory the flusher has time", "[fs][writeback]") {
  const Run below = run_with("1s", writer(R"({"loop": 60, "do": [{"write": {"bytes": "1M"}}]})"));
  CHECK(lines_of(below.trace, "workqueue_execute_start").empty());
}

TEST_CASE("above a tenth of memory the flusher works at once", "[fs][writeback]") {
  const Run above = run_with("1s", writer(R"({"loop": 130, "do": [{"write": {"bytes": "1M"}}]})"));
  CHECK(lines_of(above.trace, "workqueue_execute_start").size() >= 1);
}

TEST_CASE("a writer comes down to the rate of the disk", "[fs][writeback]") {
  const Run run = run_with("20s", writer(R"({"loop": 64, "do": [{"write": {"bytes": "1M"}}]},
      {"mark": "a"}, {"loop": 256, "do": [{"write": {"bytes": "1M"}}]}, {"mark": "b"},
      {"loop": 256, "do": [{"write": {"bytes": "1M"}}]}, {"mark": "c"})"));
  CHECK(run.mark("a") < kSecond / 10);
  const double rate = 256e9 / static_cast<double>(run.mark("c") - run.mark("b"));  // MiB/s
  CHECK(rate > 30);
  CHECK(rate < 60);
  CHECK(support::violations(run) == "");
}

TEST_CASE("two writers share the disk", "[fs][writeback]") {
  const std::string body = R"({"do": [{"loop": 400, "do": [{"write": {"bytes": "1M"}}]},
      {"mark": "done"}]})";
  const Run run = run_with("40s", R"("tasks": {"v": )" + body + R"(, "w": )" + body + "}");
  REQUIRE(run.marks.size() == 2);
  const sim::Time first = run.marks[0].first;
  const sim::Time second = run.marks[1].first;
  CHECK(second > 10 * kSecond);
  CHECK(second - first < second / 4);
}

TEST_CASE("a killed writer stops", "[fs][writeback]") {
  const Run run = run_with("10s", writer(R"({"loop": 1000, "do": [{"write": {"bytes": "1M"}}]},
      {"mark": "done"})") + R"(, "events": [{"t": "3s", "signal": {"thread": "w",
      "signal": "SIGKILL"}}])");
  CHECK(run.marks.empty());
  CHECK(run.task("w").state == kt::sched::kTaskDead);
}

}  // namespace
