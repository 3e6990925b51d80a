#include "tools/scenario/expression.hpp"

#include <limits>

namespace kt::scenario {

std::int64_t apply(Operator operation, std::int64_t left, std::int64_t right) {
  const auto a = static_cast<std::uint64_t>(left);
  const auto b = static_cast<std::uint64_t>(right);
  switch (operation) {
    case Operator::kMultiply:
      return static_cast<std::int64_t>(a * b);
    case Operator::kRemainder:
      return right == -1 ? 0 : left % right;  // the least integer % -1 traps
    case Operator::kAdd:
      return static_cast<std::int64_t>(a + b);
    case Operator::kSubtract:
      return static_cast<std::int64_t>(a - b);
    case Operator::kLess:
      return left < right ? 1 : 0;
    case Operator::kLessEqual:
      return left <= right ? 1 : 0;
    case Operator::kGreater:
      return left > right ? 1 : 0;
    case Operator::kGreaterEqual:
      return left >= right ? 1 : 0;
    case Operator::kEqual:
      return left == right ? 1 : 0;
    case Operator::kNotEqual:
      return left != right ? 1 : 0;
    default:
      KT_ASSERT(false, "operator {} is not binary", static_cast<int>(operation));
  }
  return 0;
}

void remainder_by_zero(const Expression& expression) {
  throw sim::UserError(fmt::format("{}: % by zero in \"{}\"", expression.where, expression.text));
}

}  // namespace kt::scenario
