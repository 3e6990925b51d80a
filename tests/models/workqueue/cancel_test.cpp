// What cancel, disable, enable, mod and queue return, whatever state the work is in, and whether
// they wait: the table of kernel/workqueue.c's kernel-doc.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using support::lines_of;
using support::Run;
using support::run_keys;

/// How a work gets into a state. The works `w` and `d` (delayed) run for 20 ms on CPU 1.
struct State {
  const char* name;
  std::string way;  ///< statements
  bool pending = false;
  bool runs = false;
};

// W is the work.
std::vector<State> states(bool delayed) {
  const std::string queue = R"({"queue_work": {"work": "W", "cpu": 1}})";
  const std::string blocker =
      R"({"queue_work": {"work": "blocker", "cpu": 1}}, {"usleep": "1ms"}, )";
  const std::string holder = R"({"queue_work": {"work": "holder", "cpu": 1}}, {"usleep": "1ms"}, )";
  std::vector<State> list{
      {"idle", R"({"usleep": "1ms"})"},
      {"has run", queue + R"(, {"msleep": "40ms"})"},
      {"waiting", blocker + queue, true},
      {"inactive", holder + queue, true},
      {"running", queue + R"(, {"usleep": "2ms"})", false, true},
      {"running and queued again", queue + R"(, {"usleep": "2ms"}, )" + queue, true, true},
  };
  if (delayed) {
    list.push_back(
        {"on its timer", R"({"queue_delayed_work": {"work": "W", "delay": "400ms"}})", true});
    list.push_back(
        {"running and on its timer",
         queue + R"(, {"usleep": "2ms"}, {"queue_delayed_work": {"work": "W", "delay": "400ms"}})",
         true, true});
  }
  return list;
}

/// Runs a thread that brings the work into the state and then makes the call.
Run make(const State& state, const std::string& call, bool delayed, const std::string& then = "") {
  std::string way =
      state.way + R"(, {"mark": "call"}, )" + call + R"(, {"mark": "returned"})" + then;
  for (std::size_t at; (at = way.find("\"W\"")) != std::string::npos;) {
    way.replace(at, 3, delayed ? R"("d")" : R"("w")");
  }
  return run_keys(R"("duration": "200ms", "machine": {"cpus": 2},
    "workqueues": {"q": {"max_active": 1}, "other": {}},
    "works": {
      "w": {"workqueue": "q", "do": [{"run": "20ms"}, {"mark": "end"}]},
      "d": {"workqueue": "q", "delayed": true, "do": [{"run": "20ms"}, {"mark": "end"}]},
      "holder": {"workqueue": "q", "do": [{"usleep": "20ms"}]},
      "blocker": {"workqueue": "other", "do": [{"run": "8ms"}]}},
    "kthreads": {"t": {"cpu": 0, "do": [)" +
                  way + "]}}");
}

/// What the last call of the verb returned.
int returned(const Run& run, const std::string& verb) {
  int value = -1;
  for (const support::TraceLine* line : lines_of(run.trace, "return")) {
    if (line->payload.starts_with(verb + "("))
      value = std::stoi(line->payload.substr(line->payload.rfind(' ')));
  }
  return value;
}

/// The ends of executions between the call and its return, and after it.
std::pair<int, int> ends(const Run& run) {
  std::pair<int, int> count;
  for (const auto& [time, text] : run.marks) {
    if (text != "end" || time < run.mark("call")) continue;
    ++(time <= run.mark("returned") ? count.first : count.second);
  }
  return count;
}

std::string statement(const std::string& verb) {
  return fmt::format(R"({{"{}": "W"}})", verb);
}

}  // namespace

TEST_CASE("cancel and disable return whether the work was pending", "[workqueue][cancel]") {
  for (const bool delayed : {false, true}) {
    std::vector<std::string> verbs{"disable_work", "disable_work_sync"};
    const std::string stem = delayed ? "cancel_delayed_work" : "cancel_work";
    verbs.insert(verbs.end(), {stem, stem + "_sync"});
    for (const State& state : states(delayed)) {
      for (const std::string& verb : verbs) {
        CAPTURE(verb, state.name);
        const Run run = make(state, statement(verb), delayed);
        CHECK(run.message == "");
        CHECK(support::violations(run) == "");
        CHECK(returned(run, verb) == (state.pending ? 1 : 0));
        const bool waits = verb.ends_with("_sync") && state.runs;
        // What was pending never runs; what runs ends before a _sync call returns.
        CHECK(ends(run) == std::pair{waits ? 1 : 0, state.runs && !waits ? 1 : 0});
        if (!waits) CHECK(run.mark("returned") - run.mark("call") < kMs);
      }
    }
  }
}

TEST_CASE("mod_delayed_work returns whether the work was pending, and it is afterwards",
          "[workqueue][cancel]") {
  for (const char* delay : {"0", "60ms"}) {
    for (const State& state : states(true)) {
      CAPTURE(delay, state.name);
      const Run run = make(
          state,
          fmt::format(R"({{"mod_delayed_work": {{"work": "W", "delay": "{}", "cpu": 1}}}})", delay),
          true);
      CHECK(run.message == "");
      CHECK(returned(run, "mod_delayed_work") == (state.pending ? 1 : 0));
      CHECK(run.mark("returned") - run.mark("call") < kMs);
      CHECK(ends(run) == std::pair{0, state.runs ? 2 : 1});
    }
  }
}

TEST_CASE("queueing what is pending changes nothing", "[workqueue][cancel]") {
  for (const bool delayed : {false, true}) {
    for (const State& state : states(delayed)) {
      const std::string verb = delayed ? "queue_delayed_work" : "queue_work";
      CAPTURE(verb, state.name);
      const std::string call =
          delayed ? R"({"queue_delayed_work": {"work": "W", "delay": "40ms", "cpu": 1}})"
                  : R"({"queue_work": {"work": "W", "cpu": 1}})";
      const Run run = make(state, call, delayed);
      CHECK(run.message == "");
      CHECK(returned(run, verb) == (state.pending ? 0 : 1));
      const bool on_timer = std::string(state.name).ends_with("timer");  // of 400 ms: untouched
      CHECK(ends(run).second == (state.runs ? 1 : 0) + (on_timer ? 0 : 1));
    }
  }
}

TEST_CASE("while a work is disabled nothing queues it, and depths count", "[workqueue][cancel]") {
  const std::string disable = statement("disable_work");
  const std::string enable = statement("enable_work");
  const State idle{"disabled", disable};
  for (const bool delayed : {false, true}) {
    CAPTURE(delayed);
    const Run queued = make(idle, R"({"queue_work": {"work": "W", "cpu": 1}})", delayed);
    CHECK(returned(queued, "queue_work") == 0);
    CHECK(lines_of(queued.trace, "workqueue_queue_work", "workqueue", "q").empty());
    CHECK(ends(queued) == std::pair{0, 0});
    CHECK(returned(make(idle, enable, delayed), "enable_work") == 1);
    CHECK(returned(make({"twice", disable + ", " + disable}, enable, delayed), "enable_work") == 0);
    const Run enabled = make({"twice", disable + ", " + disable + ", " + enable}, enable, delayed,
                             R"(, {"queue_work": {"work": "W", "cpu": 1}})");
    CHECK(returned(enabled, "enable_work") == 1);
    CHECK(returned(enabled, "queue_work") == 1);
    CHECK(ends(enabled) == std::pair{0, 1});
  }
  for (const char* delay : {"0", "8ms"}) {
    const Run run = make(
        idle, fmt::format(R"({{"queue_delayed_work": {{"work": "W", "delay": "{}"}}}})", delay),
        true);
    CHECK(returned(run, "queue_delayed_work") == 0);
    CHECK(ends(run) == std::pair{0, 0});
    const Run mod =
        make(idle, fmt::format(R"({{"mod_delayed_work": {{"work": "W", "delay": "{}"}}}})", delay),
             true);
    CHECK(returned(mod, "mod_delayed_work") == 0);
    CHECK(ends(mod) == std::pair{0, 0});
  }
  CHECK_THAT(make({"idle", R"({"usleep": "1ms"})"}, enable, false).message,
             Catch::Contains("disable count underflowed"));
}

// Invariant 42: the call holds off the work's own next queueing too.
TEST_CASE("a work cannot queue itself while cancel_work_sync waits for it", "[workqueue][cancel]") {
  const Run run = run_keys(R"("duration": "100ms", "machine": {"cpus": 2},
    "works": {"w": {"do": [{"run": "5ms"}, {"queue_work": "w"}]}},
    "kthreads": {"t": {"cpu": 0, "do": [{"queue_work": {"work": "w", "cpu": 1}}, {"usleep": "2ms"},
      {"cancel_work_sync": "w"}, {"mark": "cancelled"}, {"msleep": "20ms"}, {"queue_work": {"work": "w", "cpu": 1}},
      {"usleep": "2ms"}, {"mark": "second"}, {"cancel_work_sync": "w"}]}})");
  CHECK(run.message == "");
  const auto starts = lines_of(run.trace, "workqueue_execute_start");
  CHECK(std::count_if(starts.begin(), starts.end(), [](const support::TraceLine* line) {
          return line->payload.ends_with("function w");
        }) == 2);
  CHECK(returned(run, "cancel_work_sync") == 0);
}
