// kernel/locking/rtmutex.c by way of scenarios under PREEMPT_RT.
#include "models/locking/rtmutex.hpp"

#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using support::lines_of;
using support::Run;
using support::run_keys;

Run on_rt(const std::string& keys) {
  return run_keys(R"("kernel": {"boot": "minimal", "preempt": "rt"}, "duration": "idle", )" + keys);
}

/// Everybody on CPU 0: `low` holds the lock from 1 ms on for 4 ms of its own time, `high` wants it
/// at 2 ms, `middle` computes from 3 ms on for 10 ms.
Run inversion(const std::string& lock, const std::string& unlock) {
  return on_rt(R"("machine": {"cpus": 1}, "spinlocks": ["s"], "mutexes": ["m"], "kthreads": {
      "high": {"cpu": 0, "policy": "fifo:20", "do": [{"usleep": "2ms"}, )" +
               lock + R"(, {"mark": "high has it"}, )" + unlock + R"(]},
      "middle": {"cpu": 0, "policy": "fifo:10", "do": [{"usleep": "3ms"}, {"run": "10ms"},
        {"mark": "middle is done"}]},
      "low": {"cpu": 0, "do": [{"usleep": "1ms"}, )" +
               lock + R"(, {"run": "4ms"}, )" + unlock + R"(, {"mark": "low goes on"}]}})");
}

}  // namespace

TEST_CASE("a lock that sleeps lends its waiter's priority", "[locking][preempt_rt]") {
  for (const auto& [lock, unlock] : std::vector<std::pair<std::string, std::string>>{
           {R"({"spin_lock": "s"})", R"({"spin_unlock": "s"})"},
           {R"({"spin_lock_irqsave": "s"})", R"({"spin_unlock_irqrestore": "s"})"},
           {R"({"lock": "m"})", R"({"unlock": "m"})"}}) {
    CAPTURE(lock);
    const Run run = inversion(lock, unlock);
    CHECK(violations(run) == "");
    CHECK(run.mark("high has it") < 6 * kMs);
    CHECK(run.mark("high has it") < run.mark("middle is done"));
    CHECK(run.mark("middle is done") < run.mark("low goes on"));
    const auto changes = lines_of(run.trace, "sched_pi_setprio");
    REQUIRE(changes.size() == 2);
    CHECK(changes[0]->text_of("comm") == "low");
    CHECK(changes[0]->number_of("newprio") == 79);
    CHECK(changes[1]->number_of("oldprio") == 79);
    CHECK(changes[1]->number_of("newprio") == 120);
  }
}

TEST_CASE("priority passes along a chain of owners", "[locking][preempt_rt]") {
  const Run run = on_rt(R"("machine": {"cpus": 1}, "mutexes": ["a", "b"], "kthreads": {
      "high": {"cpu": 0, "policy": "fifo:30", "do": [{"usleep": "6ms"}, {"lock": "b"},
        {"mark": "high has b"}, {"unlock": "b"}]},
      "hog": {"cpu": 0, "policy": "fifo:20", "do": [{"usleep": "7ms"}, {"run": "20ms"},
        {"mark": "hog is done"}]},
      "two": {"cpu": 0, "policy": "fifo:1", "do": [{"usleep": "3ms"}, {"lock": "b"}, {"lock": "a"},
        {"run": "1ms"}, {"unlock": "a"}, {"unlock": "b"}]},
      "one": {"cpu": 0, "do": [{"usleep": "1ms"}, {"lock": "a"}, {"run": "8ms"}, {"unlock": "a"}]}})");
  CHECK(violations(run) == "");
  CHECK(run.mark("high has b") < run.mark("hog is done"));
  bool one_was_high = false;
  for (const support::TraceLine* line : lines_of(run.trace, "sched_pi_setprio", "comm", "one")) {
    one_was_high = one_was_high || line->number_of("newprio") == 69;
  }
  CHECK(one_was_high);
}

TEST_CASE("the more important waiter gets the lock, equals in order", "[locking][preempt_rt]") {
  const Run run = on_rt(R"("machine": {"cpus": 4}, "mutexes": ["m"], "kthreads": {
      "holder": {"cpu": 0, "do": [{"usleep": "1ms"}, {"lock": "m"}, {"usleep": "10ms"}, {"unlock": "m"}]},
      "fair1": {"cpu": 1, "do": [{"usleep": "2ms"}, {"lock": "m"}, {"mark": "fair1"}, {"unlock": "m"}]},
      "fair2": {"cpu": 2, "nice": -20, "do": [{"usleep": "3ms"}, {"lock": "m"}, {"mark": "fair2"}, {"unlock": "m"}]},
      "urgent": {"cpu": 3, "policy": "fifo:5", "do": [{"usleep": "4ms"}, {"lock": "m"}, {"mark": "urgent"}, {"unlock": "m"}]}})");
  CHECK(violations(run) == "");
  CHECK(run.mark("urgent") < run.mark("fair1"));
  CHECK(run.mark("fair1") < run.mark("fair2"));
}

TEST_CASE("a spinlock that sleeps must not be taken where nothing may", "[locking][preempt_rt]") {
  for (const char* off : {"local_irq_disable", "preempt_disable"}) {
    const Run run = on_rt(std::string(R"("spinlocks": ["s"], "kthreads": {"k": {"do": [")") + off +
                          R"(", {"spin_lock": "s"}]}})");
    CHECK_THAT(run.message, Catch::Contains("invalid context"));
  }
}

TEST_CASE("waiting for a spinlock leaves the task's own state alone", "[locking][preempt_rt]") {
  // The wakeup comes while the sleeper-to-be waits for the lock: it must not sleep.
  const Run run = on_rt(R"("machine": {"cpus": 2}, "spinlocks": ["s"], "kthreads": {
      "holder": {"cpu": 0, "do": [{"usleep": "1ms"}, {"spin_lock": "s"}, {"run": "8ms"}, {"spin_unlock": "s"}]},
      "other": {"cpu": 0, "policy": "fifo:1", "do": [{"usleep": "2ms"}, {"stall": "4ms"}, {"wake": "sleeper"}, {"mark": "woken"}]},
      "sleeper": {"cpu": 1, "do": [{"usleep": "3ms"}, {"set_state": "TASK_INTERRUPTIBLE"},
        {"spin_lock": "s"}, {"spin_unlock": "s"}, "schedule", {"mark": "slept not"}]}})");
  CHECK(violations(run) == "");
  CHECK(run.mark("slept not") > run.mark("woken"));
}
