// nna->lock (kernel/workqueue.c: struct wq_node_nr_active): who waits for a slot of a node.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/models/workqueue/booted_system.hpp"
#include "tests/support/run_scenario.hpp"

using support::BootedSystem;
using support::Run;
using support::run_keys;

namespace {

// Eight pools, one a CPU, share the slots of one node; a thread on each CPU queues fifty works.
std::string eight_pools(int max_active) {
  const std::string limit = std::to_string(max_active);
  std::string text = R"("duration": "idle", "machine": {"cpus": 8, "smt": 1},
    "workqueues": {"u": {"flags": ["WQ_UNBOUND"], "max_active": )" +
                     limit + R"(, "affinity_scope": "cpu"}}, "works": {)";
  for (int cpu = 0; cpu < 8; ++cpu) {
    text += std::string(cpu == 0 ? "" : ", ") + "\"w" + std::to_string(cpu) +
            R"(": {"workqueue": "u", "count": 50, "do": [{"run": "3us"}]})";
  }
  text += R"(}, "kthreads": {)";
  for (int cpu = 0; cpu < 8; ++cpu) {
    const std::string id = std::to_string(cpu);
    text += std::string(cpu == 0 ? "" : ", ") + "\"t" + id + R"(": {"cpu": )" + id +
            R"(, "do": [{"loop": 50, "do": [{"queue_work": "w)" + id + R"("}]}]})";
  }
  return text + "}";
}

}  // namespace

TEST_CASE("who gets in line for a slot contends with the others", "[workqueue][active]") {
  BootedSystem machine(eight_pools(7));
  machine.system.run();
  CHECK(machine.system.message().empty());
  const kt::workqueue::Workqueue& u = machine.workqueue("u");
  const kt::workqueue::NodeNrActive& nna = u.node_nr_active.front();
  CHECK(nna.nr == 0);
  CHECK(nna.pending_pwqs.empty());
  CHECK(nna.lock.owner == nullptr);
  CHECK(nna.lock.contentions > 0);
  CHECK(nna.lock.waited > 0);
  CHECK(u.node_nr_active.back().lock.contentions == 0);
}

TEST_CASE("a slot that is free is taken without nna->lock", "[workqueue][active]") {
  BootedSystem machine(eight_pools(512));
  machine.system.run();
  CHECK(machine.system.message().empty());
  const kt::workqueue::NodeNrActive& nna = machine.workqueue("u").node_nr_active.front();
  CHECK(nna.lock.contentions == 0);
  CHECK(nna.lock.owner_cpu == -1);  // nobody ever had it
}

TEST_CASE("all that wait in line for a slot run, at most so many at once", "[workqueue][active]") {
  for (const int max_active : {1, 2, 5}) {
    CAPTURE(max_active);
    const Run run = run_keys(eight_pools(max_active), {.inspect_every = 20'000});
    CHECK(run.message.empty());
    CHECK(violations(run) == "");
    CHECK(run.state_violations == "");
    int running = 0;
    int most = 0;
    int ended = 0;
    for (const support::TraceLine& line : run.trace.lines) {
      if (line.event == "workqueue_execute_start") most = std::max(most, ++running);
      if (line.event != "workqueue_execute_end") continue;
      --running;
      ++ended;
    }
    CHECK(ended == 400);
    CHECK(most == max_active);
  }
}
