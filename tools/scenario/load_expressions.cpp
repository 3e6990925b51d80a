// Expressions and assignments, with the names in them looked up in the scenario.
#include "tools/scenario/expression_parser.hpp"
#include "tools/scenario/load_context.hpp"

namespace kt::scenario {
namespace {

/// The names in expressions, looked up in the scenario.
class ScenarioNames : public ExpressionNames {
 public:
  ScenarioNames(const LoadContext& context, Context where) : context_(context), where_(where) {}

  std::int32_t variable(std::string_view name) const override {
    return context_.names.reference(Section::kVariable, name);
  }
  ExpressionStep state(std::string_view thread) const override {
    return {Operator::kCall, Call::kState, context_.names.thread(thread, ThreadSet::kAny)};
  }
  ExpressionStep pending(std::string_view work) const override {
    const std::string_view base = work.substr(0, work.rfind('/'));
    const bool kthread_work = !context_.names.find(Section::kWork, base) &&
                              context_.names.find(Section::kKthreadWork, base);
    const Section section = kthread_work ? Section::kKthreadWork : Section::kWork;
    const WorkReference found =
        context_.names.work(section, work, context_.scenario, /*bare=*/false);
    return {Operator::kCall, kthread_work ? Call::kKthreadPending : Call::kPending,
            pending_argument(found.work, found.instance)};
  }
  bool in_kthread() const override { return where_ == Context::kKthread; }

 private:
  const LoadContext& context_;
  Context where_;
};

std::int32_t keep(LoadContext& context, const Value& value, Expression expression) {
  expression.origin = context.origin(value);
  expression.where = context.scenario.where(expression.origin);
  context.scenario.expressions.push_back(std::move(expression));
  return static_cast<std::int32_t>(context.scenario.expressions.size()) - 1;
}

}  // namespace

std::int32_t add_expression(LoadContext& context, const Value& value, Context where) {
  if (value.kind() != Kind::kInteger) require_kind(value, Kind::kString, "an expression");
  try {
    return keep(context, value, parse_expression(value.text(), ScenarioNames(context, where)));
  } catch (const ValueError& error) {
    fail_with(value, error);
  }
}

void read_assignment(LoadContext& context, const Value& value, Context where, Op& op) {
  require_kind(value, Kind::kString, "an assignment like \"x = 1\" or \"x += 2\"");
  try {
    Assignment assignment = parse_assignment(value.text(), ScenarioNames(context, where));
    op.object = assignment.variable;
    op.choice = static_cast<std::uint8_t>(assignment.operation);
    op.expression = keep(context, value, std::move(assignment.value));
  } catch (const ValueError& error) {
    fail_with(value, error);
  }
}

}  // namespace kt::scenario
