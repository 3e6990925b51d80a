#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/models/workqueue/booted_system.hpp"
#include "tests/support/run_scenario.hpp"

using kt::workqueue::WorkerPool;
using support::BootedSystem;
using support::FailingForks;
using support::Run;
using support::run_keys;

namespace {

// Invariant 34.
void check_no_equal_pools(BootedSystem& machine) {
  const auto& pools = machine.workqueues().pools();
  const auto first = static_cast<std::size_t>(4 * machine.system.machine().nr_cpus());
  for (std::size_t i = first; i < pools.size(); ++i) {
    for (std::size_t j = i + 1; j < pools.size(); ++j) {
      if (pools[i] == nullptr || pools[j] == nullptr) continue;
      CHECK_FALSE(kt::workqueue::same_pool(pools[i]->attrs, pools[j]->attrs));
    }
  }
}

}  // namespace

// Invariant 7.
TEST_CASE("an ordered queue keeps its order when its attributes change", "[workqueue][apply]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 4},
    "workqueues": {"o": {"ordered": true}},
    "works": {"b": {"workqueue": "o", "count": 12, "do": [{"usleep": "300us"}]}},
    "kthreads": {"t": {"do": [
      {"loop": 3, "do": [{"queue_work": "b"}]},
      {"set_workqueue_attrs": {"workqueue": "o", "nice": 5}}, {"loop": 3, "do": [{"queue_work": "b"}]},
      {"set_workqueue_attrs": {"workqueue": "o", "cpus": "2-3"}}, {"loop": 3, "do": [{"queue_work": "b"}]},
      {"set_workqueue_attrs": {"workqueue": "o", "nice": 0, "cpus": "0-3"}},
      {"loop": 3, "do": [{"queue_work": "b"}]}, {"flush_workqueue": "o"}, {"mark": "end"}]}})");
  CHECK(run.message.empty());
  CHECK(support::violations(run) == "");
  std::vector<std::string> queued;
  for (const auto* line : support::lines_of(run.trace, "workqueue_queue_work")) {
    queued.emplace_back(line->payload.substr(12, 16));
  }
  std::vector<std::string> started;
  int running = 0;
  for (const auto& line : run.trace.lines) {
    if (line.payload.find("function b") == std::string::npos) continue;
    if (line.event == "workqueue_execute_start") {
      started.emplace_back(line.payload.substr(12, 16));
      CHECK(++running == 1);
    }
    if (line.event == "workqueue_execute_end") --running;
  }
  CHECK(queued.size() == 12);
  CHECK(started == queued);
  CHECK(run.mark("end") > 0);
}

// Invariants 13 and 36.
TEST_CASE("workers keep to the pods of a strict scope", "[workqueue][apply]") {
  const bool strict = GENERATE(true, false);
  const Run run = run_keys(fmt::format(
      R"("duration": "idle", "machine": {{"cpus": 8, "llc": ["0-3", "4-7"]}},
    "workqueues": {{"w": {{"flags": ["WQ_UNBOUND"], "cpus": "1-6", "affinity_scope": "cache",
      "affinity_strict": {}}}}},
    "works": {{"b": {{"workqueue": "w", "count": 24, "do": [{{"run": "400us"}}, {{"usleep": "50us"}},
      {{"run": "100us"}}]}}}},
    "kthreads": {{"t": {{"cpu": 5, "do": [{{"loop": 24, "do": [{{"queue_work": "b"}}]}},
      {{"flush_workqueue": "w"}}]}}}})",
      strict));
  CHECK(run.message.empty());
  const auto lines = support::lines_of(run.trace, "workqueue_execute_start");
  bool outside = false;
  for (const auto* line : lines) {
    CHECK(line->comm.starts_with("kworker/u"));
    CHECK(line->cpu >= 1);
    CHECK(line->cpu <= 6);
    outside = outside || line->cpu < 4;
  }
  CHECK(lines.size() >= 24);
  CHECK(outside != strict);
}

TEST_CASE("changed attributes make pools, and give the old ones back", "[workqueue][apply]") {
  BootedSystem machine(R"("duration": "idle", "machine": {"cpus": 4},
    "workqueues": {"w": {"flags": ["WQ_UNBOUND"], "nice": 3}, "v": {"flags": ["WQ_UNBOUND", "WQ_MEM_RECLAIM"]}},
    "works": {"b": {"workqueue": "w", "count": 8, "do": [{"msleep": "4ms"}]}},
    "kthreads": {"t": {"do": [{"queue_work": "b"}, {"queue_work": "b"},
      {"set_workqueue_attrs": {"workqueue": "w", "affinity_scope": "cpu", "strict": true}},
      {"queue_work": "b"}, {"set_workqueue_attrs": {"workqueue": "v", "affinity_scope": "cpu"}},
      {"flush_workqueue": "w"}, {"set_unbound_cpumask": "2-3"}, {"mark": "end"}]}})");
  machine.system.run();
  CHECK(machine.system.message().empty());
  CHECK(machine.mark("end") > 0);
  check_no_equal_pools(machine);
  CHECK(machine.workqueues().unbound_cpumask().to_list() == "2-3");
  for (const auto& wq : machine.workqueues().workqueues()) {
    if (!wq->unbound()) continue;
    CAPTURE(wq->name);
    CHECK(wq->dfl_pwq->pool->attrs.pod_cpumask.to_list() == "2-3");
    CHECK(wq->pwqs.size() == (wq->ordered() ? 1U : 5U));  // the old ones are gone
  }
  CHECK(machine.workqueue("v").rescuer->task->cpus_ptr->to_list() == "2-3");
  int of_nice_3 = 0;
  for (const auto& pool : machine.workqueues().pools()) {
    if (pool == nullptr || pool->cpu >= 0) continue;
    CHECK(pool->refcnt > 0);
    CHECK(pool->nr_workers >= 1);
    if (pool->attrs.nice == 3) ++of_nice_3;
  }
  CHECK(of_nice_3 == 3);  // CPUs 2 and 3, and both: that of no CPU of the mask
}

TEST_CASE("no memory for a worker leaves the attributes as they were", "[workqueue][apply]") {
  BootedSystem machine(R"("duration": "idle", "machine": {"cpus": 2},
    "workqueues": {"w": {"flags": ["WQ_UNBOUND"]}, "n": {"flags": ["WQ_UNBOUND", "WQ_MEM_RECLAIM"], "start": "none"}},
    "works": {"b": {"workqueue": "w", "do": [{"mark": "ran"}]}},
    "tasks": {"t": {"do": [
      {"set_workqueue_attrs": {"workqueue": "w", "nice": 9, "affinity_scope": "cpu"}},
      {"alloc_workqueue": "n"}, {"queue_work": "b"}, {"flush_work": "b"}, {"mark": "end"}]}})");
  FailingForks forks;
  forks.fails = 2;  // the first worker of the new pool; the rescuer of n
  machine.system.machine().chooser = &forks;
  const auto pwqs = machine.workqueue("w").pwqs.size();
  machine.system.run();
  CHECK(machine.system.message().empty());
  CHECK(forks.fails == 0);
  CHECK(machine.mark("ran") > 0);
  CHECK(machine.mark("end") > 0);
  CHECK(machine.workqueue("w").unbound_attrs->nice == 0);
  CHECK(machine.workqueue("w").pwqs.size() == pwqs);
  CHECK_THROWS(machine.workqueue("n"));
  for (const auto& pool : machine.workqueues().pools())
    CHECK((pool == nullptr || pool->attrs.nice != 9));
}

TEST_CASE("only unbound queues have attributes", "[workqueue][apply]") {
  CHECK_THAT(run_keys(R"("duration": "idle", "workqueues": {"p": {}},
    "tasks": {"t": {"do": [{"set_workqueue_attrs": {"workqueue": "p", "nice": 1}}]}})")
                 .message,
             Catch::Contains("apply_workqueue_attrs(p) by t[") && Catch::Contains("not unbound"));
}

// The worker of a scope that is not strict may be pulled out of its pod while it computes. When it
// is woken for the next work it is looked for a CPU inside.
TEST_CASE("a worker that has left its pod is put back", "[workqueue][apply]") {
  const auto keys = [](bool strict) {
    return fmt::format(R"("duration": "200ms", "machine": {{"cpus": 8, "llc": ["0-3", "4-7"]}},
    "workqueues": {{"w": {{"flags": ["WQ_UNBOUND"], "affinity_scope": "cache", "affinity_strict": {}}}}},
    "works": {{"b": {{"workqueue": "w", "count": 8, "do": [{{"run": "20ms"}}]}},
      "c": {{"workqueue": "w", "do": [{{"run": "100us"}}]}}}},
    "kthreads": {{"t": {{"cpu": 0, "do": [{{"loop": 8, "do": [{{"queue_work": "b"}}]}}, {{"msleep": "100ms"}},
      {{"mark": "again"}}, {{"loop": 20, "do": [{{"queue_work": "c"}}, {{"msleep": "4ms"}}]}}]}}}})",
                       strict);
  };
  const auto repatriated = [&](bool strict) {
    BootedSystem machine(keys(strict));
    machine.system.run();
    std::uint64_t count = 0;
    for (const auto& pwq : machine.workqueue("w").pwqs) {
      count += pwq->stats[kt::workqueue::kRepatriated];
    }
    return count;
  };
  CHECK(repatriated(false) > 0);
  CHECK(repatriated(true) == 0);
  const Run run = run_keys(keys(false));
  bool outside = false;
  for (const auto* line : support::lines_of(run.trace, "workqueue_execute_start")) {
    if (line->time < run.mark("again")) outside = outside || line->cpu > 3;
    if (line->payload.ends_with("function c")) CHECK(line->cpu <= 3);
  }
  CHECK(outside);
  CHECK(support::violations(run) == "");
}
