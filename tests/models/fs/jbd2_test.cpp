// The journal: when it commits, and who waits for it.
#include "models/fs/jbd2.hpp"

#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

using support::lines_of;
using support::Run;
using support::run_keys;

namespace {

constexpr sim::Time kSecond = 1'000'000'000;
constexpr sim::Time kMs = 1'000'000;

Run run_with(std::string_view duration, std::string_view rest) {
  return run_keys(fmt::format(R"("duration": "{}", "machine": {{"cpus": 2,
      "disks": {{"sda": {{"read": "100M", "write": "100M", "latency": "2ms"}}}}}}, {})",
                              duration, rest));
}

TEST_CASE("a transaction is committed five seconds after its first change", "[fs][jbd2]") {
  const Run run = run_with("20s", R"("tasks": {"w": {"do": [{"msleep": "1s"},
      {"write": {"bytes": "4K"}}, {"msleep": "2s"}, {"write": {"bytes": "4K"}}]}})");
  const auto commits = lines_of(run.trace, "jbd2_start_commit");
  REQUIRE(commits.size() == 1);
  CHECK(commits[0]->time > 6 * kSecond);
  CHECK(commits[0]->time < 6 * kSecond + 200 * kMs);
  CHECK(commits[0]->payload == "dev 8,1 transaction 1 sync 0");
  CHECK(lines_of(run.trace, "jbd2_end_commit").size() == 1);
  CHECK(support::violations(run) == "");
}

TEST_CASE("fsync waits for the pages, then for a commit at once", "[fs][jbd2]") {
  const Run run = run_with("10s", R"("tasks": {"w": {"do": [{"write": {"bytes": "1M"}}, "fsync",
      {"mark": "safe"}, "fsync", {"mark": "nothing to do"}]}})");
  const auto ends = lines_of(run.trace, "jbd2_end_commit");
  REQUIRE(ends.size() == 1);
  CHECK(ends[0]->payload == "dev 8,1 transaction 1 sync 1 head 1");
  CHECK(run.mark("safe") > ends[0]->time);
  // 1 MiB at 100 MB/s, and three requests of 2 ms each.
  CHECK(run.mark("safe") > 16 * kMs);
  CHECK(run.mark("safe") < 20 * kMs);
  CHECK(run.mark("nothing to do") - run.mark("safe") < kMs);
}

TEST_CASE("those who call fsync together share a commit", "[fs][jbd2]") {
  const Run run = run_with("10s", R"("tasks": {
      "a": {"cpu": 0, "do": [{"write": {"bytes": "4K"}}, {"usleep": "1ms"}, "fsync", {"mark": "a"}]},
      "b": {"cpu": 1, "do": [{"write": {"bytes": "4K"}}, {"usleep": "1ms"}, "fsync", {"mark": "b"}]}})");
  CHECK(run.marks.size() == 2);
  CHECK(lines_of(run.trace, "jbd2_end_commit").size() == 1);
}

TEST_CASE("each disk has a journal of its own", "[fs][jbd2]") {
  const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 2,
      "nodes": [{"cpus": "0"}, {"cpus": "1"}],
      "disks": {"sda": {"read": "1G", "write": "1G"}, "sdb": {"read": "1G", "write": "1G", "node": 1}}},
      "tasks": {"w": {"cpu": 1, "do": [{"write": {"bytes": "4K"}}, "fsync"]}})");
  const auto ends = lines_of(run.trace, "jbd2_end_commit");
  REQUIRE(ends.size() == 1);
  CHECK(ends[0]->payload.substr(0, 8) == "dev 8,17");
  CHECK(run.task("jbd2/sda-8").nvcsw == 0);
}

}  // namespace
