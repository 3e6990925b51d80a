// Expressions over shared variables (if, while, until, should_run, assert, set), compiled to a
// postfix program. Arithmetic is 64-bit and wraps, as in a kernel built with -fno-strict-overflow;
// a comparison or a logical operator gives 0 or 1; && and || do not evaluate (or read) what the
// left side decides.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/error.hpp"

namespace kt::scenario {

/// A call in an expression. The argument of evaluate's Env::call.
enum class Call : std::uint8_t {
  kShouldStop,      ///< kthread_should_stop()
  kShouldPark,      ///< kthread_should_park()
  kFreezing,        ///< freezing(current)
  kCpu,             ///< smp_processor_id()
  kNode,            ///< numa_node_id()
  kPending,         ///< work_pending(): argument from pending_argument()
  kKthreadPending,  ///< as kPending, of a kthread work
  kState,           ///< READ_ONCE(thread->__state): index into Scenario::threads
};

enum class Operator : std::uint8_t {
  kConstant,  ///< push value
  kVariable,  ///< push variable `value`: one atomic read
  kCall,      ///< push call(Call(function), value)
  kNot,
  kNegate,
  kMultiply,
  kRemainder,
  kAdd,
  kSubtract,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kEqual,
  kNotEqual,
  kAndThen,  ///< if the top is 0 continue at `value`, keeping 0; else drop it
  kOrElse,   ///< if the top is not 0 make it 1 and continue at `value`; else drop it
  kBoolean,  ///< top = top != 0
};

struct ExpressionStep {
  Operator operation = Operator::kConstant;
  Call function = Call::kShouldStop;
  std::int64_t value = 0;
};

struct Expression {
  /// Operands pending at once are at most this many; the parser refuses deeper expressions.
  static constexpr std::size_t kMaxDepth = 32;

  std::vector<ExpressionStep> steps;
  std::string text;          ///< as written
  std::uint32_t origin = 0;  ///< where it stands (Scenario::origins)
  std::string where;         ///< file:line:column: pointer, for errors at run time
};

/// The argument of pending(): a work (index in works) and its instance, in one number.
constexpr std::int64_t pending_argument(std::int32_t work, std::int32_t instance) {
  return (std::int64_t{work} << 32) | std::int64_t{instance};
}
constexpr std::int32_t pending_work(std::int64_t argument) {
  return static_cast<std::int32_t>(argument >> 32);
}
constexpr std::int32_t pending_instance(std::int64_t argument) {
  return static_cast<std::int32_t>(argument & 0xffff'ffff);
}

/// Applies a binary operator; the remainder of a division by zero is reported by evaluate.
std::int64_t apply(Operator operation, std::int64_t left, std::int64_t right);
[[noreturn]] void remainder_by_zero(const Expression& expression);

/// The value of an expression. `Env` has `std::int64_t variable(std::int32_t index)` and
/// `std::int64_t call(Call function, std::int64_t argument)`, called left to right.
/// Throws sim::UserError at % by zero.
template <class Env>
std::int64_t evaluate(const Expression& expression, Env& env) {
  std::array<std::int64_t, Expression::kMaxDepth> stack;
  std::size_t depth = 0;
  const std::size_t end = expression.steps.size();
  for (std::size_t at = 0; at < end; ++at) {
    const ExpressionStep& step = expression.steps[at];
    switch (step.operation) {
      case Operator::kConstant:
        stack[depth++] = step.value;
        break;
      case Operator::kVariable:
        stack[depth++] = env.variable(static_cast<std::int32_t>(step.value));
        break;
      case Operator::kCall:
        stack[depth++] = env.call(step.function, step.value);
        break;
      case Operator::kNot:
        stack[depth - 1] = stack[depth - 1] == 0 ? 1 : 0;
        break;
      case Operator::kNegate:
        stack[depth - 1] = apply(Operator::kSubtract, 0, stack[depth - 1]);
        break;
      case Operator::kBoolean:
        stack[depth - 1] = stack[depth - 1] != 0 ? 1 : 0;
        break;
      case Operator::kAndThen:
      case Operator::kOrElse: {
        const bool decided = (stack[depth - 1] != 0) == (step.operation == Operator::kOrElse);
        if (!decided) {
          --depth;
          break;
        }
        stack[depth - 1] = step.operation == Operator::kOrElse ? 1 : 0;
        at = static_cast<std::size_t>(step.value) - 1;
        break;
      }
      default:
        --depth;
        if (step.operation == Operator::kRemainder && stack[depth] == 0) [[unlikely]]
          remainder_by_zero(expression);
        stack[depth - 1] = apply(step.operation, stack[depth - 1], stack[depth]);
        break;
    }
  }
  return stack[0];
}

}  // namespace kt::scenario
