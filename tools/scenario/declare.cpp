// The objects of a scenario: names and properties. Bodies follow when all names are known.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tools/scenario/expression_parser.hpp"
#include "tools/scenario/keys.hpp"
#include "tools/scenario/load_context.hpp"

namespace kt::scenario {
namespace {

constexpr std::int32_t kMostInstances = 65'536;

struct SystemWorkqueue {
  std::string_view name;
  std::string_view variable;
  WorkqueueFlags flags;
};

// kernel/workqueue.c: workqueue_init_early
constexpr std::array<SystemWorkqueue, 9> kSystemWorkqueues{{
    {"events", "system_wq", {}},
    {"events_highpri", "system_highpri_wq", {.highpri = true}},
    {"events_long", "system_long_wq", {}},
    {"events_unbound", "system_unbound_wq", {.unbound = true}},
    {"events_freezable", "system_freezable_wq", {.freezable = true}},
    {"events_power_efficient", "system_power_efficient_wq", {.power_efficient = true}},
    {"events_freezable_pwr_efficient",
     "system_freezable_power_efficient_wq",
     {.freezable = true, .power_efficient = true}},
    {"events_bh", "system_bh_wq", {.bh = true}},
    {"events_bh_highpri", "system_bh_highpri_wq", {.highpri = true, .bh = true}},
}};

struct NamedFlag {
  std::string_view name;
  bool WorkqueueFlags::*flag;
};

constexpr std::array<NamedFlag, 8> kFlags{{{"WQ_UNBOUND", &WorkqueueFlags::unbound},
                                           {"WQ_FREEZABLE", &WorkqueueFlags::freezable},
                                           {"WQ_MEM_RECLAIM", &WorkqueueFlags::mem_reclaim},
                                           {"WQ_HIGHPRI", &WorkqueueFlags::highpri},
                                           {"WQ_CPU_INTENSIVE", &WorkqueueFlags::cpu_intensive},
                                           {"WQ_SYSFS", &WorkqueueFlags::sysfs},
                                           {"WQ_POWER_EFFICIENT", &WorkqueueFlags::power_efficient},
                                           {"WQ_BH", &WorkqueueFlags::bh}}};

// kernel/softirq.c: softirq_to_name; the vectors that belong to drivers
struct Vector {
  std::string_view name;
  std::int32_t number;
};
constexpr std::array<Vector, 4> kVectors{
    {{"NET_TX", 2}, {"NET_RX", 3}, {"BLOCK", 4}, {"IRQ_POLL", 5}}};

class Declarations {
 public:
  Declarations(LoadContext& context, const Value& root)
      : context_(context), scenario_(context.scenario), root_(root) {}

  void declare() {
    variables();
    name_list("mutexes", Section::kMutex, scenario_.mutexes);
    name_list("spinlocks", Section::kSpinlock, scenario_.spinlocks);
    name_list("completions", Section::kCompletion, scenario_.completions);
    name_list("waitqueues", Section::kWaitqueue, scenario_.waitqueues);
    system_workqueues();
    each("workqueues", Section::kWorkqueue, scenario_.workqueues, &Declarations::workqueue);
    each("works", Section::kWork, scenario_.works, &Declarations::work);
    each("kthread_workers", Section::kKthreadWorker, scenario_.kthread_workers,
         &Declarations::kthread_worker);
    each("kthread_works", Section::kKthreadWork, scenario_.kthread_works,
         &Declarations::kthread_work);
    each("kthreads", Section::kKthread, scenario_.kthreads, &Declarations::kthread);
    each("percpu_threads", Section::kPercpuThread, scenario_.percpu_threads,
         &Declarations::percpu_thread);
    each("hotplug_states", Section::kHotplugState, scenario_.hotplug_states,
         &Declarations::hotplug_state);
    each("tasks", Section::kTask, scenario_.tasks, &Declarations::task);
    each("irqs", Section::kIrq, scenario_.irqs, &Declarations::irq);
    each("devices", Section::kDevice, scenario_.devices, &Declarations::device);
    name_list("wakeup_sources", Section::kWakeupSource, scenario_.wakeup_sources);
    each("softirqs", Section::kSoftirq, scenario_.softirqs, &Declarations::softirq);
    each("tasklets", Section::kTasklet, scenario_.tasklets, &Declarations::tasklet);
    each("timers", Section::kTimer, scenario_.timers, &Declarations::timer);
    each("hrtimers", Section::kHrtimer, scenario_.hrtimers, &Declarations::hrtimer);
    context_.names.add_threads(scenario_);
  }

 private:
  /// Declares every member of a section; `properties` reads what it has besides its name.
  template <class Object>
  void each(std::string_view section, Section kind, std::vector<Object>& objects,
            void (Declarations::*properties)(const Value&, Object&)) {
    const auto members = root_.find(section);
    if (!members) return;
    const std::string expected = fmt::format("an object of {}: {{NAME: {{…}}}}", section);
    require_kind(*members, Kind::kObject, expected);
    for (const Value& item : members->children()) {
      check_name(item, item.key(), kind, true);
      require_keys(item, keys_of(section), fmt::format("a {}, an object", noun(kind)));
      Object object;
      object.name = item.key();
      object.origin = context_.origin(item);
      (this->*properties)(item, object);
      context_.names.add(kind, object.name, static_cast<std::int32_t>(objects.size()));
      objects.push_back(std::move(object));
    }
  }

  /// Names are free, but must be told apart in a trace and in an expression.
  void check_name(const Value& at, const std::string& name, Section kind, bool is_key) const {
    const bool printable = std::all_of(name.begin(), name.end(), [](char c) {
      return static_cast<unsigned char>(c) > ' ' && c != '"' && c != '(' && c != ')' && c != 0x7f;
    });
    const bool instances =
        kind == Section::kWork || kind == Section::kKthreadWork || kind == Section::kPercpuThread;
    const bool valid =
        kind == Section::kVariable
            ? is_variable_name(name)
            : !name.empty() && printable && !(instances && name.find('/') != std::string::npos);
    Complaint complaint;
    if (!valid)
      complaint = {fmt::format("\"{}\" cannot name a {}", name, noun(kind)),
                   kind == Section::kVariable ? "letters, digits and _, and no word of expressions"
                   : instances                ? "a name without blanks, parentheses, quotes or '/'"
                                              : "a name without blanks, parentheses or quotes"};
    else if (context_.names.find(kind, name))
      complaint = {fmt::format("\"{}\" is already a {}", name, noun(kind)), "another name"};
    if (complaint.what.empty()) return;
    if (is_key) at.fail_at_key(complaint);
    at.fail(complaint);
  }

  void variables() {
    const auto section = root_.find("variables");
    if (!section) return;
    require_kind(*section, Kind::kObject, "an object of variables: {NAME: integer}");
    for (const Value& item : section->children()) {
      check_name(item, item.key(), Section::kVariable, true);
      context_.names.add(Section::kVariable, item.key(),
                         static_cast<std::int32_t>(scenario_.variables.size()));
      Variable variable{.name = item.key(), .origin = context_.origin(item)};
      if (item.kind() == Kind::kObject) {
        require_keys(item, keys_of("variables"), "an integer or an object");
        if (const auto initial = item.find("initial"))
          variable.initial = read_integer(*initial, INT64_MIN, INT64_MAX);
        if (const auto plain = item.find("plain")) variable.plain = read_boolean(*plain);
      } else {
        variable.initial = read_integer(item, INT64_MIN, INT64_MAX);
      }
      scenario_.variables.push_back(variable);
    }
  }

  void name_list(std::string_view section, Section kind, std::vector<Named>& objects) {
    const auto list = root_.find(section);
    if (!list) return;
    require_kind(*list, Kind::kArray, fmt::format("an array of names of {}", section));
    for (const Value& item : list->children()) {
      const std::string name = read_text(item, "a name");
      check_name(item, name, kind, false);
      context_.names.add(kind, name, static_cast<std::int32_t>(objects.size()));
      objects.push_back({name, context_.origin(item)});
    }
  }

  void system_workqueues() {
    for (const SystemWorkqueue& known : kSystemWorkqueues) {
      const auto index = static_cast<std::int32_t>(scenario_.workqueues.size());
      Workqueue workqueue;
      workqueue.name = known.name;
      workqueue.system = true;
      workqueue.flags = known.flags;
      if (known.flags.unbound) workqueue.max_active = kMostActive;
      scenario_.workqueues.push_back(std::move(workqueue));
      context_.names.add(Section::kWorkqueue, std::string(known.name), index);
      context_.names.add_alias(Section::kWorkqueue, std::string(known.variable), index);
    }
  }

  static void flag(const Value& value, WorkqueueFlags& flags) {
    std::array<std::string_view, kFlags.size()> names;
    for (std::size_t i = 0; i < kFlags.size(); ++i) names[i] = kFlags[i].name;
    flags.*kFlags[read_choice(value, names, "workqueue flag")].flag = true;
  }

  void workqueue(const Value& item, Workqueue& workqueue) {
    if (const auto flags = item.find("flags")) {
      require_kind(*flags, Kind::kArray, "an array of flags like \"WQ_UNBOUND\"");
      for (const Value& name : flags->children()) flag(name, workqueue.flags);
    }
    if (const auto ordered = item.find("ordered")) workqueue.ordered = read_boolean(*ordered);
    if (const auto active = item.find("max_active"))
      workqueue.max_active = read_int(*active, 0, workqueue.ordered ? 1 : kMostActive);
    if (workqueue.ordered) {  // alloc_ordered_workqueue
      workqueue.flags.unbound = true;
      workqueue.max_active = 1;
    }
    if (const auto start = item.find("start")) {
      static constexpr std::array<std::string_view, 2> kStarts{"boot", "none"};
      workqueue.absent = read_choice(*start, kStarts, "start") == 1;
    }
    check_bh(item, workqueue);
    attributes(item, workqueue);
  }

  /// kernel/workqueue.c: __alloc_workqueue: WQ_BH goes with WQ_HIGHPRI only and has no max_active.
  static void check_bh(const Value& item, const Workqueue& workqueue) {
    const WorkqueueFlags& flags = workqueue.flags;
    if (!flags.bh) return;
    const bool other = flags.unbound || flags.freezable || flags.mem_reclaim ||
                       flags.cpu_intensive || flags.sysfs || flags.power_efficient;
    if (other || workqueue.max_active != 0)
      item.fail({"a WQ_BH workqueue with other properties", "WQ_HIGHPRI at most, no max_active"});
  }

  void attributes(const Value& item, Workqueue& workqueue) {
    for (const std::string_view key : {"nice", "cpus", "affinity_scope", "affinity_strict"})
      if (const auto value = item.find(key); value && !workqueue.flags.unbound)
        value->fail_at_key(
            {fmt::format("\"{}\" of a workqueue that is not unbound", key), "the flag WQ_UNBOUND"});
    if (const auto nice = item.find("nice")) workqueue.nice = read_nice(*nice);
    if (const auto cpus = item.find("cpus")) workqueue.cpus = read_cpulist(*cpus, cpus_());
    if (const auto scope = item.find("affinity_scope"))
      workqueue.affinity_scope = read_affinity_scope(*scope);
    if (const auto strict = item.find("affinity_strict"))
      workqueue.affinity_strict = read_boolean(*strict);
  }

  template <class AnyWork>
  static void instances(const Value& item, AnyWork& work) {
    if (const auto count = item.find("count")) work.count = read_int(*count, 1, kMostInstances);
    if (const auto delayed = item.find("delayed")) work.delayed = read_boolean(*delayed);
  }

  void work(const Value& item, Work& work) {
    instances(item, work);
    if (const auto init = item.find("init")) work.init = read_boolean(*init);
    if (const auto workqueue = item.find("workqueue"))
      work.workqueue = read_reference(context_, Section::kWorkqueue, *workqueue);
  }

  void kthread_work(const Value& item, KthreadWork& work) {
    instances(item, work);
    work.worker = read_reference(context_, Section::kKthreadWorker,
                                 required(item, "worker", "the name of a kthread worker"));
  }

  void kthread_worker(const Value& item, KthreadWorker& worker) {
    if (const auto cpu = item.find("cpu")) worker.cpu = read_cpu(*cpu, scenario_.machine);
    scheduling(item, worker.scheduling);
    if (const auto freezable = item.find("freezable")) worker.freezable = read_boolean(*freezable);
  }

  void kthread(const Value& item, Kthread& kthread) {
    static constexpr std::array<std::string_view, 3> kStarts{"run", "create", "none"};
    if (const auto start = item.find("start"))
      kthread.start = static_cast<Start>(read_choice(*start, kStarts, "start"));
    placement(item, kthread.cpu, kthread.cpus);
    if (const auto node = item.find("node")) {
      if (kthread.cpu >= 0) node->fail_at_key({"both \"cpu\" and \"node\"", "one of them"});
      const auto nodes = static_cast<std::int32_t>(scenario_.machine.nodes.size());
      kthread.node = read_int(*node, 0, nodes - 1);
    }
    scheduling(item, kthread.scheduling);
    if (const auto freezable = item.find("freezable")) kthread.freezable = read_boolean(*freezable);
  }

  void task(const Value& item, Task& task) {
    placement(item, task.cpu, task.cpus);
    scheduling(item, task.scheduling);
  }

  void percpu_thread(const Value& item, PercpuThread& thread) {
    if (const auto own = item.find("selfparking")) thread.selfparking = read_boolean(*own);
  }

  void hotplug_state(const Value& item, HotplugState& state) {
    constexpr std::array<std::string_view, 2> kSections{"prepare", "online"};
    if (const auto section = item.find("section"))
      state.online = read_choice(*section, kSections, "section of CPU hotplug") == 1;
    if (const auto invoke = item.find("invoke")) state.invoke = read_boolean(*invoke);
  }

  void irq(const Value& item, Irq& irq) {
    placement(item, irq.cpu, irq.cpus);
    if (const auto wake = item.find("wake")) irq.wake = read_boolean(*wake);
  }

  /// The parent stands before: as in the kernel, it has been added first.
  void device(const Value& item, Device& device) {
    if (const auto parent = item.find("parent"))
      device.parent = read_reference(context_, Section::kDevice, *parent);
    if (const auto async = item.find("async")) device.async = read_boolean(*async);
  }

  void softirq(const Value& item, Softirq& softirq) {
    std::array<std::string_view, kVectors.size()> names;
    for (std::size_t i = 0; i < kVectors.size(); ++i) names[i] = kVectors[i].name;
    const auto own = std::find(names.begin(), names.end(), softirq.name);
    if (const auto vector = item.find("vector"))
      softirq.vector = kVectors[read_choice(*vector, names, "softirq vector")].number;
    else if (own != names.end())
      softirq.vector = kVectors[static_cast<std::size_t>(own - names.begin())].number;
    else
      item.fail({"the key \"vector\" is missing", join(names)});
    for (const Softirq& other : scenario_.softirqs)
      if (other.vector == softirq.vector)
        item.fail({fmt::format("\"{}\" has the same vector", other.name), "a vector for each"});
  }

  void tasklet(const Value& item, Tasklet& tasklet) {
    if (const auto highpri = item.find("highpri")) tasklet.highpri = read_boolean(*highpri);
  }

  void timer(const Value& item, Timer& timer) {
    if (const auto pinned = item.find("pinned")) timer.pinned = read_boolean(*pinned);
    if (const auto lazy = item.find("deferrable")) timer.deferrable = read_boolean(*lazy);
  }

  void hrtimer(const Value& item, Hrtimer& timer) {
    if (const auto pinned = item.find("pinned")) timer.pinned = read_boolean(*pinned);
    if (const auto soft = item.find("soft")) timer.soft = read_boolean(*soft);
    if (const auto period = item.find("period")) {
      timer.period = read_time(*period);
      if (timer.period == 0) period->fail({"a period of 0 never ends", "a time above 0"});
    }
  }

  std::int32_t cpus_() const { return scenario_.machine.cpus; }
  static std::int32_t read_nice(const Value& value) {
    return read_int(value, kLeastNice, kMostNice);
  }

  void placement(const Value& item, std::int32_t& cpu, CpuList& cpus) const {
    const auto one = item.find("cpu");
    const auto several = item.find("cpus");
    if (one && several) several->fail_at_key({"both \"cpu\" and \"cpus\"", "one of them"});
    if (one) cpu = read_cpu(*one, scenario_.machine);
    if (several) cpus = read_cpulist(*several, cpus_());
  }

  static void scheduling(const Value& item, Scheduling& scheduling) {
    if (const auto policy = item.find("policy")) scheduling = parse_policy(*policy);
    if (const auto nice = item.find("nice")) scheduling.nice = read_nice(*nice);
  }

  LoadContext& context_;
  Scenario& scenario_;
  const Value& root_;
};

}  // namespace

void declare_objects(LoadContext& context, const Value& root) {
  Declarations(context, root).declare();
}

}  // namespace kt::scenario
