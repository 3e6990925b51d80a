// Compiles statements to flat programs: if, while and loop become branches and counters.
#include <fmt/format.h>

#include <array>
#include <optional>

#include "tools/scenario/keys.hpp"
#include "tools/scenario/load_context.hpp"
#include "tools/scenario/nearest.hpp"

namespace kt::scenario {
namespace {

// Statements within each other; loop counters are numbered in 8 bits.
constexpr int kDeepestStatement = 64;

std::string_view describe(Context context) {
  switch (context) {
    case Context::kHardirq:
      return "a hardirq handler";
    case Context::kSoftirq:
      return "softirq context";
    case Context::kTask:
      return "a task";
    case Context::kKthread:
      return "a kthread function";
  }
  return "";
}

class BodyCompiler {
 public:
  BodyCompiler(LoadContext& context, Context where) : context_(context), where_(where) {}

  std::int32_t body(const Value& list) {
    program_.origin = context_.origin(list);
    statements(list, "a list of statements");
    return finish();
  }

  std::int32_t event(const Value& event) {
    program_.origin = context_.origin(event);
    if (has_verb(event)) {
      object(event, "t");
    } else {
      require_keys(event, keys_of("events"), "an event: \"t\" and a verb or \"do\"");
      statements(required(event, "do", "a verb or a list of statements in \"do\""),
                 "a list of statements");
    }
    return finish();
  }

 private:
  struct Loop {
    std::int32_t head;
    std::vector<std::size_t> breaks;
  };

  std::int32_t here() const { return static_cast<std::int32_t>(program_.ops.size()); }

  std::size_t emit(Op op) {
    program_.ops.push_back(op);
    return program_.ops.size() - 1;
  }

  std::size_t emit(Verb verb, std::uint32_t origin, std::int32_t target = -1) {
    Op op;
    op.verb = verb;
    op.origin = origin;
    op.target = target;
    return emit(op);
  }

  void land(std::size_t jump) { program_.ops[jump].target = here(); }

  std::int32_t finish() {
    emit(Verb::kReturn, program_.origin);
    context_.scenario.programs.push_back(std::move(program_));
    return static_cast<std::int32_t>(context_.scenario.programs.size()) - 1;
  }

  static bool has_verb(const Value& object) {
    require_kind(object, Kind::kObject, "an event: {\"t\": time, VERB: …}");
    for (const Value& member : object.children())
      if (find_verb(member.key()) != nullptr) return true;
    return object.find("do") == std::nullopt && object.size() > 1;
  }

  void statements(const Value& list, const std::string& expected) {
    require_kind(list, Kind::kArray, expected);
    if (++depth_ > kDeepestStatement)
      list.fail({"statements are nested too deeply",
                 fmt::format("at most {} levels", kDeepestStatement)});
    for (const Value& statement : list.children()) {
      if (statement.kind() == Kind::kString)
        bare(statement);
      else
        object(statement, "");
    }
    --depth_;
  }

  [[noreturn]] static void fail_unknown_verb(const Value& at, const std::string& name, bool key) {
    std::vector<std::string_view> known;
    for (const VerbInfo& verb : verbs()) known.push_back(verb.name);
    const Complaint complaint{fmt::format("unknown verb \"{}\"", name), "a verb",
                              nearest(name, known)};
    if (key) at.fail_at_key(complaint);
    at.fail(complaint);
  }

  /// A statement that is a string: a verb without an argument.
  void bare(const Value& statement) {
    const VerbInfo* verb = find_verb(statement.text());
    if (verb == nullptr) fail_unknown_verb(statement, statement.text(), false);
    const bool complete = verb->argument == Argument::kNone || verb->verb == Verb::kReturn;
    if (!complete)
      statement.fail({fmt::format("\"{}\" has no argument", verb->name),
                      fmt::format("{{\"{}\": …}}", verb->name)});
    check_context(statement, *verb);
    simple(*verb, context_.origin(statement), std::nullopt);
  }

  /// A statement that is an object. `extra` is a key that is not its own ("t" of an event).
  void object(const Value& statement, std::string_view extra) {
    require_kind(statement, Kind::kObject, "a statement: {VERB: argument} or a verb's name");
    std::optional<Value> argument;
    const VerbInfo* verb = nullptr;
    for (const Value& member : statement.children()) {
      const VerbInfo* found = find_verb(member.key());
      if (found == nullptr) continue;
      if (verb != nullptr)
        member.fail_at_key(
            {fmt::format("a second verb \"{}\" beside \"{}\"", found->name, verb->name),
             "one verb a statement"});
      verb = found;
      argument = member;
    }
    check_companions(statement, verb, extra);
    check_context(*argument, *verb);
    const std::uint32_t origin = context_.origin(statement);
    if (verb->verb == Verb::kIf)
      branch(statement, *argument, origin);
    else if (verb->verb == Verb::kWhile)
      while_loop(statement, *argument, origin);
    else if (verb->verb == Verb::kLoop)
      counted_loop(statement, *argument, origin);
    else
      simple(*verb, origin, argument);
  }

  static void check_companions(const Value& statement, const VerbInfo* verb,
                               std::string_view extra) {
    std::span<const std::string_view> companions;
    if (verb != nullptr &&
        (verb->argument == Argument::kCondition || verb->argument == Argument::kLoopCount))
      companions = keys_of(verb->name);
    for (const Value& member : statement.children()) {
      const std::string& key = member.key();
      const bool own = verb != nullptr && key == verb->name;
      if (own || key == extra) continue;
      if (std::find(companions.begin(), companions.end(), key) != companions.end()) continue;
      if (verb == nullptr) fail_unknown_verb(member, key, true);
      member.fail_at_key({fmt::format("unknown key \"{}\" beside \"{}\"", key, verb->name),
                          companions.empty() ? "no other key in this statement" : join(companions),
                          nearest(key, companions)});
    }
    if (verb == nullptr) statement.fail({"a statement without a verb", "{VERB: argument}"});
  }

  void check_context(const Value& at, const VerbInfo& verb) const {
    const bool writes = verb.verb == Verb::kWrite || verb.verb == Verb::kFsync;
    if (writes && context_.scenario.machine.disks.empty())
      at.fail({"the machine has no disk", "\"disks\" in \"machine\""});
    if (verb.context <= where_) return;
    if (verb.context == Context::kKthread)
      at.fail({fmt::format("\"{}\" stands outside a kthread", verb.name),
               "it only in the function of a kthread"});
    if (verb.context == Context::kSoftirq)
      at.fail({fmt::format("\"{}\" must not be called in {}", verb.name, describe(where_)),
               "it in a task or a softirq"});
    at.fail({fmt::format("\"{}\" may sleep or needs a task, and this is {}", verb.name,
                         describe(where_)),
             "statements that cannot sleep"});
  }

  void simple(const VerbInfo& verb, std::uint32_t origin, const std::optional<Value>& argument) {
    if (verb.verb == Verb::kBreak || verb.verb == Verb::kContinue)
      return leave_or_repeat(verb, origin, argument);
    Op op;
    op.verb = verb.verb;
    op.origin = origin;
    if (argument) read_argument(context_, verb, *argument, where_, op);
    emit(op);
  }

  void leave_or_repeat(const VerbInfo& verb, std::uint32_t origin,
                       const std::optional<Value>& argument) {
    if (argument) require_kind(*argument, Kind::kNull, "null: the verb has no argument");
    if (loops_.empty()) {
      const Origin& at = context_.scenario.origins[origin];
      fail_at(
          {at.file, at.line, at.column}, at.pointer,
          {fmt::format("\"{}\" stands outside a loop", verb.name), "it within a while or a loop"});
    }
    if (verb.verb == Verb::kContinue)
      emit(Verb::kJump, origin, loops_.back().head);
    else
      loops_.back().breaks.push_back(emit(Verb::kJump, origin));
  }

  std::size_t branch_unless(const Value& condition, std::uint32_t origin) {
    Op op;
    op.verb = Verb::kBranchUnless;
    op.origin = origin;
    op.expression = add_expression(context_, condition, where_);
    return emit(op);
  }

  void branch(const Value& statement, const Value& condition, std::uint32_t origin) {
    const std::size_t otherwise = branch_unless(condition, origin);
    statements(required(statement, "then", "\"if\" with \"then\""), "a list of statements");
    const auto alternative = statement.find("else");
    if (!alternative) return land(otherwise);
    const std::size_t end = emit(Verb::kJump, origin);
    land(otherwise);
    statements(*alternative, "a list of statements");
    land(end);
  }

  /// The body of a loop whose head is at `head`, and the jump back to it.
  void repeat(const Value& statement, std::int32_t head, std::uint32_t origin) {
    loops_.push_back({head, {}});
    statements(required(statement, "do", "a loop with \"do\""), "a list of statements");
    emit(Verb::kJump, origin, head);
    for (std::size_t jump : loops_.back().breaks) land(jump);
    loops_.pop_back();
  }

  void while_loop(const Value& statement, const Value& condition, std::uint32_t origin) {
    const std::int32_t head = here();
    const std::size_t end = branch_unless(condition, origin);
    repeat(statement, head, origin);
    land(end);
  }

  void counted_loop(const Value& statement, const Value& count, std::uint32_t origin) {
    if (count.kind() == Kind::kNull) {
      const std::int32_t head = here();
      repeat(statement, head, origin);
      if (program_.ops.size() == static_cast<std::size_t>(head) + 1)
        statement.fail({"an endless loop does nothing", "a statement in \"do\""});
      return;
    }
    if (count.kind() != Kind::kInteger)
      count.fail({fmt::format("the count is {}", count.kind_name()),
                  "an integer, or null to loop for ever"});
    Op op;
    op.verb = Verb::kLoopBegin;
    op.origin = origin;
    op.counter = counters_in_use_++;
    op.number = read_integer(count, 0, std::int64_t{1} << 62);
    program_.counters = std::max(program_.counters, counters_in_use_);
    emit(op);
    op.verb = Verb::kLoopNext;
    op.number = 0;
    const std::int32_t head = here();
    const std::size_t end = emit(op);
    repeat(statement, head, origin);
    land(end);
    --counters_in_use_;
  }

  LoadContext& context_;
  Context where_;
  Program program_;
  std::vector<Loop> loops_;
  std::uint8_t counters_in_use_ = 0;
  int depth_ = 0;
};

}  // namespace

std::int32_t compile_body(LoadContext& context, const Value& body, Context where) {
  return BodyCompiler(context, where).body(body);
}

std::int32_t compile_event(LoadContext& context, const Value& event) {
  return BodyCompiler(context, Context::kTask).event(event);
}

}  // namespace kt::scenario
