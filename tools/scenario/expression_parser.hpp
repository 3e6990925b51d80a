// Parses the text of an expression or of an assignment. Names are looked up through an interface,
// so that the grammar knows nothing of scenarios.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "tools/scenario/expression.hpp"
#include "tools/scenario/program.hpp"

namespace kt::scenario {

/// What the names in an expression stand for. Each throws ValueError for a name it does not have.
class ExpressionNames {
 public:
  virtual ~ExpressionNames() = default;
  [[nodiscard]] virtual std::int32_t variable(std::string_view name) const = 0;
  /// kState and the thread.
  [[nodiscard]] virtual ExpressionStep state(std::string_view thread) const = 0;
  /// kPending or kKthreadPending and pending_argument().
  [[nodiscard]] virtual ExpressionStep pending(std::string_view work) const = 0;
  /// Whether should_stop and should_park may be called here: in the function of a kthread.
  [[nodiscard]] virtual bool in_kthread() const = 0;
};

/// The steps of an expression. Throws ValueError, naming the column in the text.
Expression parse_expression(std::string_view text, const ExpressionNames& names);

/// "x = expression", "x += expression" or "x -= expression". Throws ValueError.
struct Assignment {
  std::int32_t variable = -1;
  SetOperator operation = SetOperator::kAssign;
  Expression value;
};
Assignment parse_assignment(std::string_view text, const ExpressionNames& names);

/// The bits of a task state, "TASK_INTERRUPTIBLE" or several joined by "|"; include/linux/sched.h.
/// Throws ValueError.
std::int64_t parse_task_state(std::string_view text);

/// Whether a shared variable may have that name: an identifier that is neither a call nor a state.
bool is_variable_name(std::string_view name);

}  // namespace kt::scenario
