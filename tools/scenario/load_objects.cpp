// The bodies and conditions of the objects, once all names are declared.
#include <fmt/format.h>

#include <algorithm>

#include "tools/scenario/keys.hpp"
#include "tools/scenario/load_context.hpp"

namespace kt::scenario {
namespace {

constexpr const char* kBodyForm = "\"do\": a list of statements";

/// Calls `load(object, its JSON value)` for each member of a section, in file order.
template <class Object, class Load>
void for_each(const Value& root, std::string_view section, std::vector<Object>& objects,
              Load load) {
  const auto members = root.find(section);
  if (!members) return;
  const std::vector<Value> items = members->children();
  for (std::size_t i = 0; i < items.size(); ++i) load(objects[i], items[i]);
}

class BodyLoader {
 public:
  BodyLoader(LoadContext& context, const Value& root)
      : context_(context), scenario_(context.scenario), root_(root) {}

  void load() {
    for_each(root_, "works", scenario_.works, [&](Work& work, const Value& item) {
      const Workqueue& queue = scenario_.workqueues[static_cast<std::size_t>(work.workqueue)];
      work.program = body(item, queue.flags.bh ? Context::kSoftirq : Context::kTask);
    });
    bodies("kthread_works", scenario_.kthread_works, Context::kTask);
    bodies("kthreads", scenario_.kthreads, Context::kKthread);
    for_each(root_, "percpu_threads", scenario_.percpu_threads,
             [&](PercpuThread& thread, const Value& item) { percpu_thread(thread, item); });
    for_each(root_, "hotplug_states", scenario_.hotplug_states,
             [&](HotplugState& state, const Value& item) { hotplug_state(state, item); });
    bodies("tasks", scenario_.tasks, Context::kTask);
    for_each(root_, "irqs", scenario_.irqs, [&](Irq& i, const Value& item) { irq(i, item); });
    for_each(root_, "devices", scenario_.devices,
             [&](Device& device, const Value& item) { callbacks(device, item); });
    bodies("softirqs", scenario_.softirqs, Context::kSoftirq);
    bodies("tasklets", scenario_.tasklets, Context::kSoftirq);
    bodies("timers", scenario_.timers, Context::kSoftirq);
    for_each(root_, "hrtimers", scenario_.hrtimers, [&](Hrtimer& timer, const Value& item) {
      timer.program = body(item, timer.soft ? Context::kSoftirq : Context::kHardirq);
    });
  }

 private:
  std::int32_t body(const Value& item, Context where) {
    return compile_body(context_, required(item, "do", kBodyForm), where);
  }

  template <class Object>
  void bodies(std::string_view section, std::vector<Object>& objects, Context where) {
    for_each(root_, section, objects,
             [&](Object& object, const Value& item) { object.program = body(item, where); });
  }

  void percpu_thread(PercpuThread& thread, const Value& item) {
    thread.should_run = add_expression(
        context_, required(item, "should_run", "an expression in \"should_run\""), Context::kTask);
    thread.program = body(item, Context::kKthread);
    const auto callback = [&](std::string_view key) {
      const auto list = item.find(key);
      return list ? compile_body(context_, *list, Context::kTask) : -1;
    };
    thread.park = callback("park");
    thread.unpark = callback("unpark");
    thread.setup = callback("setup");
    thread.cleanup = callback("cleanup");
  }

  void callbacks(Device& device, const Value& item) {
    for (std::size_t phase = 0; phase < kDevicePhases.size(); ++phase)
      if (const auto list = item.find(kDevicePhases[phase]))
        device.programs[phase] = compile_body(context_, *list, Context::kTask);
  }

  void hotplug_state(HotplugState& state, const Value& item) {
    if (const auto list = item.find("startup"))
      state.startup = compile_body(context_, *list, Context::kTask);
    if (const auto list = item.find("teardown"))
      state.teardown = compile_body(context_, *list, Context::kTask);
    if (state.startup < 0 && state.teardown < 0)
      item.fail({"neither \"startup\" nor \"teardown\"", "statements for one of them"});
  }

  void irq(Irq& irq, const Value& item) {
    arrival(irq.arrival, required(item, "arrival", "when it arrives: {\"poisson\": rate}, …"));
    const auto threaded = item.find("threaded");
    if (threaded && threaded->kind() == Kind::kArray) {
      irq.threaded = compile_body(context_, *threaded, Context::kTask);
      if (const auto handler = item.find("do"))
        irq.program = compile_body(context_, *handler, Context::kHardirq);
      return;
    }
    if (threaded && threaded->kind() != Kind::kBoolean)
      threaded->fail({fmt::format("this is {}", threaded->kind_name()),
                      "true (\"do\" runs in the thread), false, or the thread's statements"});
    if (threaded && threaded->boolean())
      irq.threaded = body(item, Context::kTask);
    else
      irq.program = body(item, Context::kHardirq);
  }

  void arrival(Arrival& arrival, const Value& object) {
    require_keys(object, keys_of("arrival"), "an object: {\"poisson\": rate}, …");
    const auto jitter = object.find("jitter");
    const std::size_t kinds = object.size() - (jitter ? 1 : 0);
    if (kinds != 1)
      object.fail({fmt::format("{} kinds of arrival", kinds),
                   "one of poisson, periodic, at, trace and mmpp"});
    if (const auto rate = object.find("poisson")) {
      arrival.kind = Arrival::Kind::kPoisson;
      arrival.rate = read_rate(*rate);
    } else if (const auto period = object.find("periodic")) {
      arrival.kind = Arrival::Kind::kPeriodic;
      arrival.period = positive_time(*period);
      if (jitter) arrival.jitter = context_.add_duration(*jitter);
    } else if (const auto times = object.find("at")) {
      at(arrival, *times);
    } else if (const auto file = object.find("trace")) {
      arrival.kind = Arrival::Kind::kTrace;
      arrival.file = read_path(*file, context_.folder);
    } else {
      mmpp(arrival, *object.find("mmpp"));
    }
    if (jitter && arrival.kind != Arrival::Kind::kPeriodic)
      jitter->fail_at_key({"\"jitter\" without \"periodic\"", "periodic arrivals"});
  }

  static sim::Time positive_time(const Value& value) {
    const sim::Time time = read_time(value);
    if (time == 0) value.fail({"a time of 0 here never ends", "a time above 0"});
    return time;
  }

  static void at(Arrival& arrival, const Value& times) {
    arrival.kind = Arrival::Kind::kAt;
    require_kind(times, Kind::kArray, "an array of times");
    for (const Value& item : times.children()) {
      const sim::Time time = read_time(item);
      if (!arrival.times.empty() && time < arrival.times.back())
        item.fail({"this is before the one before it", "times in order"});
      arrival.times.push_back(time);
    }
  }

  /// A rate of 0: nothing arrives in this state.
  static bool silence(const Value& rate) {
    return rate.kind() == Kind::kInteger && rate.integer() == 0;
  }

  static void mmpp(Arrival& arrival, const Value& object) {
    const std::string form = "{\"rates\": [rate of each state], \"dwell\": [mean time in it]}";
    arrival.kind = Arrival::Kind::kMmpp;
    require_keys(object, keys_of("mmpp"), form);
    const Value rates = required(object, "rates", form);
    const Value dwell = required(object, "dwell", form);
    require_kind(rates, Kind::kArray, "an array of rates");
    require_kind(dwell, Kind::kArray, "an array of times");
    if (rates.size() != dwell.size() || rates.size() < 2)
      dwell.fail({fmt::format("{} rates and {} times", rates.size(), dwell.size()),
                  "one of each for each of at least two states"});
    for (const Value& item : rates.children())
      arrival.rates.push_back(silence(item) ? 0 : read_rate(item));
    if (std::ranges::all_of(arrival.rates, [](double rate) { return rate == 0; }))
      rates.fail({"every state is silent", "a rate above 0 in one of them"});
    for (const Value& item : dwell.children()) arrival.dwell.push_back(positive_time(item));
  }

  LoadContext& context_;
  Scenario& scenario_;
  const Value& root_;
};

}  // namespace

void load_objects(LoadContext& context, const Value& root) {
  BodyLoader(context, root).load();
}

void load_events(LoadContext& context, const Value& root) {
  const auto list = root.find("events");
  if (!list) return;
  require_kind(*list, Kind::kArray, "an array of events: {\"t\": time, VERB: …}");
  for (const Value& item : list->children()) {
    require_kind(item, Kind::kObject, "an event: {\"t\": time, VERB: …}");
    Event event;
    event.time = read_time(required(item, "t", "the time of the event"));
    event.program = compile_event(context, item);
    event.origin = context.origin(item);
    context.scenario.events.push_back(event);
  }
  std::stable_sort(context.scenario.events.begin(), context.scenario.events.end(),
                   [](const Event& a, const Event& b) { return a.time < b.time; });
}

}  // namespace kt::scenario
