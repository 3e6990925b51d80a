#include "tools/scenario/expression.hpp"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>
#include <random>

#include "tools/scenario/expression_parser.hpp"
#include "tools/scenario/values.hpp"

namespace {

using namespace kt::scenario;

struct FewNames : ExpressionNames {
  std::int32_t variable(std::string_view name) const override {
    if (name.size() == 1 && name[0] >= 'a' && name[0] <= 'd') return name[0] - 'a';
    throw ValueError{"unknown variable", ""};
  }
  ExpressionStep state(std::string_view) const override {
    return {Operator::kCall, Call::kState, 5};
  }
  ExpressionStep pending(std::string_view) const override {
    return {Operator::kCall, Call::kPending, pending_argument(3, 7)};
  }
  bool in_kthread() const override { return true; }
};

/// Variables a to d, and the calls that were made.
struct Environment {
  std::array<std::int64_t, 4> values{};
  std::vector<std::int32_t> read;
  std::vector<std::pair<Call, std::int64_t>> calls;
  std::int64_t variable(std::int32_t index) {
    read.push_back(index);
    return values[static_cast<std::size_t>(index)];
  }
  std::int64_t call(Call function, std::int64_t argument) {
    calls.emplace_back(function, argument);
    return 1;
  }
};

std::int64_t value_of(const std::string& text, Environment environment = {}) {
  return evaluate(parse_expression(text, FewNames{}), environment);
}

}  // namespace

TEST_CASE("operators bind as in C", "[scenario][expression]") {
  CHECK(value_of("1 + 2 * 3") == 7);
  CHECK(value_of("(1 + 2) * 3") == 9);
  CHECK(value_of("10 - 3 - 2") == 5);
  CHECK(value_of("7 % 4 * 2") == 6);
  CHECK(value_of("1 < 2 == 1") == 1);
  CHECK(value_of("1 + 1 < 3 && 2 >= 2 || 0") == 1);
  CHECK(value_of("0 && 0 || 1") == 1);
  CHECK(value_of("1 || 0 && 0") == 1);
  CHECK(value_of("!0 + 1") == 2);
  CHECK(value_of("!!5") == 1);
  CHECK(value_of("- -3") == 3);
  CHECK(value_of("-3 % 2") == -1);
  CHECK(value_of("5 && 7") == 1);
  CHECK(value_of("TASK_IDLE") == 0x402);
}

TEST_CASE("arithmetic wraps and does not trap", "[scenario][expression]") {
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  CHECK(value_of("9223372036854775807 + 1") == kMin);
  CHECK(value_of("a % -1", {{kMin}, {}, {}}) == 0);
  CHECK(value_of("-a", {{kMin}, {}, {}}) == kMin);
}

TEST_CASE("what the left side decides is not evaluated", "[scenario][expression]") {
  Environment environment{{0, 1, 0, 0}, {}, {}};
  CHECK(evaluate(parse_expression("a && c % a || b || d", FewNames{}), environment) == 1);
  CHECK(environment.read == std::vector<std::int32_t>{0, 1});
}

TEST_CASE("each variable is read once, left to right", "[scenario][expression]") {
  Environment environment;
  evaluate(parse_expression("c + a * b - c", FewNames{}), environment);
  CHECK(environment.read == std::vector<std::int32_t>{2, 0, 1, 2});
}

TEST_CASE("calls stand with and without parentheses", "[scenario][expression]") {
  Environment environment;
  const Expression expression = parse_expression(
      "should_stop + should_park() + freezing ( ) + cpu + node + "
      "pending( w/7 ) + state(kpc/1)",
      FewNames{});
  CHECK(evaluate(expression, environment) == 7);
  REQUIRE(environment.calls.size() == 7);
  CHECK(environment.calls[0].first == Call::kShouldStop);
  CHECK(environment.calls[5] == std::pair{Call::kPending, pending_argument(3, 7)});
  CHECK(pending_work(environment.calls[5].second) == 3);
  CHECK(pending_instance(environment.calls[5].second) == 7);
  CHECK(environment.calls[6] == std::pair{Call::kState, std::int64_t{5}});
}

TEST_CASE("a remainder by zero is the user's error at run time", "[scenario][expression]") {
  Expression expression = parse_expression("1 % a", FewNames{});
  expression.where = "t.json:1:2: /kthreads/a/do/0/if";
  Environment environment;
  CHECK_THROWS_WITH(evaluate(expression, environment),
                    "t.json:1:2: /kthreads/a/do/0/if: % by zero in \"1 % a\"");
}

TEST_CASE("assignments have three operators", "[scenario][expression]") {
  CHECK(parse_assignment("b = 1", FewNames{}).operation == SetOperator::kAssign);
  CHECK(parse_assignment("b+=a", FewNames{}).operation == SetOperator::kAdd);
  const Assignment assignment = parse_assignment("  b -= 2 * 3", FewNames{});
  CHECK(assignment.operation == SetOperator::kSubtract);
  CHECK(assignment.variable == 1);
  Environment environment;
  CHECK(evaluate(assignment.value, environment) == 6);
}

TEST_CASE("too deep an expression is refused", "[scenario][expression]") {
  std::string right = "1";
  for (int i = 0; i < 40; ++i) right = "1 + (" + right + ")";
  CHECK_THROWS_AS(value_of(right), ValueError);
  CHECK_THROWS_AS(value_of(std::string(5000, '(')), ValueError);
  CHECK_THROWS_AS(value_of(std::string(5000, '!')), ValueError);
  std::string left = "1";
  for (int i = 0; i < 5000; ++i) left += " + 1";
  CHECK(value_of(left) == 5001);
}

TEST_CASE("task states are the kernel's bits", "[scenario][expression]") {
  CHECK(parse_task_state("TASK_RUNNING") == 0);
  CHECK(parse_task_state("TASK_KILLABLE") == 0x102);
  CHECK(parse_task_state("TASK_INTERRUPTIBLE|TASK_FREEZABLE") == 0x2001);
  CHECK(parse_task_state("TASK_INTERRUPTIBLE | TASK_FREEZABLE") == 0x2001);
  for (const char* wrong : {"", "TASK_", "|", "TASK_IDLE|", "1"})
    CHECK_THROWS_AS(parse_task_state(wrong), ValueError);
}

namespace {

/// A random expression with its value, computed beside the text.
struct Sample {
  std::string text;
  std::int64_t value;
};

Sample random_sample(std::mt19937& random, int depth) {
  if (depth == 0 || random() % 4 == 0) {
    const auto n = static_cast<std::int64_t>(random() % 5);
    return {fmt::format("{}", n), n};
  }
  const Sample left = random_sample(random, depth - 1);
  if (random() % 5 == 0) return {fmt::format("!({})", left.text), left.value == 0 ? 1 : 0};
  if (random() % 5 == 0) return {fmt::format("-({})", left.text), -left.value};
  const Sample right = random_sample(random, depth - 1);
  const auto both = [&](const char* name, std::int64_t value) {
    return Sample{fmt::format("({}) {} ({})", left.text, name, right.text), value};
  };
  switch (random() % 12) {
    case 0:
      return both("+", left.value + right.value);
    case 1:
      return both("-", left.value - right.value);
    case 2:
      return both("*", left.value * right.value);
    case 3:
      return both("<", left.value < right.value);
    case 4:
      return both("<=", left.value <= right.value);
    case 5:
      return both(">", left.value > right.value);
    case 6:
      return both(">=", left.value >= right.value);
    case 7:
      return both("==", left.value == right.value);
    case 8:
      return both("!=", left.value != right.value);
    case 9:
      return both("&&", left.value != 0 && right.value != 0);
    case 10:
      return both("||", left.value != 0 || right.value != 0);
    default:
      return right.value == 0 ? both("+", left.value + right.value)
                              : both("%", left.value % right.value);
  }
}

}  // namespace

TEST_CASE("random expressions have their value", "[scenario][expression][property]") {
  const auto seed = GENERATE(1U, 2U, 3U, 4U);
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    const Sample sample = random_sample(random, 4);
    CAPTURE(sample.text);
    REQUIRE(value_of(sample.text) == sample.value);
  }
}
