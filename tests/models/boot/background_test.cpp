// The chatter of a machine against the recording that its rates come from: freeze_failure, 25 s of
// two CPUs that do next to nothing (22 vmstat_shepherd, 12 flush_memcg_stats_dwork, 12
// psi_avgs_work, 9 neigh_managed_work, 10 vmstat_update, 47 wakeups of kcompactd0).
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

using support::lines_of;
using support::Run;
using support::run_scenario;

namespace {

Run run_with(std::string_view background, std::string_view rest = R"("duration": "25s")") {
  return run_scenario(fmt::format(R"({{"name": "t", "version": 1, "machine": {{"cpus": 2}},
      "kernel": {{"background": "{}"}}, {}}})",
                                  background, rest));
}

std::size_t executed(const Run& run, std::string_view function) {
  std::size_t count = 0;
  for (const support::TraceLine* line : lines_of(run.trace, "workqueue_execute_start")) {
    if (line->text.find(function) != std::string::npos) ++count;
  }
  return count;
}

std::size_t switched_in(const Run& run, std::string_view comm) {
  return lines_of(run.trace, "sched_switch", "next_comm", comm).size();
}

bool within(std::size_t value, std::size_t least, std::size_t most) {
  INFO(value);
  return value >= least && value <= most;
}

// A thread that keeps CPU 1 from sleeping on, as that of the recording does: deferrable timers wait
// for a CPU to wake up.
constexpr std::string_view kAwake = R"("duration": "25s", "kthreads": {"fz": {"cpu": 1, "do": [
    {"loop": null, "do": [{"msleep": "100ms"}]}]}})";

TEST_CASE("an idle machine does what the recorded one did, as often", "[boot][background]") {
  const Run run = run_with("idle", kAwake);
  CHECK(within(executed(run, "vmstat_shepherd"), 17, 26));
  CHECK(within(executed(run, "flush_memcg_stats_dwork"), 11, 13));
  CHECK(within(executed(run, "psi_avgs_work"), 11, 13));
  CHECK(within(executed(run, "neigh_managed_work"), 8, 11));
  CHECK(within(switched_in(run, "kcompactd0"), 46, 50));
  CHECK(within(executed(run, "vmstat_update"), 1, 10));  // a thread was made
  CHECK(within(switched_in(run, "migration/0"), 6, 6));
  CHECK(within(switched_in(run, "migration/1"), 6, 7));
  CHECK(executed(run, "kfree_rcu_monitor") == 0);
  CHECK(switched_in(run, "khugepaged") == 0);
  CHECK(support::violations(run) == "");
}

TEST_CASE("counters that have changed are folded a few times", "[boot][background]") {
  const Run run = run_with("idle", R"("duration": "10s", "kthreads": {"k": {"cpu": 1, "do": [
      {"alloc": {"bytes": 4096}}, {"loop": null, "do": [{"msleep": "100ms"}]}]}})");
  CHECK(within(executed(run, "vmstat_update"), 4, 10));
}

TEST_CASE("a server folds the counters of each CPU that is awake each second", "[boot][background]") {
  const Run run = run_with("server", kAwake);
  CHECK(within(executed(run, "vmstat_update"), 20, 52));
  CHECK(within(executed(run, "kfree_rcu_monitor"), 4, 6));
  CHECK(switched_in(run, "khugepaged") == 2);
  CHECK(support::violations(run) == "");
}

Run run_with_disk(std::string_view background) {
  return run_scenario(fmt::format(R"({{"name": "t", "version": 1, "duration": "61s",
      "machine": {{"cpus": 2, "disks": {{"sda": {{"read": "100M", "write": "100M"}}}}}},
      "kernel": {{"background": "{}"}}}})",
                                  background));
}

TEST_CASE("with a disk a daemon keeps the flusher and the journal at work", "[boot][background]") {
  const Run run = run_with_disk("idle");
  CHECK(within(lines_of(run.trace, "jbd2_end_commit").size(), 8, 12));
  CHECK(within(executed(run, "wb_workfn"), 8, 12));
}

TEST_CASE("the daemon of a server waits for its commits", "[boot][background]") {
  const Run run = run_with_disk("server");
  CHECK(within(lines_of(run.trace, "jbd2_end_commit").size(), 11, 22));
  CHECK(run.task("systemd-journal").nvcsw > 60);
}

std::size_t between(const std::vector<const support::TraceLine*>& lines, sim::Time from,
                    sim::Time to) {
  return static_cast<std::size_t>(
      std::ranges::count_if(lines, [from, to](const support::TraceLine* line) {
        return line->time >= from && line->time < to;
      }));
}

TEST_CASE("the background leaves a CPU that goes, and is there again when it comes",
          "[boot][background][hotplug]") {
  const Run run = run_with("server", R"("duration": "16s", "kthreads": {"busy": {"cpu": 0, "do": [
      {"loop": null, "do": [{"msleep": "100ms"}]}]}},
      "events": [{"t": "3s", "cpu_down": 1}, {"t": "8s", "mark": "up"}, {"t": "8s", "cpu_up": 1}])");
  std::vector<const support::TraceLine*> folds;
  for (const support::TraceLine* line : lines_of(run.trace, "workqueue_execute_start")) {
    if (line->cpu == 1 && line->payload.ends_with("vmstat_update")) folds.push_back(line);
  }
  const auto feeds = lines_of(run.trace, "sched_switch", "next_comm", "migration/1");
  const sim::Time up = run.mark("up");
  CHECK(between(folds, 0, 3'000'000'000) > 0);
  CHECK(between(folds, up, run.end) > 0);
  CHECK(between(feeds, up + 3'000'000'000, run.end) == 1);  // 4 s after it came, and each 4 s
  CHECK(support::violations(run) == "");                    // nothing runs there meanwhile
}

TEST_CASE("a node that has lost its CPUs gets kcompactd back", "[boot][background][hotplug]") {
  const Run run = run_scenario(R"({"name": "t", "version": 1, "duration": "6s",
      "machine": {"cpus": 4, "nodes": [{"cpus": "0-1"}, {"cpus": "2-3"}]},
      "kernel": {"background": "idle"},
      "events": [{"t": "1s", "cpu_down": 2}, {"t": "1.2s", "cpu_down": 3},
                 {"t": "3s", "cpu_up": 2}, {"t": "3.5s", "mark": "up"}]})");
  bool elsewhere = false;
  bool back = false;
  for (const support::TraceLine* line :
       lines_of(run.trace, "sched_switch", "next_comm", "kcompactd1")) {
    if (line->cpu < 2) elsewhere = true;
    if (line->time < run.mark("up")) continue;
    back = true;
    CHECK(line->cpu == 2);
  }
  CHECK(elsewhere);
  CHECK(back);
}

TEST_CASE("the daemon of the background freezes, and its kernel threads",
          "[boot][background][power]") {
  const Run run = run_scenario(R"({"name": "t", "version": 1, "duration": "20s",
      "machine": {"cpus": 2, "disks": {"sda": {"read": "100M", "write": "100M"}}},
      "kernel": {"background": "server"},
      "events": [{"t": "6.5s", "mark": "asleep"},
                 {"t": "6.5s", "suspend": {"state": "s2idle", "wake_after": "5s"}},
                 {"t": "11.5s", "mark": "awake"}]})");
  constexpr sim::Time kEntry = 30'000'000;  // ns, until all have frozen, and the other way
  for (const std::string_view thread : {"systemd-journal", "kcompactd0", "jbd2/sda-8"}) {
    CAPTURE(thread);
    const auto runs = lines_of(run.trace, "sched_switch", "next_comm", thread);
    CHECK(between(runs, 0, run.mark("asleep")) > 0);
    CHECK(between(runs, run.mark("asleep") + kEntry, run.mark("awake") - kEntry) == 0);
    CHECK(between(runs, run.mark("awake"), run.end) > 0);
  }
  CHECK(support::violations(run) == "");
}

TEST_CASE("a server with a disk survives hotplug and suspends", "[boot][background][hotplug][power]") {
  const Run run = run_scenario(R"({"name": "t", "version": 1, "duration": "60s",
      "machine": {"cpus": 4, "disks": {"sda": {"read": "100M", "write": "100M"}}},
      "kernel": {"background": "server"}, "variables": {"r": 0},
      "events": [
        {"t": "1s", "do": [{"loop": 12, "do": [{"cpu_down": 3}, {"cpu_down": 1}, {"msleep": "300ms"},
          {"cpu_up": 1}, {"cpu_down": 2}, {"msleep": "700ms"}, {"cpu_up": 3}, {"cpu_up": 2}]},
          {"suspend": {"state": "deep", "wake_after": "3s", "result": "r"}}, {"assert": "r == 0"},
          {"suspend": {"state": "s2idle", "wake_after": "3s", "result": "r"}}, {"assert": "r == 0"},
          {"mark": "quiet"}]}]})");
  CHECK(run.message == "");
  CHECK(support::violations(run) == "");
  const sim::Time quiet = run.mark("quiet");
  CHECK(within(between(lines_of(run.trace, "jbd2_end_commit"), quiet, run.end), 4, 12));
  for (const std::string_view thread : {"migration/1", "migration/2", "migration/3"}) {
    CAPTURE(thread);
    CHECK(between(lines_of(run.trace, "sched_switch", "next_comm", thread), quiet, run.end) >= 5);
  }
}

TEST_CASE("without a background the machine is silent", "[boot][background]") {
  const Run run = run_with("none", R"("duration": "idle")");
  CHECK(run.nothing_since < 1'000'000'000);
  CHECK(lines_of(run.trace, "workqueue_execute_start").empty());
}

TEST_CASE("with one, a run never becomes idle, and says so", "[boot][background]") {
  CHECK_THROWS_WITH(run_with("idle", R"("duration": "idle")"),
                    Catch::Contains("/kernel/background") && Catch::Contains("never ends"));
}

TEST_CASE("the threads of a smallest boot are not enough for it", "[boot][background]") {
  CHECK_THROWS_WITH(run_scenario(R"({"name": "t", "version": 1, "duration": "1s",
                        "kernel": {"boot": "minimal", "background": "idle"}})"),
                    Catch::Contains("/kernel/background"));
}

}  // namespace
