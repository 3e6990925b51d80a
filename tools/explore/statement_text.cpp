#include "tools/explore/statement_text.hpp"

#include <fmt/format.h>

#include "tools/run/time_text.hpp"

namespace kt::explore {

using scenario::Op;
using scenario::Scenario;
using scenario::Verb;

namespace {

const Op* find_op(const Scenario& scenario, std::uint32_t origin) {
  for (const scenario::Program& program : scenario.programs) {
    for (const Op& op : program.ops) {
      if (op.origin == origin && op.verb >= Verb::kIf) return &op;
    }
  }
  for (const scenario::Program& program : scenario.programs) {
    for (const Op& op : program.ops) {
      if (op.origin == origin) return &op;
    }
  }
  return nullptr;
}

template <class Object>
std::string name_in(const std::vector<Object>& objects, std::int32_t index) {
  const auto at = static_cast<std::size_t>(index);
  return index >= 0 && at < objects.size() ? objects[at].name : std::string();
}

std::string expression_text(const Scenario& scenario, const Op& op) {
  if (op.expression < 0) return {};
  return scenario.expressions[static_cast<std::size_t>(op.expression)].text;
}

std::string assignment(const Scenario& scenario, const Op& op) {
  const std::string value = expression_text(scenario, op);
  if (value.find(" = ") != std::string::npos || value.find("+=") != std::string::npos ||
      value.find("-=") != std::string::npos)
    return value;
  constexpr std::string_view kOperators[] = {"=", "+=", "-="};
  return fmt::format("{} {} {}", name_in(scenario.variables, op.object), kOperators[op.choice],
                     value);
}

std::string state_text(std::int64_t state) {
  if (state == 0) return "RUNNING";
  if (state == 1) return "INTERRUPTIBLE";
  if (state == 2) return "UNINTERRUPTIBLE";
  return fmt::format("{:#x}", state);
}

// What a statement is about, by the section that its object is of.
std::string object_text(const Scenario& s, const Op& op) {
  using A = scenario::Argument;
  switch (scenario::info(op.verb).argument) {
    case A::kAssignment:
      return assignment(s, op);
    case A::kExpression:
      return expression_text(s, op);
    case A::kText:
      return s.texts[static_cast<std::size_t>(op.object)];
    case A::kDuration:
    case A::kTime:
      return op.object < 0 ? run::time_text(op.time) : std::string();
    case A::kTaskState:
      return state_text(op.number);
    case A::kThread:
    case A::kSignal:
    case A::kKthread:
    case A::kParkable:
    case A::kBind:
    case A::kScheduler:
    case A::kAffinity:
    case A::kNice:
      return name_in(s.threads, op.object);
    case A::kPrepareToWait:
    case A::kWaitqueue:
    case A::kWaitEvent:
    case A::kWaitEventTimeout:
      return name_in(s.waitqueues, op.object);
    case A::kCompletion:
    case A::kCompletionTimeout:
      return name_in(s.completions, op.object);
    case A::kMutex:
      return name_in(s.mutexes, op.object);
    case A::kSpinlock:
      return name_in(s.spinlocks, op.object);
    case A::kKthreadWork:
    case A::kKthreadDelayedWork:
      return name_in(s.kthread_works, op.object);
    case A::kKthreadWorker:
      return name_in(s.kthread_workers, op.object);
    case A::kQueueWork:
    case A::kDelayedWork:
    case A::kWork:
      return name_in(s.works, op.object);
    case A::kWorkqueue:
    case A::kMaxActive:
    case A::kMinActive:
    case A::kWorkqueueAttrs:
      return name_in(s.workqueues, op.object);
    case A::kTimer:
    case A::kTimerDelay:
      return name_in(s.timers, op.object);
    case A::kHrtimerDelay:
      return name_in(s.hrtimers, op.object);
    case A::kTasklet:
      return name_in(s.tasklets, op.object);
    case A::kCpu:
      return fmt::format("{}", op.cpu);
    default:
      return {};
  }
}

}  // namespace

std::string statement_text(const Scenario& scenario, std::uint32_t origin) {
  const Op* op = find_op(scenario, origin);
  if (op == nullptr) return {};
  if (op->verb == Verb::kBranchUnless) return "test " + expression_text(scenario, *op);
  if (op->verb < Verb::kIf) return {};
  const std::string object = object_text(scenario, *op);
  const std::string name(scenario::info(op->verb).name);
  return object.empty() ? name : name + " " + object;
}

}  // namespace kt::explore
