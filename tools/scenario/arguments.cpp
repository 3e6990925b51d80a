// The arguments of the verbs: one case for each form in verbs.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tools/scenario/expression_parser.hpp"
#include "tools/scenario/load_context.hpp"
#include "tools/scenario/nearest.hpp"

namespace kt::scenario {
namespace {

constexpr std::int32_t kMostActive = 512;  // include/linux/workqueue.h: WQ_MAX_ACTIVE

struct NamedSignal {
  std::string_view name;
  std::int64_t number;
};
// include/uapi/asm-generic/signal.h
constexpr std::array<NamedSignal, 8> kSignals{{{"SIGHUP", 1},
                                               {"SIGINT", 2},
                                               {"SIGQUIT", 3},
                                               {"SIGKILL", 9},
                                               {"SIGUSR1", 10},
                                               {"SIGUSR2", 12},
                                               {"SIGALRM", 14},
                                               {"SIGTERM", 15}}};
constexpr std::int64_t kSigterm = 15;

class ArgumentReader {
 public:
  ArgumentReader(LoadContext& context, const VerbInfo& verb, const Value& argument, Context where,
                 Op& op)
      : context_(context), verb_(verb), argument_(argument), where_(where), op_(op) {}

  void read() {
    if (!read_plain() && !read_reference_form() && !read_work_form()) read_structure();
  }

 private:
  // Members of the object form.
  std::string form() const {
    return fmt::format("{{\"{}\": {{{}}}}}", verb_.name, join(argument_keys(verb_.argument)));
  }
  void object() const { require_keys(argument_, argument_keys(verb_.argument), form()); }
  Value member(std::string_view key) const { return required(argument_, key, form()); }
  std::optional<Value> optional(std::string_view key) const { return argument_.find(key); }
  bool is_object() const { return argument_.kind() == Kind::kObject; }
  /// The argument itself, or its member `key` if it is an object.
  Value named(std::string_view key) const {
    if (!is_object()) return argument_;
    object();
    return member(key);
  }
  Machine& machine() const { return context_.scenario.machine; }
  std::int32_t node(const Value& value) const {
    return read_int(value, 0, static_cast<std::int32_t>(machine().nodes.size()) - 1);
  }
  void refer(Section section, const Value& value) const {
    op_.object = read_reference(context_, section, value);
  }

  /// Numbers, times, texts and expressions.
  bool read_plain() const {
    switch (verb_.argument) {
      case Argument::kNone:
        require_kind(argument_, Kind::kNull, fmt::format("\"{}\" without argument", verb_.name));
        return true;
      case Argument::kDuration:
        duration();
        return true;
      case Argument::kTime:
        op_.time = read_time(argument_);
        return true;
      case Argument::kInteger:
        op_.number = read_integer(argument_, INT32_MIN, INT32_MAX);
        return true;
      case Argument::kText:
        op_.object = static_cast<std::int32_t>(context_.scenario.texts.size());
        context_.scenario.texts.push_back(read_text(argument_, "a text"));
        return true;
      case Argument::kExpression:
        op_.expression = add_expression(context_, argument_, where_);
        return true;
      case Argument::kAssignment:
        read_assignment(context_, argument_, where_, op_);
        return true;
      case Argument::kTaskState:
        op_.number = state(argument_);
        return true;
      case Argument::kCpu:
        op_.cpu = read_cpu(argument_, machine());
        return true;
      case Argument::kCpus:
        cpu_set(argument_);
        return true;
      default:
        return false;
    }
  }

  void duration() const {
    if (argument_.kind() != Kind::kObject) {
      op_.time = read_duration(argument_, context_.folder).low;
      return;
    }
    op_.object = context_.add_duration(argument_);
  }

  static std::int64_t state(const Value& value) {
    const std::string text = read_text(value, "a task state like \"TASK_INTERRUPTIBLE\"");
    try {
      return parse_task_state(text);
    } catch (const ValueError& error) {
      fail_with(value, error);
    }
  }

  /// The name of one object, alone or with a few parameters.
  bool read_reference_form() const {
    switch (verb_.argument) {
      case Argument::kThread:
        op_.object = read_thread(context_, argument_, ThreadSet::kAny);
        return true;
      case Argument::kKthread:
        op_.object = read_thread(context_, argument_, ThreadSet::kKthreads);
        return true;
      case Argument::kParkable:
        op_.object = read_thread(context_, argument_, ThreadSet::kParkable);
        return true;
      case Argument::kWaitqueue:
        refer(Section::kWaitqueue, argument_);
        return true;
      case Argument::kCompletion:
        refer(Section::kCompletion, argument_);
        return true;
      case Argument::kMutex:
        refer(Section::kMutex, argument_);
        return true;
      case Argument::kSpinlock:
        refer(Section::kSpinlock, argument_);
        return true;
      case Argument::kKthreadWorker:
        refer(Section::kKthreadWorker, argument_);
        return true;
      case Argument::kWorkqueue:
        refer(Section::kWorkqueue, argument_);
        return true;
      case Argument::kSoftirq:
        refer(Section::kSoftirq, argument_);
        return true;
      case Argument::kTasklet:
        refer(Section::kTasklet, argument_);
        return true;
      case Argument::kTimer:
        refer(Section::kTimer, argument_);
        return true;
      case Argument::kWakeupSource:
        refer(Section::kWakeupSource, argument_);
        return true;
      default:
        return false;
    }
  }

  bool read_work_form() const {
    switch (verb_.argument) {
      case Argument::kKthreadWork:
        work(Section::kKthreadWork, argument_);
        return true;
      case Argument::kKthreadDelayedWork:
        object();
        delayed_work(Section::kKthreadWork);
        return true;
      case Argument::kQueueWork:
        work(Section::kWork, named("work"));
        if (is_object()) cpu_or_node();
        return true;
      case Argument::kDelayedWork:
        object();
        delayed_work(Section::kWork);
        if (const auto cpu = optional("cpu")) op_.cpu = read_cpu(*cpu, machine());
        return true;
      case Argument::kWork:
        work(Section::kWork, argument_);
        return true;
      default:
        return false;
    }
  }

  /// Only queueing takes the bare name of several instances; the verb must suit the kind of work.
  void work(Section section, const Value& value) const {
    const bool queues = verb_.argument != Argument::kWork &&
                        verb_.verb != Verb::kKthreadFlushWork &&
                        verb_.verb != Verb::kKthreadCancelWorkSync;
    const WorkReference found = read_work(context_, section, value, queues);
    op_.object = found.work;
    op_.instance = found.instance;
  }

  void delayed_work(Section section) const {
    const Value name = member("work");
    work(section, name);
    const auto index = static_cast<std::size_t>(op_.object);
    const bool delayed = section == Section::kWork ? context_.scenario.works[index].delayed
                                                   : context_.scenario.kthread_works[index].delayed;
    if (!delayed)
      name.fail(
          {fmt::format("\"{}\" is no delayed work", name.text()), "a work with \"delayed\": true"});
    op_.time = read_time(member("delay"));
  }

  void cpu_or_node() const {
    const auto cpu = optional("cpu");
    const auto on_node = optional("node");
    if (cpu && on_node) on_node->fail_at_key({"both \"cpu\" and \"node\"", "one of them"});
    if (cpu) op_.cpu = read_cpu(*cpu, machine());
    if (on_node) op_.node = node(*on_node);
  }

  /// The forms with members of their own.
  void read_structure() const {
    switch (verb_.argument) {
      case Argument::kMem:
      case Argument::kWrite:
        return mem();
      case Argument::kIo:
        return io();
      case Argument::kAlloc:
        return alloc();
      case Argument::kFree:
        block();
        return;
      case Argument::kSignal:
        return signal();
      case Argument::kPrepareToWait:
        return prepare_to_wait();
      case Argument::kWaitEvent:
      case Argument::kWaitEventTimeout:
        return wait_event();
      case Argument::kCompletionTimeout:
        return wait_for_completion();
      case Argument::kBind:
        object();
        op_.object = read_thread(context_, member("thread"), ThreadSet::kKthreads);
        op_.cpu = read_cpu(member("cpu"), machine());
        return;
      case Argument::kTimerDelay:
      case Argument::kHrtimerDelay:
        return timer();
      case Argument::kMaxActive:
        object();
        refer(Section::kWorkqueue, member("workqueue"));
        op_.number = read_integer(member("max_active"), 1, kMostActive);
        return;
      case Argument::kMinActive:
        object();
        refer(Section::kWorkqueue, member("workqueue"));
        op_.number = read_integer(member("min_active"), 0, kMostActive);
        return;
      case Argument::kWorkqueueAttrs:
        return workqueue_attrs();
      case Argument::kSuspend:
        return suspend();
      case Argument::kWakeupEvent:
        return wakeup_event();
      case Argument::kMemoryPressure:
        return memory_pressure();
      default:
        return scheduling();
    }
  }

  void mem() const {
    object();
    op_.number = read_size(member("bytes"));
    if (const auto on_node = optional("node")) op_.node = node(*on_node);
  }

  void io() const {
    static constexpr std::array<std::string_view, 2> kDirections{"read", "write"};
    object();
    refer(Section::kDisk, member("disk"));
    op_.number = read_size(member("bytes"));
    if (const auto direction = optional("op"))
      op_.choice = static_cast<std::uint8_t>(read_choice(*direction, kDirections, "direction"));
  }

  /// A block of the page allocator: bytes, and the node.
  void block() const {
    constexpr std::int64_t kMostBytes = 4 << 20;  // MAX_PAGE_ORDER
    object();
    const Value bytes = member("bytes");
    op_.number = read_size(bytes);
    if (op_.number < 1 || op_.number > kMostBytes)
      bytes.fail({fmt::format("a block of {} bytes", op_.number), "1 byte to 4M; take several"});
    if (const auto on_node = optional("node")) op_.node = node(*on_node);
  }

  void alloc() const {
    block();
    const auto gfp = optional("gfp");
    if (gfp) op_.choice = gfp_flags(*gfp);
    const auto kind = static_cast<Gfp>(op_.choice & kGfpKind);
    if (kind < Gfp::kNowait && where_ < Context::kTask)
      gfp.value_or(argument_).fail(
          {"this allocation may sleep", "GFP_ATOMIC or GFP_NOWAIT where nothing can sleep"});
    if (const auto result = optional("result")) refer(Section::kVariable, *result);
  }

  /// "GFP_KERNEL|__GFP_NORETRY"
  static std::uint8_t gfp_flags(const Value& value) {
    static constexpr std::array<std::string_view, 5> kKinds{"GFP_KERNEL", "GFP_NOIO", "GFP_NOFS",
                                                            "GFP_NOWAIT", "GFP_ATOMIC"};
    static constexpr std::array<std::pair<std::string_view, std::uint8_t>, 3> kModifiers{
        {{"__GFP_NORETRY", kGfpNoretry},
         {"__GFP_RETRY_MAYFAIL", kGfpRetryMayfail},
         {"__GFP_THISNODE", kGfpThisnode}}};
    const std::string text = read_text(value, "allocation flags like \"GFP_KERNEL\"");
    const std::size_t bar = std::min(text.find('|'), text.size());
    const auto kind = std::ranges::find(kKinds, text.substr(0, bar));
    if (kind == kKinds.end())
      value.fail({fmt::format("unknown allocation flags \"{}\"", text.substr(0, bar)), join(kKinds),
                  nearest(text.substr(0, bar), std::span<const std::string_view>(kKinds))});
    auto flags = static_cast<std::uint8_t>(kind - kKinds.begin());
    for (std::size_t at = bar; at < text.size();) {
      const std::size_t end = std::min(text.find('|', at + 1), text.size());
      const std::string name = text.substr(at + 1, end - at - 1);
      const auto modifier =
          std::ranges::find(kModifiers, name, [](const auto& known) { return known.first; });
      if (modifier == kModifiers.end())
        value.fail({fmt::format("unknown allocation flag \"{}\"", name),
                    "__GFP_NORETRY, __GFP_RETRY_MAYFAIL or __GFP_THISNODE"});
      flags |= modifier->second;
      at = end;
    }
    return flags;
  }

  void signal() const {
    op_.object = read_thread(context_, named("thread"), ThreadSet::kAny);
    op_.number = kSigterm;
    const auto name = is_object() ? optional("signal") : std::nullopt;
    if (!name) return;
    std::vector<std::string_view> names;
    for (const NamedSignal& known : kSignals) names.push_back(known.name);
    op_.number = kSignals[read_choice(*name, names, "signal")].number;
  }

  void prepare_to_wait() const {
    object();
    refer(Section::kWaitqueue, member("waitqueue"));
    op_.number = state(member("state"));
    if (const auto exclusive = optional("exclusive")) op_.flag = read_boolean(*exclusive);
  }

  void wait_event() const {
    object();
    refer(Section::kWaitqueue, member("waitqueue"));
    op_.expression = add_expression(context_, member("until"), where_);
    const bool timed = verb_.argument == Argument::kWaitEventTimeout;
    op_.time = timed ? read_time(member("timeout")) : sim::kNever;
  }

  void wait_for_completion() const {
    refer(Section::kCompletion, named("completion"));
    const auto timeout = is_object() ? optional("timeout") : std::nullopt;
    op_.time = timeout ? read_time(*timeout) : sim::kNever;
  }

  void timer() const {
    object();
    const bool wheel = verb_.argument == Argument::kTimerDelay;
    refer(wheel ? Section::kTimer : Section::kHrtimer, member("name"));
    op_.time = read_time(member("delay"));
  }

  void workqueue_attrs() const {
    object();
    refer(Section::kWorkqueue, member("workqueue"));
    op_.choice = static_cast<std::uint8_t>(AffinityScope::kUnchanged);
    if (const auto nice = optional("nice")) op_.nice = read_int(*nice, kLeastNice, kMostNice);
    if (const auto cpus = optional("cpus")) cpu_set(*cpus);
    if (const auto scope = optional("affinity_scope"))
      op_.choice = static_cast<std::uint8_t>(read_affinity_scope(*scope));
    if (const auto strict = optional("strict")) op_.strict = read_boolean(*strict) ? 1 : 0;
    if (argument_.size() == 1)
      argument_.fail({"this changes nothing", "nice, cpus, affinity_scope or strict"});
  }

  void cpu_set(const Value& value) const {
    op_.cpus = static_cast<std::int32_t>(context_.scenario.cpu_sets.size());
    context_.scenario.cpu_sets.push_back(read_cpulist(value, machine().cpus));
  }

  void suspend() const {
    static constexpr std::array<std::string_view, 2> kStates{"s2idle", "deep"};
    object();
    op_.choice = static_cast<std::uint8_t>(read_choice(member("state"), kStates, "sleep state"));
    const auto wake_after = optional("wake_after");
    op_.time = wake_after ? read_time(*wake_after) : sim::kNever;
    if (const auto count = optional("wakeup_count")) op_.flag = read_boolean(*count);
    if (const auto result = optional("result")) refer(Section::kVariable, *result);
  }

  void wakeup_event() const {
    refer(Section::kWakeupSource, named("source"));
    if (!is_object()) return;
    if (const auto time = optional("for")) op_.time = read_time(*time);
    if (const auto hard = optional("hard")) op_.flag = read_boolean(*hard);
  }

  void memory_pressure() const {
    static constexpr std::array<std::string_view, 3> kLevels{"none", "low", "min"};
    object();
    op_.choice = static_cast<std::uint8_t>(read_choice(member("level"), kLevels, "memory level"));
    const auto time = optional("for");
    op_.time = time ? read_time(*time) : sim::kNever;
  }

  /// sched_setscheduler, set_cpus_allowed, set_user_nice.
  void scheduling() const {
    object();
    op_.object = read_thread(context_, member("thread"), ThreadSet::kAny);
    if (verb_.argument == Argument::kAffinity) return cpu_set(member("cpus"));
    if (verb_.argument == Argument::kNice) {
      op_.nice = read_int(member("nice"), kLeastNice, kMostNice);
      return;
    }
    KT_ASSERT(verb_.argument == Argument::kScheduler, "no reader for \"{}\"", verb_.name);
    const Value policy = member("policy");
    const Scheduling wanted = parse_policy(policy);
    op_.choice = static_cast<std::uint8_t>(wanted.policy);
    op_.number = wanted.priority;
    if (const auto nice = optional("nice")) op_.nice = read_int(*nice, kLeastNice, kMostNice);
    const bool real_time = wanted.policy == Policy::kFifo || wanted.policy == Policy::kRr;
    const auto priority = optional("priority");
    if (priority) op_.number = read_integer(*priority, real_time ? 1 : 0, real_time ? 99 : 0);
    if (const auto runtime = optional("runtime")) {
      op_.time = read_time(*runtime);
      if (real_time) runtime->fail({"fifo and rr have no runtime", "a fair policy, or no runtime"});
    }
    if (real_time && !priority && policy.text().find(':') == std::string::npos)
      argument_.fail({"the key \"priority\" is missing", "1 to 99 for fifo and rr"});
  }

  LoadContext& context_;
  const VerbInfo& verb_;
  const Value& argument_;
  Context where_;
  Op& op_;
};

}  // namespace

void read_argument(LoadContext& context, const VerbInfo& verb, const Value& argument, Context where,
                   Op& op) {
  ArgumentReader(context, verb, argument, where, op).read();
}

}  // namespace kt::scenario
