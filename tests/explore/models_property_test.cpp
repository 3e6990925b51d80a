// Random programs of what the kernel offers: whatever end state comes of holding back one step of a
// program until after another, the search that only reverses races reaches too. So each step of
// the models declares what it uses.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <functional>
#include <set>

#include "sim/random.hpp"
#include "tests/explore/explored.hpp"

using namespace kt;
using namespace kt::explore;

namespace {

class RandomProgram {
 public:
  RandomProgram(std::uint64_t seed, const std::string& kind) : random_(seed, "/tests/" + kind) {}

  std::string any(const std::vector<std::string>& statements) {
    return statements[random_.bounded(statements.size())];
  }
  std::string set() {
    return fmt::format(R"({{"set": "v{} = v{} * 2 + {}"}})", random_.bounded(2), random_.bounded(2),
                       1 + random_.bounded(9));
  }
  std::string takes_time() {
    return any({R"({"run": "1us"})", R"({"run": "300ns"})", R"({"usleep": "5us"})"});
  }
  std::string work_body() { return set() + (random_.bounded(2) == 0 ? "" : ", " + takes_time()); }
  std::string body(const std::function<std::string()>& statement) {
    return statement() + ", " + statement();
  }
  std::string keys(const std::string& sections, const std::string& first, const std::string& second,
                   const std::string& more = "") {
    return fmt::format(R"("duration": "idle", "machine": {{"cpus": 2}},
        "kernel": {{"boot": "minimal", "preempt": "{}"}}, "variables": {{"v0": 0, "v1": 0}}, {}
        "kthreads": {{"t0": {{"cpu": 0, "do": [{}]}}, "t1": {{"cpu": 1, "do": [{}]}}{}}})",
                       any({"none", "voluntary", "full"}), sections, first, second, more);
  }

  std::string works() {
    const auto statement = [this] {
      const std::string w = any({"a", "b"});
      const std::string queue =
          fmt::format(R"({{"queue_work": {{"work": "{}", "cpu": {}}}}})", w, random_.bounded(2));
      return any({queue, queue, R"({"flush_work": ")" + w + "\"}", R"({"cancel_work": ")" + w + "\"}",
                  R"({"cancel_work_sync": ")" + w + "\"}",
                  R"x({"if": "pending()x" + w + R"x()", "then": [)x" + set() + "]}", set()});
    };
    const std::string sections = fmt::format(
        R"("works": {{"a": {{"do": [{}]}}, "b": {{"do": [{}]}}}}, )", work_body(), work_body());
    return keys(sections, body(statement), body(statement));
  }

  std::string waits() {
    const auto statement = [this] {
      return any({R"({"complete": "c"})", R"({"complete_all": "c"})",
                  R"({"wait_for_completion": {"completion": "c", "timeout": "1ms"}})",
                  R"({"wait_event_timeout": {"waitqueue": "q", "until": "v0 != 0", "timeout": "1ms"}})",
                  R"({"wake_up": "q"})", set(), set()});
    };
    return keys(R"("completions": ["c"], "waitqueues": ["q"], )", body(statement), body(statement));
  }

  std::string timers() {
    const auto statement = [this] {
      return any({R"({"mod_timer": {"name": "t", "delay": "1us"}})",
                  R"({"mod_timer": {"name": "t", "delay": "1ms"}})", R"({"del_timer": "t"})",
                  R"({"del_timer_sync": "t"})", R"({"tasklet_schedule": "k"})", takes_time(), set()});
    };
    const std::string sections = fmt::format(
        R"("timers": {{"t": {{"do": [{}]}}}}, "tasklets": {{"k": {{"do": [{}]}}}}, )", set(), set());
    return keys(sections, body(statement), body(statement));
  }

  std::string locks() {
    const auto statement = [this] {
      return any({R"({"lock": "m"}, )" + set() + R"(, {"unlock": "m"})",
                  R"({"spin_lock": "s"}, )" + set() + R"(, {"spin_unlock": "s"})", takes_time(), set()});
    };
    return keys(R"("mutexes": ["m"], "spinlocks": ["s"], )", body(statement), body(statement));
  }

  std::string parking() {
    const auto statement = [this] {
      return any({R"({"kthread_park": "p"})", R"({"kthread_unpark": "p"})", R"({"wake": "p"})", set()});
    };
    const std::string parked = fmt::format(
        R"(, "p": {{"cpu": {}, "do": [{{"while": "!should_stop", "do": [
            {{"if": "should_park", "then": ["parkme"]}}, {}, {{"set_state": "TASK_INTERRUPTIBLE"}},
            {{"if": "!should_stop && !should_park", "then": ["schedule"]}},
            {{"__set_state": "TASK_RUNNING"}}]}}]}})",
        random_.bounded(2), set());
    return keys("", body(statement), body(statement), parked);
  }

  std::string kthread_works() {
    const auto statement = [this] {
      const std::string w = any({"a", "b"});
      return any({R"({"kthread_queue_work": ")" + w + "\"}", R"({"kthread_flush_work": ")" + w + "\"}",
                  R"({"kthread_cancel_work_sync": ")" + w + "\"}", R"({"kthread_flush_worker": "w"})",
                  set()});
    };
    const std::string sections = fmt::format(
        R"("kthread_workers": {{"w": {{"cpu": {}}}}}, "kthread_works": {{
            "a": {{"worker": "w", "do": [{}]}}, "b": {{"worker": "w", "do": [{}]}}}}, )",
        random_.bounded(2), work_body(), work_body());
    return keys(sections, body(statement), body(statement));
  }

 private:
  sim::RandomStream random_;
};

std::set<std::string> program_ends(const scenario::Scenario& scenario, Strategy strategy, unsigned bound) {
  Subject subject(scenario);
  SearchOptions options;
  options.strategy = strategy;
  options.bound = bound;
  options.stop_at_fault = false;
  options.executions = 100'000;
  Search search(subject, options);
  std::set<std::string> found;
  search.observe = [&](const Schedule&, const Outcome& outcome) {
    const run::Interpreter& interpreter = subject.system().interpreter();
    found.insert(fmt::format("{}: {} {} {}", fault_words(outcome.fault), outcome.subject,
                             interpreter.variable(0), interpreter.variable(1)));
  };
  search.run();
  return found;
}

void check_program(const std::string& kind, std::string (RandomProgram::*program)()) {
  const char* const wanted = std::getenv("KTSIM_PROPERTY_SEEDS");
  const std::uint64_t seeds = 2 + (wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 0) / 20;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    RandomProgram random(seed, kind);
    const std::string text = R"({"name": "random", "version": 1, )" + (random.*program)() + "}";
    CAPTURE(seed, text);
    const scenario::Scenario scenario = scenario::load("random.json", text);
    const std::set<std::string> plain = program_ends(scenario, Strategy::kDfs, 1);
    const std::set<std::string> reduced = program_ends(scenario, Strategy::kExhaustive, 3);
    for (const std::string& end : plain) {
      CAPTURE(end);
      CHECK(reduced.contains(end));
    }
  }
}

}  // namespace

TEST_CASE("random works: reversals reach what holds reach", "[explore][property]") {
  check_program("works", &RandomProgram::works);
}
TEST_CASE("random waits: reversals reach what holds reach", "[explore][property]") {
  check_program("waits", &RandomProgram::waits);
}
TEST_CASE("random timers and tasklets: reversals reach what holds reach", "[explore][property]") {
  check_program("timers", &RandomProgram::timers);
}
TEST_CASE("random locks: reversals reach what holds reach", "[explore][property]") {
  check_program("locks", &RandomProgram::locks);
}
TEST_CASE("random parking: reversals reach what holds reach", "[explore][property]") {
  check_program("parking", &RandomProgram::parking);
}
TEST_CASE("random kthread works: reversals reach what holds reach", "[explore][property]") {
  check_program("kthread_works", &RandomProgram::kthread_works);
}
