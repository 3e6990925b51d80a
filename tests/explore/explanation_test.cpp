#include "tools/explore/explanation.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/explore/explored.hpp"

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
