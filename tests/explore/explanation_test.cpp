#include "tools/explore/explanation.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/explore/explored.hpp"
#include "tests/support/paths.hpp"
#include "tools/scenario/load.hpp"

using namespace kt;
using namespace kt::explore;

TEST_CASE("a table that is too long keeps its ends and what decides", "[explore]") {
  Explanation explanation;
  explanation.columns = {"t0, CPU 0"};
  for (int i = 0; i < 10'000; ++i)
    explanation.rows.push_back({i, 0, fmt::format("step {};", i), i == 5'000});
  const std::string table = explanation.table();
  CHECK_THAT(table, Catch::Contains("step 0;") && Catch::Contains("step 4990;") &&
                        Catch::Contains("step 5000;") && Catch::Contains("step 9999;") &&
                        Catch::Contains("rows)"));
  CHECK(std::ranges::count(table, '\n') < 100);
}

TEST_CASE("a lost wakeup is explained by its table, its stall and the wake that was lost",
          "[explore]") {
  const scenario::Scenario scenario = test::lost_wakeup(true);
  Subject subject(scenario);
  const SearchResult result = test::search(subject, {});
  REQUIRE(result.found);
  const Explanation explanation = explain(subject, shrink(subject, *result.found));
  REQUIRE(explanation.places.size() == 1);
  CHECK_THAT(explanation.places[0].text(),
             Catch::Contains("in t0 before set_state INTERRUPTIBLE") &&
                 Catch::Contains("first comes t1: wake t0"));
  CHECK_THAT(explanation.why, Catch::Contains("t1 (pid") && Catch::Contains("found it awake"));
  std::vector<std::string> decides;
  for (const Row& row : explanation.rows) {
    if (row.decides) decides.push_back(row.text);
  }
  CHECK(decides.back() == "set_state INTERRUPTIBLE");
  CHECK_THAT(explanation.table(), Catch::Contains("t0, CPU 0") && Catch::Contains("t1, CPU 1"));
}

TEST_CASE("a table says when others see a store that waited", "[explore]") {
  const scenario::Scenario scenario = scenario::load_file(
      (support::source_dir() / "scenarios/races/state-without-barrier-broken.json").string());
  Subject subject(scenario);
  SearchOptions options;
  options.faults.store_buffers = true;
  const SearchResult result = test::search(subject, options);
  REQUIRE(result.found);
  const std::vector<Row> rows = explain(subject, shrink(subject, *result.found)).rows;
  const auto row = [&](std::string_view text) {
    return std::ranges::find(rows, text, &Row::text) - rows.begin();
  };
  CHECK(row("wake waiter") < row("~ others see: __set_state INTERRUPTIBLE"));
  CHECK(row("~ others see: __set_state INTERRUPTIBLE") + 1 == row("schedule"));
}

TEST_CASE("a stall whose task is preempted and moved is told where it began", "[explore]") {
  const scenario::Scenario scenario = scenario::load_file(
      (support::source_dir() / "scenarios/races/unbind-against-wakeup-broken.json").string());
  Subject subject(scenario);
  const SearchResult result = test::search(subject, {});
  REQUIRE(result.found);
  const Found found = shrink(subject, *result.found);
  const Explanation explanation = explain(subject, found);
  REQUIRE(explanation.places.size() == 1);
  CHECK(explanation.places[0].deviation.cpu == 1);
  CHECK(explanation.places[0].time > 11 * sim::kMs);
  CHECK_THAT(explanation.places[0].text(), Catch::Contains("in kworker/1:1 inside usleep") &&
                                               Catch::Contains("first comes cpuhp/1"));
  CHECK(std::ranges::count(explanation.rows, "usleep 11.95ms", &Row::text) == 1);
}

TEST_CASE("a table has the statements of handlers, in a column for the interrupts of each CPU",
          "[explore]") {
  const scenario::Scenario scenario = scenario::load("handlers.json",
                                                     R"({"name": "handlers", "version": 1,
      "duration": "idle", "machine": {"cpus": 1}, "kernel": {"boot": "minimal"},
      "variables": {"n": 0, "x": 0, "ended": 0}, "waitqueues": ["q"],
      "tasklets": {"k": {"do": [
        {"set": "x = n"}, {"set": "n = x + 1"}, {"set": "ended += 1"}, {"wake_up": "q"}]}},
      "irqs": {
        "first": {"cpu": 0, "arrival": {"at": ["30us"]}, "do": [{"tasklet_schedule": "k"}]},
        "second": {"cpu": 0, "arrival": {"at": ["40us"]}, "do": [
          {"set": "n += 1"}, {"set": "ended += 1"}, {"wake_up": "q"}]}},
      "kthreads": {"t": {"cpu": 0, "do": [
        {"wait_event": {"waitqueue": "q", "until": "ended == 2"}}, {"assert": "n == 2"}]}}})");
  Subject subject(scenario);
  const SearchResult result = test::search(subject, {});
  REQUIRE(result.found);
  const Explanation explanation = explain(subject, shrink(subject, *result.found));
  const std::size_t interrupts = static_cast<std::size_t>(
      std::ranges::find(explanation.columns, "interrupts, CPU 0") - explanation.columns.begin());
  REQUIRE(interrupts < explanation.columns.size());
  std::vector<std::string> statements;
  for (const Row& row : explanation.rows) {
    if (row.column == interrupts && row.text.find("n ") != std::string::npos)
      statements.push_back(row.text);
  }
  CHECK(statements == std::vector<std::string>{"set n += 1", "set n = x + 1"});
}

TEST_CASE("an interrupt that lands behind a later one is told with its own time", "[explore]") {
  const scenario::Scenario scenario = scenario::load("late.json", R"({"name": "late", "version": 1,
      "duration": "idle", "machine": {"cpus": 1}, "kernel": {"boot": "minimal"},
      "variables": {"open": 0}, "irqs": {
        "begin": {"cpu": 0, "arrival": {"at": ["30us"]}, "do": [{"set": "open = 1"}]},
        "end": {"cpu": 0, "arrival": {"at": ["33us"]}, "do": [{"assert": "open == 1"}]}},
      "kthreads": {"t": {"cpu": 0, "do": [{"run": "1us"}]}}})");
  Subject subject(scenario);
  const SearchResult result = test::search(subject, {});
  REQUIRE(result.found);
  const Explanation explanation = explain(subject, shrink(subject, *result.found));
  REQUIRE(explanation.places.size() == 1);
  CHECK(explanation.places[0].deviation.kind == Deviation::Kind::kLate);
  CHECK(explanation.places[0].time == 30 * sim::kUs);
}
