#include "tools/scenario/expression_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "tools/scenario/nearest.hpp"
#include "tools/scenario/values.hpp"

namespace kt::scenario {
namespace {

struct NamedState {
  std::string_view name;
  std::int64_t bits;
};

// include/linux/sched.h
constexpr std::array<NamedState, 8> kStates{{{"TASK_RUNNING", 0x0},
                                             {"TASK_INTERRUPTIBLE", 0x1},
                                             {"TASK_UNINTERRUPTIBLE", 0x2},
                                             {"TASK_PARKED", 0x40},
                                             {"TASK_DEAD", 0x80},
                                             {"TASK_KILLABLE", 0x102},
                                             {"TASK_IDLE", 0x402},
                                             {"TASK_FREEZABLE", 0x2000}}};

struct NamedCall {
  std::string_view name;
  Call call;
};

constexpr std::array<NamedCall, 7> kCalls{{{"should_stop", Call::kShouldStop},
                                           {"should_park", Call::kShouldPark},
                                           {"freezing", Call::kFreezing},
                                           {"cpu", Call::kCpu},
                                           {"node", Call::kNode},
                                           {"pending", Call::kPending},
                                           {"state", Call::kState}}};

struct BinaryOperator {
  std::string_view text;
  Operator operation;
  int strength;  // binds tighter than all with less
};

// Longer texts first: "<=" before "<".
constexpr std::array<BinaryOperator, 12> kOperators{{{"||", Operator::kOrElse, 1},
                                                     {"&&", Operator::kAndThen, 2},
                                                     {"==", Operator::kEqual, 3},
                                                     {"!=", Operator::kNotEqual, 3},
                                                     {"<=", Operator::kLessEqual, 4},
                                                     {">=", Operator::kGreaterEqual, 4},
                                                     {"<", Operator::kLess, 4},
                                                     {">", Operator::kGreater, 4},
                                                     {"+", Operator::kAdd, 5},
                                                     {"-", Operator::kSubtract, 5},
                                                     {"*", Operator::kMultiply, 6},
                                                     {"%", Operator::kRemainder, 6}}};
constexpr int kTightest = 6;
constexpr int kDeepestExpression = 64;  // parentheses and prefix operators within each other

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_space(char c) {
  return c == ' ' || c == '\t';
}

template <class Table>
auto find_named(const Table& table, std::string_view name) {
  return std::find_if(table.begin(), table.end(), [&](const auto& t) { return t.name == name; });
}

class Parser {
 public:
  Parser(std::string_view text, const ExpressionNames& names) : text_(text), names_(names) {}

  Expression whole() {
    binary(1);
    skip();
    if (at_ < text_.size()) fail(fmt::format("unexpected '{}'", text_[at_]), "an operator");
    Expression expression;
    expression.steps = std::move(steps_);
    expression.text = text_;
    return expression;
  }

  Assignment assignment() {
    skip();
    Assignment result;
    const std::string_view name = identifier();
    if (name.empty()) fail("no variable to set", kAssignmentForm);
    result.variable = names_.variable(name);
    skip();
    if (take("+="))
      result.operation = SetOperator::kAdd;
    else if (take("-="))
      result.operation = SetOperator::kSubtract;
    else if (text_.substr(at_).starts_with("==") || !take("="))
      fail("no assignment", kAssignmentForm);
    result.value = whole();
    return result;
  }

 private:
  static constexpr const char* kAssignmentForm =
      "\"variable = expression\", \"variable += expression\" or \"variable -= expression\"";
  static constexpr const char* kOperandForm = "an integer, a variable, a call or '('";

  [[noreturn]] void fail(const std::string& what, const std::string& expected) const {
    throw ValueError{fmt::format("{} at column {} of \"{}\"", what, at_ + 1, text_), expected};
  }
  void skip() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  bool take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  std::string_view identifier() {
    const std::size_t begin = at_;
    if (at_ < text_.size() && is_letter(text_[at_]))
      while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  void push(ExpressionStep step) {
    if (++depth_ > Expression::kMaxDepth) fail("the expression is too deep", "fewer operands");
    steps_.push_back(step);
  }
  void apply_step(Operator operation) { steps_.push_back({operation, Call::kShouldStop, 0}); }

  const BinaryOperator* operator_here(int strength) {
    skip();
    for (const BinaryOperator& known : kOperators)
      if (text_.substr(at_).starts_with(known.text))
        return known.strength == strength ? &known : nullptr;
    return nullptr;
  }

  /// Operators of that strength, left to right, over operands that bind tighter.
  void binary(int strength) {
    if (strength > kTightest) return unary();
    binary(strength + 1);
    while (const BinaryOperator* found = operator_here(strength)) {
      at_ += found->text.size();
      const bool logical = strength <= 2;
      const std::size_t jump = steps_.size();
      if (logical) {
        apply_step(found->operation);
        --depth_;
      }
      binary(strength + 1);
      if (logical) {
        apply_step(Operator::kBoolean);
        steps_[jump].value = static_cast<std::int64_t>(steps_.size());
      } else {
        apply_step(found->operation);
        --depth_;
      }
    }
  }

  void unary() {
    if (++nesting_ > kDeepestExpression)
      fail("the expression is nested too deeply", "fewer levels");
    skip();
    if (at_ < text_.size() && text_[at_] == '!') {
      ++at_;
      unary();
      apply_step(Operator::kNot);
    } else if (at_ < text_.size() && text_[at_] == '-') {
      ++at_;
      unary();
      apply_step(Operator::kNegate);
    } else {
      primary();
    }
    --nesting_;
  }

  void primary() {
    if (at_ >= text_.size()) fail("the expression ends", kOperandForm);
    if (is_digit(text_[at_])) return push({Operator::kConstant, Call::kShouldStop, number()});
    if (take("(")) {
      binary(1);
      skip();
      if (!take(")")) fail("unbalanced parentheses", "')'");
      return;
    }
    const std::string_view name = identifier();
    if (name.empty()) fail(fmt::format("unexpected '{}'", text_[at_]), kOperandForm);
    const auto call = find_named(kCalls, name);
    if (call != kCalls.end()) return push(called(*call));
    const auto state = find_named(kStates, name);
    if (state != kStates.end()) return push({Operator::kConstant, Call::kShouldStop, state->bits});
    push({Operator::kVariable, Call::kShouldStop, names_.variable(name)});
  }

  std::int64_t number() {
    std::int64_t value = 0;
    const auto [end, error] =
        std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc{}) fail("an integer is out of range", "at most 64 bits");
    at_ = static_cast<std::size_t>(end - text_.data());
    return value;
  }

  ExpressionStep called(const NamedCall& named) {
    const std::size_t before = at_;
    skip();
    const bool takes_name = named.call == Call::kPending || named.call == Call::kState;
    std::string_view argument;
    if (take("(")) {
      const std::size_t end = text_.find(')', at_);
      if (end == std::string_view::npos) fail("unbalanced parentheses", "')'");
      argument = text_.substr(at_, end - at_);
      while (!argument.empty() && is_space(argument.front())) argument.remove_prefix(1);
      while (!argument.empty() && is_space(argument.back())) argument.remove_suffix(1);
      at_ = end + 1;
    } else {
      at_ = before;
    }
    if (takes_name && argument.empty())
      fail(fmt::format("{} needs a name", named.name), fmt::format("{}(NAME)", named.name));
    if (!takes_name && !argument.empty())
      fail(fmt::format("{} takes no argument", named.name), std::string(named.name));
    if (named.call == Call::kPending) return names_.pending(argument);
    if (named.call == Call::kState) return names_.state(argument);
    const bool kthread_only = named.call == Call::kShouldStop || named.call == Call::kShouldPark;
    if (kthread_only && !names_.in_kthread())
      fail(fmt::format("{} is only known to a kthread's own function,", named.name),
           "an expression without it");
    return {Operator::kCall, named.call, 0};
  }

  std::string_view text_;
  const ExpressionNames& names_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  int nesting_ = 0;
  std::vector<ExpressionStep> steps_;
};

}  // namespace

Expression parse_expression(std::string_view text, const ExpressionNames& names) {
  return Parser(text, names).whole();
}

Assignment parse_assignment(std::string_view text, const ExpressionNames& names) {
  return Parser(text, names).assignment();
}

std::int64_t parse_task_state(std::string_view text) {
  std::vector<std::string_view> names;
  for (const NamedState& state : kStates) names.push_back(state.name);
  std::int64_t bits = 0;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('|', begin), text.size());
    std::string_view name = text.substr(begin, end - begin);
    while (!name.empty() && is_space(name.front())) name.remove_prefix(1);
    while (!name.empty() && is_space(name.back())) name.remove_suffix(1);
    const auto found = find_named(kStates, name);
    if (found == kStates.end())
      throw ValueError{fmt::format("unknown task state \"{}\"", name), "TASK_RUNNING, …, TASK_IDLE",
                       nearest(name, names)};
    bits |= found->bits;
    begin = end + 1;
  }
  return bits;
}

bool is_variable_name(std::string_view name) {
  if (name.empty() || !is_letter(name.front())) return false;
  const bool plain =
      std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
  return plain && find_named(kCalls, name) == kCalls.end() &&
         find_named(kStates, name) == kStates.end();
}

}  // namespace kt::scenario
