#include <catch2/catch.hpp>

#include "tests/models/workqueue/booted_system.hpp"
#include "tests/support/run_scenario.hpp"

using support::BootedSystem;
using support::Run;
using support::run_keys;

TEST_CASE("destroying a queue waits for its works and their successors", "[workqueue][destroy]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 2}, "variables": {"n": 3},
    "workqueues": {"w": {"flags": ["WQ_UNBOUND", "WQ_MEM_RECLAIM"], "nice": -5}},
    "works": {"a": {"workqueue": "w", "count": 4, "do": [{"msleep": "4ms"},
      {"set": "n -= 1"}, {"if": "n >= 0", "then": [{"queue_work": "a"}]}]}},
    "kthreads": {"t": {"do": [{"queue_work": "a"}, {"destroy_workqueue": "w"}, {"mark": "end"}]}})");
  CHECK(run.message.empty());
  CHECK(support::violations(run) == "");
  // Invariant 43: nothing of the queue follows.
  const auto executions = support::lines_of(run.trace, "workqueue_execute_start");
  CHECK(executions.size() == 4);
  for (const auto* line : executions) CHECK(line->time < run.mark("end"));
  // Its rescuer ends first, then its pool goes with its workers, which nobody shares.
  std::vector<std::string> stopped;
  for (const auto* line : support::lines_of(run.trace, "sched_kthread_stop")) {
    stopped.emplace_back(line->text_of("comm"));
  }
  REQUIRE(stopped.size() >= 2);
  CHECK(stopped.front() == "kworker/R-w");
  CHECK(std::all_of(stopped.begin() + 1, stopped.end(),
                    [](const std::string& name) { return name.starts_with("kworker/u"); }));
}

TEST_CASE("a destroyed queue leaves nothing behind", "[workqueue][destroy]") {
  BootedSystem machine(R"("duration": "idle", "machine": {"cpus": 2},
    "workqueues": {"w": {"flags": ["WQ_UNBOUND"], "nice": 7}, "p": {}, "o": {"ordered": true}},
    "kthreads": {"t": {"do": [{"destroy_workqueue": "w"}, {"destroy_workqueue": "p"},
      {"destroy_workqueue": "o"}, {"alloc_workqueue": "w"}, {"mark": "end"}]}})");
  const auto count = [&] {
    return std::ranges::count_if(machine.workqueues().pools(),
                                 [](const auto& pool) { return pool != nullptr; });
  };
  const auto before = count();
  machine.system.run();
  CHECK(machine.system.message().empty());
  CHECK(machine.mark("end") > 0);
  CHECK(machine.workqueue("w").unbound_attrs->nice == 7);  // allocated anew
  CHECK_THROWS(machine.workqueue("p"));
  CHECK_THROWS(machine.workqueue("o"));
  CHECK(count() == before);
}

namespace {

std::string destroy_defect(const std::string& objects, const std::string& statements,
                           const std::string& other = "[]") {
  return run_keys(R"("duration": "idle", "machine": {"cpus": 2}, )" + objects +
                  R"(, "kthreads": {"t": {"do": )" + statements + R"(}, "u": {"do": )" + other +
                  "}}")
      .message;
}

}  // namespace

TEST_CASE("queueing on a queue that ends names who ends it", "[workqueue][destroy]") {
  const std::string objects = R"("workqueues": {"x": {}}, "works": {
    "a": {"workqueue": "x", "do": [{"msleep": "40ms"}]},
    "d": {"workqueue": "x", "delayed": true, "do": []}})";
  CHECK_THAT(destroy_defect(objects, R"([{"queue_work": "a"}, {"drain_workqueue": "x"}])",
                            R"([{"msleep": "4ms"}, {"queue_work": "d"}])"),
             Catch::Contains("work d") && Catch::Contains("queued by u[") &&
                 Catch::Contains("on workqueue x, which is being drained by t["));
  CHECK_THAT(destroy_defect(objects, R"([{"queue_work": "a"}, {"destroy_workqueue": "x"}])",
                            R"([{"msleep": "4ms"}, {"queue_work": "d"}])"),
             Catch::Contains("which is being destroyed by t["));
  // The timer was armed before; nothing looks for it at destruction.
  CHECK_THAT(destroy_defect(objects, R"([{"queue_delayed_work": {"work": "d", "delay": "20ms"}},
                                 {"destroy_workqueue": "x"}, {"msleep": "100ms"}])"),
             Catch::Contains("its timer was started by t[") &&
                 Catch::Contains("which was destroyed by t["));
}

TEST_CASE("a queue that is gone must not be used", "[workqueue][destroy]") {
  const std::string objects =
      R"("workqueues": {"x": {"flags": ["WQ_UNBOUND"]}, "n": {"start": "none"}})";
  const auto after = [&](const std::string& statement) {
    return destroy_defect(objects, R"([{"destroy_workqueue": "x"}, )" + statement + "]");
  };
  for (const char* statement :
       {R"({"destroy_workqueue": "x"})", R"({"drain_workqueue": "x"})",
        R"({"flush_workqueue": "x"})", R"({"set_max_active": {"workqueue": "x", "max_active": 1}})",
        R"({"set_workqueue_attrs": {"workqueue": "x", "nice": 1}})"}) {
    CAPTURE(statement);
    CHECK_THAT(after(statement), Catch::Contains("the workqueue was destroyed by t["));
  }
  CHECK_THAT(destroy_defect(objects, R"([{"flush_workqueue": "n"}])"),
             Catch::Contains("workqueue n does not exist"));
  CHECK_THAT(destroy_defect(objects, R"([{"alloc_workqueue": "x"}])"),
             Catch::Contains("workqueue x exists already"));
}
