#include "tools/explore/statement_text.hpp"

#include <catch2/catch.hpp>

#include "tests/explore/explored.hpp"

using namespace kt;

TEST_CASE("statements are told in few words", "[explore]") {
  const scenario::Scenario scenario = test::explored(
      R"("variables": {"v": 0}, "mutexes": ["m"], )",
      {R"({"set": "v += 2"}, {"lock": "m"}, {"wake": "t1"}, {"set_state": "TASK_INTERRUPTIBLE"},
          {"if": "v == 2", "then": [{"usleep": "5us"}]}, "schedule")",
       R"({"run": "1us"})"});
  std::vector<std::string> texts;
  for (const scenario::Op& op : scenario.programs[0].ops) {
    texts.push_back(explore::statement_text(scenario, op.origin));
  }
  const auto has = [&](const char* text) {
    return std::find(texts.begin(), texts.end(), text) != texts.end();
  };
  CHECK(has("set v += 2"));
  CHECK(has("lock m"));
  CHECK(has("wake t1"));
  CHECK(has("set_state INTERRUPTIBLE"));
  CHECK(has("test v == 2"));
  CHECK(has("usleep 5us"));
  CHECK(has("schedule"));
}
