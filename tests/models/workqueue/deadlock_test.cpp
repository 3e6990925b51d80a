#include <catch2/catch.hpp>

#include "tests/models/workqueue/booted_system.hpp"
#include "tests/support/run_scenario.hpp"

using Catch::Contains;

namespace {

// Works a, b and c do what is given; a thread queues all three.
std::string defect(const std::string& a, const std::string& b, const std::string& c = "[]",
                   const std::string& queues = R"("x": {"flags": ["WQ_UNBOUND"]})",
                   const std::string& queue_of_c = "x") {
  return support::run_keys(R"("duration": "idle", "machine": {"cpus": 2}, "workqueues": {)" +
                           queues + R"(}, "works": {"a": {"do": )" + a + R"(}, "b": {"do": )" + b +
                           R"(}, "c": {"workqueue": ")" + queue_of_c + R"(", "do": )" + c +
                           R"(}}, "kthreads": {"t": {"cpu": 0, "do": [{"queue_work": "a"},
      {"queue_work": "b"}, {"queue_work": "c"}]}})")
      .message;
}

}  // namespace

TEST_CASE("a work that flushes or cancels itself", "[workqueue][deadlock]") {
  CHECK_THAT(defect(R"([{"flush_work": "a"}])", "[]"),
             Contains("work a") && Contains("waits for itself: flush_work()"));
  CHECK_THAT(defect(R"([{"cancel_work_sync": "a"}])", "[]"),
             Contains("waits for itself: cancel_work_sync()"));
  CHECK_THAT(defect(R"([{"disable_work_sync": "a"}])", "[]"), Contains("waits for itself"));
  CHECK_THAT(defect(R"([{"flush_workqueue": "events"}])", "[]"), Contains("waits for itself"));
  CHECK_THAT(defect(R"([{"queue_work": "a"}, {"flush_work": "a"}])", "[]"),
             Contains("circular flush") && Contains("cannot run before it ends"));
  for (const char* verb : {"flush_delayed_work", "cancel_delayed_work_sync"}) {
    CHECK_THAT(support::run_keys(std::string(R"("duration": "idle", "works": {"d": {"delayed": true,
      "do": [{")") + verb + R"(": "d"}]}}, "tasks": {"t": {"do": [
      {"queue_delayed_work": {"work": "d", "delay": "4ms"}}]}})")
                   .message,
               Contains("work d") && Contains("waits for itself"));
  }
}

TEST_CASE("works that flush each other", "[workqueue][deadlock]") {
  CHECK_THAT(defect(R"([{"msleep": "4ms"}, {"flush_work": "b"}])",
                    R"([{"msleep": "20ms"}, {"flush_work": "a"}])"),
             Contains("(runs b of events) waits for work a") &&
                 Contains("(runs a of events) waits for work b"));
  // Across three, and through a whole queue.
  CHECK_THAT(defect(R"([{"msleep": "4ms"}, {"flush_work": "b"}])",
                    R"([{"msleep": "4ms"}, {"flush_work": "c"}])",
                    R"([{"msleep": "40ms"}, {"flush_work": "a"}])"),
             Contains("(runs c of x) waits for work a") && Contains("waits for work b") &&
                 Contains("waits for work c"));
  CHECK_THAT(defect(R"([{"msleep": "4ms"}, {"flush_workqueue": "x"}])", "[]",
                    R"([{"msleep": "40ms"}, {"flush_workqueue": "events"}])"),
             Contains("(runs c of x) waits for all works of events") &&
                 Contains("(runs a of events) waits for all works of x"));
}

TEST_CASE("a flush of what a limit keeps back", "[workqueue][deadlock]") {
  const std::string message =
      support::run_keys(R"("duration": "idle", "workqueues": {"o": {"ordered": true}}, "works": {
      "a": {"workqueue": "o", "do": [{"flush_work": "b"}]}, "b": {"workqueue": "o", "do": []}},
      "tasks": {"t": {"do": [{"queue_work": "a"}, {"queue_work": "b"}]}})")
          .message;
  CHECK_THAT(message, Contains("circular flush") && Contains("work b"));
}

TEST_CASE("a flush through the end of a thread", "[workqueue][deadlock]") {
  CHECK_THAT(
      support::run_keys(R"("duration": "idle", "works": {"a": {"do": [{"kthread_stop": "t"}]}},
      "kthreads": {"t": {"do": [{"queue_work": "a"}, {"msleep": "4ms"}, {"flush_work": "a"}]}})")
          .message,
      Contains("waits for the exit of t"));
}

TEST_CASE("flushes that only take their time are none", "[workqueue][deadlock]") {
  CHECK(defect(R"([{"msleep": "4ms"}, {"flush_work": "c"}])", R"([{"flush_work": "a"}])",
               R"([{"msleep": "40ms"}])")
            .empty());
  CHECK(defect(R"([{"flush_workqueue": "x"}])", R"([{"flush_workqueue": "x"}])",
               R"([{"msleep": "8ms"}])")
            .empty());
  CHECK(defect(R"([{"queue_work": "c"}, {"flush_work": "c"}])", R"([{"flush_work": "c"}])",
               R"([{"run": "1ms"}])")
            .empty());
}

TEST_CASE("a flush that reclaim must not make", "[workqueue][deadlock]") {
  CHECK_THAT(defect("[]", "[]", R"([{"queue_work": "a"}, {"flush_work": "a"}])",
                    R"("r": {"flags": ["WQ_MEM_RECLAIM"]})", "r"),
             Contains("WQ_MEM_RECLAIM r:c is flushing !WQ_MEM_RECLAIM events:a"));
  support::BootedSystem machine(R"("duration": "idle", "works": {"a": {"do": [{"msleep": "4ms"}]}},
    "tasks": {"t": {"do": [{"queue_work": "a"}, {"flush_work": "a"}]}})");
  machine.system.interpreter().thread(0)->flags |= kt::sched::kPfMemalloc;
  machine.system.run();
  CHECK_THAT(machine.system.message(),
             Contains("PF_MEMALLOC task") && Contains("(t) is flushing !WQ_MEM_RECLAIM events:a"));
}

TEST_CASE("the memory of a work", "[workqueue][deadlock]") {
  const auto of = [](const std::string& properties, const std::string& body,
                     const std::string& statements) {
    return support::run_keys(R"("duration": "idle", "works": {"a": {)" + properties + R"("do": )" +
                             body + R"(}}, "tasks": {"t": {"do": )" + statements + "}}")
        .message;
  };
  CHECK_THAT(of("", R"([{"run": "40ms"}])",
                R"([{"queue_work": "a"}, {"msleep": "4ms"}, {"free_work": "a"}])"),
             Contains("free of work a") && Contains("it runs in kworker/"));
  CHECK_THAT(
      of("", "[]",
         R"(["preempt_disable", {"queue_work": {"work": "a", "cpu": 0}}, {"free_work": "a"}])"),
      Contains("it is pending on events, queued by t["));
  CHECK_THAT(of(R"("delayed": true, )", "[]",
                R"([{"queue_delayed_work": {"work": "a", "delay": "1s"}}, {"free_work": "a"}])"),
             Contains("its timer is armed"));
  CHECK_THAT(of("", R"([{"run": "40ms"}])",
                R"([{"queue_work": "a"}, {"msleep": "4ms"}, {"init_work": "a"}])"),
             Contains("INIT_WORK() of work a") && Contains("it runs in"));
  // A function may free its own work; nobody may use it then.
  CHECK_THAT(of("", R"([{"free_work": "a"}])",
                R"([{"queue_work": "a"}, {"msleep": "8ms"}, {"queue_work": "a"}])"),
             Contains("queue_work of work a") && Contains("it was freed by kworker/"));
  CHECK_THAT(of(R"("init": false, )", "[]", R"([{"queue_work": "a"}])"),
             Contains("before INIT_WORK()"));
  CHECK_THAT(of(R"("init": false, )", "[]", R"([{"flush_work": "a"}])"),
             Contains("before INIT_WORK()"));
  CHECK(of(R"("init": false, )", "[]",
           R"([{"init_work": "a"}, {"queue_work": "a"}, {"flush_work": "a"}, {"free_work": "a"},
               {"init_work": "a"}, {"queue_work": "a"}])")
            .empty());
}
