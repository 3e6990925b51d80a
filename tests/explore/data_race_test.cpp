#include "tools/explore/data_race.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/explore/explored.hpp"
#include "tools/explore/explanation.hpp"

using namespace kt;
using namespace kt::explore;

namespace {

// Threads that share the plain variable x.
struct Shared {
  std::string what;
  std::string sections;
  std::vector<std::string> bodies;
};

scenario::Scenario scenario_of(const Shared& shared) {
  const std::string variables =
      R"("variables": {"x": {"plain": true}, "y": {"plain": true}, "flag": 0}, )";
  return test::explored(variables + shared.sections, shared.bodies);
}

const std::string kSetX = R"({"set": "x += 1"})";
const std::string kReadX = R"({"if": "x == 1", "then": []})";
const std::string kAwaitFlag = R"({"while": "flag == 0", "do": ["cond_resched"]})";

const std::vector<Shared> kOrdered{
    {"both read", "", {kReadX, kReadX}},
    {"a mutex",
     R"("mutexes": ["m"], )",
     {R"({"lock": "m"}, )" + kSetX + R"(, {"unlock": "m"})",
      R"({"lock": "m"}, )" + kSetX + R"(, {"unlock": "m"})"}},
    {"a spinlock",
     R"("spinlocks": ["s"], )",
     {R"({"spin_lock": "s"}, )" + kSetX + R"(, {"spin_unlock": "s"})",
      R"({"spin_lock": "s"}, )" + kSetX + R"(, {"spin_unlock": "s"})"}},
    {"a completion",
     R"("completions": ["c"], )",
     {kSetX + R"(, {"complete": "c"})", R"({"wait_for_completion": "c"}, )" + kReadX}},
    {"a variable that is not plain",
     "",
     {kSetX + R"(, {"set": "flag = 1"})", kAwaitFlag + ", " + kReadX}},
    {"a wait queue",
     R"("waitqueues": ["q"], )",
     {kSetX + R"(, {"set": "flag = 1"}, {"wake_up": "q"})",
      R"({"wait_event": {"waitqueue": "q", "until": "flag == 1"}}, )" + kReadX}},
    {"queueing a work, and waiting for it",
     R"("works": {"w": {"do": [{"set": "x += 1"}]}}, )",
     {kSetX + R"(, {"queue_work": {"work": "w", "cpu": 1}}, {"flush_work": "w"}, )" + kSetX, ""}},
    {"queueing a work twice",
     R"("works": {"w": {"do": [{"set": "x += 1"}]}}, )",
     {R"({"queue_work": {"work": "w", "cpu": 0}}, {"flush_work": "w"},
         {"queue_work": {"work": "w", "cpu": 1}})",
      ""}},
    {"waiting for a queue",
     R"("workqueues": {"wq": {}}, "works": {"w": {"workqueue": "wq", "do": [{"set": "x += 1"}]},
        "v": {"workqueue": "wq", "do": [{"set": "y += 1"}]}}, )",
     {R"({"queue_work": {"work": "w", "cpu": 0}}, {"queue_work": {"work": "v", "cpu": 1}},
         {"flush_workqueue": "wq"}, {"set": "x += y"})",
      ""}},
    {"a work of a kthread worker",
     R"("kthread_workers": {"kw": {}}, "kthread_works": {"w": {"worker": "kw",
        "do": [{"set": "x += 1"}]}}, )",
     {kSetX + R"(, {"kthread_queue_work": "w"}, {"kthread_flush_work": "w"}, )" + kSetX, ""}},
    {"arming a timer, and waiting for its handler",
     R"("timers": {"t": {"do": [{"set": "x += 1"}]}}, )",
     {kSetX + R"(, {"mod_timer": {"name": "t", "delay": "4ms"}}, {"msleep": "20ms"},
                  {"del_timer_sync": "t"}, )" +
          kSetX,
      ""}},
    {"scheduling a tasklet",
     R"("tasklets": {"t": {"do": [{"set": "x += 1"}]}}, )",
     {kSetX + R"(, {"tasklet_schedule": "t"})", ""}},
    {"raising a softirq",
     R"("softirqs": {"s": {"vector": "NET_RX", "do": [{"set": "x += 1"}]}}, )",
     {kSetX + R"(, {"raise_softirq": "s"})", ""}},
    {"stopping a thread",
     "",
     {R"({"while": "!should_stop", "do": [{"usleep": "10us"}]}, )" + kSetX,
      R"({"usleep": "20us"}, {"kthread_stop": "t0"}, )" + kSetX}},
    {"interrupts that are off",
     R"("hrtimers": {"h": {"pinned": true, "do": [{"set": "x += 1"}]}}, )",
     {R"({"start_hrtimer": {"name": "h", "delay": "2us"}}, {"run": "5us"},
         "local_irq_disable", )" +
          kSetX + R"(, "local_irq_enable")",
      ""}},
};

const std::vector<Shared> kUnordered{
    {"a write and a read", "", {kSetX, kReadX}},
    {"two writes", "", {kSetX, kSetX}},
    {"far apart in time", "", {kSetX, R"({"msleep": "50ms"}, )" + kReadX}},
    {"one of them without the lock",
     R"("mutexes": ["m"], )",
     {R"({"lock": "m"}, )" + kSetX + R"(, {"unlock": "m"})", kSetX}},
    {"two locks",
     R"("mutexes": ["m", "n"], )",
     {R"({"lock": "m"}, )" + kSetX + R"(, {"unlock": "m"})",
      R"({"lock": "n"}, )" + kSetX + R"(, {"unlock": "n"})"}},
    {"a read before the completion",
     R"("completions": ["c"], )",
     {kSetX + R"(, {"complete": "c"})", kReadX + R"(, {"wait_for_completion": "c"})"}},
    {"a store after the flag",
     "",
     {R"({"set": "flag = 1"}, )" + kSetX, kAwaitFlag + ", " + kReadX}},
    {"two stores to one flag, and no look at it",
     "",
     {kSetX + R"(, {"set": "flag = 1"})", R"({"msleep": "1ms"}, {"set": "flag = 2"}, )" + kReadX}},
    {"a plain flag",
     "",
     {R"({"set": "y = 1"}, )" + kSetX,
      R"({"while": "y == 0", "do": ["cond_resched"]}, )" + kReadX}},
    {"a work that is not waited for",
     R"("works": {"w": {"do": [{"set": "x += 1"}]}}, )",
     {R"({"queue_work": {"work": "w", "cpu": 1}}, )" + kSetX, ""}},
    {"an interrupt on the same CPU",
     R"("hrtimers": {"h": {"pinned": true, "do": [{"set": "x += 1"}]}}, )",
     {R"({"start_hrtimer": {"name": "h", "delay": "2us"}}, {"run": "5us"}, )" + kSetX, ""}},
    {"interrupts that are off elsewhere",
     R"("hrtimers": {"h": {"pinned": true, "do": [{"set": "x += 1"}]}}, )",
     {R"({"start_hrtimer": {"name": "h", "delay": "2us"}})",
      R"({"run": "5us"}, "local_irq_disable", )" + kSetX + R"(, "local_irq_enable")"}},
};

// Two threads of one CPU.
std::string on_one_cpu(const std::string& preempt, const std::string& body) {
  return fmt::format(
      R"({{"name": "one", "version": 1, "duration": "idle", "machine": {{"cpus": 1}},
          "kernel": {{"boot": "minimal", "preempt": "{}"}}, "variables": {{"x": {{"plain": true}}}},
          "kthreads": {{"a": {{"cpu": 0, "do": [{}]}}, "b": {{"cpu": 0, "do": [{}]}}}}}})",
      preempt, body, body);
}

Fault fault_of(const std::string& text) {
  const scenario::Scenario scenario = scenario::load("one.json", text);
  return Subject(scenario).run({}, false).fault;
}

}  // namespace

TEST_CASE("what the kernel orders is no data race, under any schedule", "[explore]") {
  for (const Shared& shared : kOrdered) {
    CAPTURE(shared.what);
    const scenario::Scenario scenario = scenario_of(shared);
    Subject subject(scenario);
    SearchOptions options;
    options.bound = 1;
    options.executions = 2'000;
    const SearchResult result = test::search(subject, options);
    if (result.found) FAIL_CHECK(explain(subject, *result.found).why);
  }
}

TEST_CASE("a wakeup orders what its target does then, if it slept", "[explore]") {
  const auto fault_when_woken_after = [](const std::string& time) {
    const scenario::Scenario scenario =
        scenario_of({"",
                     "",
                     {kSetX + R"(, {"usleep": ")" + time + R"("}, {"wake": "t1"})",
                      R"({"run": "20us"}, {"set_state": "TASK_INTERRUPTIBLE"},
             {"schedule_timeout": "4ms"}, )" +
                          kReadX}});
    return Subject(scenario).run({}, false).fault;
  };
  CHECK(fault_when_woken_after("50us") == Fault::kNone);
  CHECK(fault_when_woken_after("2us") == Fault::kDataRace);
}

TEST_CASE("accesses that nothing orders are a data race, however far apart they are", "[explore]") {
  for (const Shared& shared : kUnordered) {
    CAPTURE(shared.what);
    const scenario::Scenario scenario = scenario_of(shared);
    Subject subject(scenario);
    const Outcome outcome = subject.run({}, false);
    CHECK(outcome.fault == Fault::kDataRace);
  }
}

TEST_CASE("a thread knows what was done before it was made", "[explore]") {
  const auto fault = [](const std::string& creator) {
    return fault_of(R"({"name": "one", "version": 1, "duration": "idle", "machine": {"cpus": 2},
      "kernel": {"boot": "minimal"}, "variables": {"x": {"plain": true}}, "kthreads": {
        "parent": {"cpu": 0, "do": [)" +
                    creator + R"(]}, "child": {"cpu": 1, "start": "none", "do": [)" + kReadX +
                    "]}}}");
  };
  CHECK(fault(kSetX + R"(, {"kthread_run": "child"})") == Fault::kNone);
  CHECK(fault(R"({"kthread_run": "child"}, )" + kSetX) == Fault::kDataRace);
}

TEST_CASE("what PREEMPT_RT's locks order is no data race", "[explore]") {
  const std::string locked = R"({"lock": "m"}, )" + kSetX + R"(, {"unlock": "m"})";
  const std::string spun = R"({"spin_lock": "s"}, )" + kSetX + R"(, {"spin_unlock": "s"})";
  const auto fault = [](const std::string& one, const std::string& other) {
    return fault_of(
        fmt::format(R"({{"name": "rt", "version": 1, "duration": "idle", "machine": {{"cpus": 2}},
          "kernel": {{"boot": "minimal", "preempt": "rt"}}, "mutexes": ["m"], "spinlocks": ["s"],
          "variables": {{"x": {{"plain": true}}}}, "kthreads": {{
            "a": {{"cpu": 0, "do": [{}]}}, "b": {{"cpu": 1, "do": [{}]}}}}}})",
                    one, other));
  };
  CHECK(fault(locked, locked) == Fault::kNone);
  CHECK(fault(spun, spun) == Fault::kNone);
  CHECK(fault(locked, spun) == Fault::kDataRace);
}

TEST_CASE("a CPU orders tasks that cannot preempt one another", "[explore]") {
  const std::string bare = kSetX;
  const std::string guarded = R"("preempt_disable", )" + kSetX + R"(, "preempt_enable")";
  CHECK(fault_of(on_one_cpu("none", bare)) == Fault::kNone);
  CHECK(fault_of(on_one_cpu("full", guarded)) == Fault::kNone);
  CHECK(fault_of(on_one_cpu("full", bare)) == Fault::kDataRace);
}

TEST_CASE("a data race is explained by both accesses", "[explore]") {
  const scenario::Scenario scenario = scenario_of({"", "", {kSetX, kReadX}});
  Subject subject(scenario);
  const SearchResult result = test::search(subject, {});
  REQUIRE(result.found);
  CHECK(result.found->outcome.subject == "x");
  const Explanation explanation = explain(subject, *result.found);
  CHECK_THAT(explanation.why,
             Catch::Contains("Data race on variable x") && Catch::Contains("writes it at t=") &&
                 Catch::Contains("in set x += 1 (explored.json:") &&
                 Catch::Contains("reads it at t=") && Catch::Contains("in test x == 1"));
  const auto decides = [](const Row& row) { return row.decides; };
  CHECK(std::ranges::count_if(explanation.rows, decides) == 2);
}

TEST_CASE("a run with another fault has that fault", "[explore]") {
  const scenario::Scenario scenario =
      scenario_of({"", "", {kSetX + R"(, {"assert": "x == 0"})", kReadX}});
  CHECK(Subject(scenario).run({}, false).fault == Fault::kDefect);
}
