// Explorations and replays as people and scripts see them.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/cli/command.hpp"
#include "tests/support/paths.hpp"

using Catch::Contains;
using nlohmann::json;
using support::Bench;
using support::CommandResult;

TEST_CASE("what explore finds, replay repeats, and nothing else", "[cli][explore]") {
  const Bench bench;
  const std::string sections = R"("duration": "idle", "machine": {"cpus": 2},
    "variables": {"flag": 0}, "kthreads": {
      "waiter": {"cpu": 0, "do": [{"while": "flag == 0", "do": [
        {"set_state": "TASK_INTERRUPTIBLE"}, "schedule"]}]},
      "waker": {"cpu": 1, "do": [{"set": "flag = 1"}, {"wake": "waiter"}]}},
    "expect": [{"always": "terminates"}])";
  bench.scenario("race.json", sections);
  const CommandResult found = bench.ktsim("explore race.json --schedule-out found.json");
  CHECK(found.code == 1);
  CHECK_THAT(found.out, Contains("a lost wakeup"));
  CHECK(bench.ktsim("explore race.json --bound 0").code == 0);
  const CommandResult drawn = bench.ktsim("explore race.json --strategy pct --bound 0 --budget 9");
  CHECK(drawn.code == 0);
  CHECK_THAT(drawn.out, Contains("no defect in 9 executions drawn at random"));
  CHECK(bench.ktsim("explore race.json --budget 2").code == 3);
  const CommandResult replayed =
      bench.ktsim("replay race.json --schedule found.json --trace trace.txt");
  CHECK(replayed.code == 1);
  CHECK_THAT(bench.read("trace.txt"), Contains("comm=waiter"));

  const std::string place = "replay cure.json --schedule found.json";
  bench.file("cure.json", R"({"name": "cure", "version": 1, "kernel": {"boot": "minimal"}, )" +
                              sections + "}");
  CHECK_THAT(bench.ktsim(place).out, Contains("\nthe schedule was written for the scenario test;"));
  CHECK(json::parse(bench.ktsim(place + " --json").out)["schedule_of"] == "test");
  CHECK_THAT(replayed.out, !Contains("written for"));

  bench.scenario("other.json", R"("duration": "idle", "machine": {"cpus": 2}, "kthreads": {
    "other": {"cpu": 0, "do": [{"usleep": "1ms"}]}})");
  const CommandResult other = bench.ktsim("replay other.json --schedule found.json");
  CHECK(other.code == 2);
  CHECK_THAT(other.err, Contains("does not fit other.json: deviation 1 of 1 is about waiter"));
  bench.file("blank.json", R"({"schedule": 1, "ktsim": "0.1.0", "scenario": "race",
    "scenario_hash": "0", "set": [], "fault": "a hang", "deviations": [{"kind": "late_interrupt",
    "cpu": 1, "index": 3, "ns": 9, "thread": "", "statement": "", "pointer": ""}]})");
  const CommandResult blank = bench.ktsim("replay race.json --schedule blank.json");
  CHECK(blank.code == 2);
  CHECK_THAT(blank.err, Contains("names no step to compare"));
}

TEST_CASE("an exploration goes on where one has stopped", "[cli][explore]") {
  const Bench bench;
  const std::string sections = R"("duration": "idle", "machine": {"cpus": 2},
    "variables": {"a": 0}, "kthreads": {
      "one": {"cpu": 0, "do": [{"set": "a = 1"}, {"set": "a = 2"}, {"set": "a = 3"}]},
      "other": {"cpu": 1, "do": [{"set": "a = 4"}, {"set": "a = 5"}, {"set": "a = 6"}]}})";
  bench.scenario("good.json", sections);
  int pieces = 1;
  CommandResult piece = bench.ktsim("explore good.json --bound 3 --budget 40 --resume s.json");
  for (; piece.code == 3; ++pieces) {
    CHECK_THAT(piece.out, Contains("the budget ended within bound"));
    piece = bench.ktsim("explore good.json --bound 3 --budget 40 --resume s.json");
  }
  CHECK(pieces > 2);
  CHECK(piece.code == 0);
  CHECK_THAT(piece.out, Contains("no defect in all"));
  CHECK_THAT(bench.ktsim("explore good.json --bound 3").out, Contains("no defect in all"));
  const CommandResult again = bench.ktsim("explore good.json --bound 3 --resume s.json");
  CHECK(again.code == 0);
  CHECK_THAT(again.out, Contains("no defect in all") && Contains("\n0 executions"));

  const auto refused = [&](const std::string& arguments, const std::string& message) {
    const CommandResult result = bench.ktsim("explore " + arguments + " --resume s.json");
    CHECK(result.code == 2);
    CHECK_THAT(result.err, Contains("s.json: ") && Contains(message));
  };
  refused("good.json --jobs 2", "--jobs: 2 here, 1 there");
  refused("good.json --strategy dfs", "--strategy: dfs here, exhaustive there");
  refused("good.json --faults none", "--faults: none here, spurious-wakeup there");
  refused("good.json --set /machine/cpus=3", "another scenario");
  std::string edited = bench.read("s.json");
  const std::size_t bound = edited.find("\"bound\": ");
  bench.file("s.json", edited.insert(bound + 9, "9"));
  refused("good.json", "it was changed");
  bench.file("s.json", "{}");
  refused("good.json", "expected the key \"search\"");
  CHECK(bench.ktsim("explore good.json --resume no/such/folder").code == 4);
  CHECK(bench.ktsim("explore good.json --schedule-out no/such/folder").code == 4);
}

TEST_CASE("replay looks for data races, as explore does", "[cli][explore]") {
  const Bench bench;
  bench.scenario("race.json", R"("duration": "idle", "machine": {"cpus": 2},
    "variables": {"x": {"initial": 1, "plain": true}}, "kthreads": {
      "writer": {"cpu": 0, "do": [{"set": "x = 2"}]},
      "reader": {"cpu": 1, "do": [{"if": "x == 1", "then": []}]}})");
  const CommandResult found = bench.ktsim("explore race.json --schedule-out found.json");
  CHECK(found.code == 1);
  CHECK_THAT(found.out, Contains("a data race") && Contains("writer (pid"));
  CHECK(bench.ktsim("run race.json").code == 0);
  const CommandResult replayed = bench.ktsim("replay race.json --schedule found.json");
  CHECK(replayed.code == 1);
  CHECK_THAT(replayed.out, Contains("Data race on variable x"));
  const json report = json::parse(bench.ktsim("replay race.json --schedule found.json --json").out);
  CHECK(report["exit_code"] == 1);
  CHECK_THAT(report["data_race"].get<std::string>(), Contains("reader (pid"));
  CHECK_THAT(bench.ktsim("check race.json").out, Contains("plain variables: x"));
}

TEST_CASE("one is no plural", "[cli][explore]") {
  const Bench bench;
  bench.scenario("one.json", R"("duration": "idle", "kthreads": {"k": {"do": [{"run": "1us"}]}})");
  const std::string none = bench.ktsim("explore one.json --bound 0").out;
  CHECK_THAT(none, Contains("no defect in the one interleaving up to bound 0\n1 execution in"));
  const std::string drawn = bench.ktsim("explore one.json --strategy pct --budget 1").out;
  CHECK_THAT(drawn, Contains("no defect in 1 execution drawn at random\n1 execution in"));
  bench.scenario("stuck.json", R"("duration": "idle", "completions": ["c"],
    "kthreads": {"k": {"do": [{"wait_for_completion": "c"}]}})");
  CHECK_THAT(bench.ktsim("explore stuck.json").out, Contains("a hang after 1 execution\n"));
}

TEST_CASE("deviations are told in the order of time, and written as they are", "[cli][explore]") {
  const Bench bench;
  const std::filesystem::path race =
      support::source_dir() / "scenarios/races/state-without-barrier-broken.json";
  const std::string out =
      bench.ktsim("explore " + race.string() + " --schedule-out found.json").out;
  const std::size_t store = out.find("  a store stays in the store buffer at t=1.82us");
  const std::size_t stall = out.find("  CPU 0 stalls 531ns at t=1.83us");
  CHECK(store < stall);
  CHECK(stall != std::string::npos);
  CHECK(json::parse(bench.read("found.json"))["deviations"][0]["kind"] == "stall");
}

TEST_CASE("what is found does not depend on the number of jobs", "[cli][explore]") {
  const Bench bench;
  const auto verdict = [&](const std::string& name, int jobs) {
    const std::string path = (support::source_dir() / "scenarios/races" / name).string();
    json all = json::parse(
        bench.ktsim("explore --json " + path + ".json --jobs " + std::to_string(jobs)).out);
    for (const char* differs : {"seconds", "executions", "schedule", "why"}) all.erase(differs);
    return all;
  };
  for (const std::string pair : {"six-locks", "timer-after-free", "test-before-state"}) {
    const json fixed = verdict(pair + "-fixed", 1);
    CHECK(fixed["exit_code"] == 0);
    CHECK(fixed["interleavings"] > 1);
    const json broken = verdict(pair + "-broken", 1);
    CHECK(broken["exit_code"] == 1);
    for (const int jobs : {2, 8, 32}) {
      CAPTURE(pair, jobs);
      CHECK(verdict(pair + "-fixed", jobs) == fixed);
      CHECK(verdict(pair + "-broken", jobs)["fault"] == broken["fault"]);
    }
  }
}
