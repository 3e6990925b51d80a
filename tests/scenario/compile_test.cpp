// Bodies, compiled and then walked by the smallest interpreter that knows control flow, set and
// mark.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tools/scenario/load.hpp"

namespace {

using namespace kt::scenario;

struct Walk {
  const Scenario& scenario;
  std::vector<std::int64_t> variables = {};
  std::vector<std::string> marks = {};

  std::int64_t variable(std::int32_t index) { return variables[static_cast<std::size_t>(index)]; }
  std::int64_t call(Call, std::int64_t) { return 0; }

  std::int64_t value(std::int32_t expression) {
    return evaluate(scenario.expressions[static_cast<std::size_t>(expression)], *this);
  }

  void set(const Op& op) {
    std::int64_t& target = variables[static_cast<std::size_t>(op.object)];
    const std::int64_t operand = value(op.expression);
    const auto how = static_cast<SetOperator>(op.choice);
    target = how == SetOperator::kAssign ? operand
             : how == SetOperator::kAdd  ? target + operand
                                         : target - operand;
  }

  /// What the body returns.
  std::int64_t run(const Program& program) {
    for (const Variable& each : scenario.variables) variables.push_back(each.initial);
    std::vector<std::int64_t> counters(program.counters);
    std::size_t pc = 0;
    for (int steps = 0; steps < 10'000; ++steps) {
      const Op& op = program.ops.at(pc++);
      const auto target = static_cast<std::size_t>(op.target);
      if (op.verb == Verb::kReturn) return op.number;
      if (op.verb == Verb::kJump) pc = target;
      if (op.verb == Verb::kBranchUnless && value(op.expression) == 0) pc = target;
      if (op.verb == Verb::kLoopBegin) counters.at(op.counter) = op.number;
      if (op.verb == Verb::kLoopNext && counters.at(op.counter)-- == 0) pc = target;
      if (op.verb == Verb::kSet) set(op);
      if (op.verb == Verb::kMark)
        marks.push_back(scenario.texts[static_cast<std::size_t>(op.object)]);
    }
    FAIL("the body does not end");
    return 0;
  }
};

struct Outcome {
  std::int64_t result;
  std::int64_t x;
  std::vector<std::string> marks;
};

Outcome run(const std::string& body) {
  const Scenario scenario =
      load("t.json", R"({"name": "t", "version": 1, "duration": "idle", "variables": {"x": 0},
                         "kthreads": {"a": {"do": [)" +
                         body + "]}}}");
  Walk walk{scenario};
  const std::int64_t result = walk.run(scenario.programs.at(0));
  return {result, walk.variables.at(0), walk.marks};
}

}  // namespace

TEST_CASE("a body ends with a return", "[scenario][compile]") {
  CHECK(run("").result == 0);
  CHECK(run(R"({"return": -4}, {"set": "x = 1"})").result == -4);
  CHECK(run(R"("return", {"set": "x = 1"})").x == 0);
}

TEST_CASE("if takes one branch", "[scenario][compile]") {
  const std::string both =
      R"("then": [{"mark": "then"}], "else": [{"mark": "else"}]}, {"mark": "end"})";
  CHECK(run(R"({"if": "x == 0", )" + both).marks == std::vector<std::string>{"then", "end"});
  CHECK(run(R"({"if": "x != 0", )" + both).marks == std::vector<std::string>{"else", "end"});
  CHECK(run(R"({"if": 0, "then": [{"mark": "then"}]}, {"mark": "end"})").marks ==
        std::vector<std::string>{"end"});
}

TEST_CASE("while tests before each turn", "[scenario][compile]") {
  CHECK(run(R"({"while": "x < 5", "do": [{"set": "x += 2"}]})").x == 6);
  CHECK(run(R"({"while": "x", "do": [{"set": "x = 9"}]})").x == 0);
}

TEST_CASE("a counted loop runs so often, nested and repeated", "[scenario][compile]") {
  CHECK(run(R"({"loop": 0, "do": [{"set": "x += 1"}]})").x == 0);
  CHECK(run(R"({"loop": 3, "do": []})").result == 0);
  CHECK(run(R"({"loop": 3, "do": [{"loop": 4, "do": [{"set": "x += 1"}]}]})").x == 12);
  CHECK(
      run(R"({"loop": 3, "do": [{"set": "x += 1"}]}, {"loop": 2, "do": [{"set": "x += 10"}]})").x ==
      23);
}

TEST_CASE("break and continue act on the innermost loop", "[scenario][compile]") {
  CHECK(
      run(R"({"loop": null, "do": [{"set": "x += 1"}, {"if": "x == 7", "then": ["break"]}]})").x ==
      7);
  CHECK(
      run(R"({"loop": 10, "do": [{"if": "x == 3", "then": ["continue"]}, {"set": "x += 1"}]})").x ==
      3);
  CHECK(run(R"({"loop": 5, "do": [{"loop": null, "do": [{"set": "x += 1"}, "break"]}]})").x == 5);
  CHECK(
      run(R"({"while": "1", "do": [{"loop": 3, "do": [{"set": "x += 1"}, {"break": null}]}, "break"]})")
          .x == 1);
}

TEST_CASE("loops within each other use as many counters as they nest", "[scenario][compile]") {
  const Scenario scenario = load("t.json", R"({"name": "t", "version": 1, "duration": "idle",
    "tasks": {"a": {"do": [{"loop": 2, "do": [{"loop": 2, "do": []}, {"loop": 2, "do": []}]},
                           {"loop": 2, "do": []}]}}})");
  CHECK(scenario.programs.at(0).counters == 2);
}

TEST_CASE("an operation knows its statement", "[scenario][compile]") {
  const Scenario scenario = load("t.json", R"({"name": "t", "version": 1, "duration": "idle",
    "tasks": {"a": {"do": ["schedule", {"if": 1, "then": [{"run": "5us"}]}]}}})");
  const Program& program = scenario.programs.at(0);
  CHECK(scenario.where(program.ops.at(0).origin) == "t.json:2:28: /tasks/a/do/0");
  CHECK(scenario.where(program.ops.at(2).origin) == "t.json:2:59: /tasks/a/do/1/then/0");
}

TEST_CASE("too many statements within each other are refused", "[scenario][compile]") {
  std::string body = "\"schedule\"";
  for (int i = 0; i < 70; ++i) body = R"({"loop": 1, "do": [)" + body + "]}";
  CHECK_THROWS_WITH(run(body), Catch::Contains("nested too deeply"));
}
