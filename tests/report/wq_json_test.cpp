#include "tools/report/wq_json.hpp"

#include <catch2/catch.hpp>

#include "tests/report/wq_scenario.hpp"

namespace kt::report {
namespace {

using Json = nlohmann::ordered_json;

const Json& named(const Json& list, const std::string& name) {
  for (const Json& row : list) {
    if (row["name"] == name) return row;
  }
  FAIL("no " << name);
  return list;
}

TEST_CASE("the dump as JSON says what its text says", "[report]") {
  support::StoppedSystem system(support::kWqMoment, support::kWqScenario);
  const Json dump = wq_dump_json(workqueue::dump(system->workqueues()));
  CHECK(dump["affinity_scopes"].size() == 5);
  CHECK(dump["affinity_scopes"][2]["default"] == true);
  CHECK(dump["affinity_scopes"][2]["pod_cpus"] == Json{"0-1", "2-3"});
  CHECK(dump["pools"][2]["cpu"] == 0);
  CHECK(dump["pools"][2]["workers"] == 3);
  CHECK(dump["pools"][17]["pod_cpus"] == "0-1");
  CHECK(named(dump["workqueues"], "rx")["cpu_pool"] == Json{2, 6, 10, 14});
  CHECK(named(dump["workqueues"], "crypt")["dfl_pool"] == 16);
  CHECK(named(dump["rescuers"], "crypt")["unbound_cpus"] == "0-3");
  CHECK(named(dump["rescuers"], "rx")["unbound_cpus"].is_null());
  CHECK(named(dump["node_nr_active"], "crypt")["nodes"][1]["max"] == 128);
  CHECK(named(dump["node_nr_active"], "journal")["max_active"] == 1);
}

TEST_CASE("the monitor as JSON has the keys of the script", "[report]") {
  support::StoppedSystem system(support::kWqMoment, support::kWqScenario);
  const Json rows = wq_monitor_json(workqueue::monitor(system->workqueues()), system->now());
  const Json& rx = named(rows, "rx");
  CHECK(rx["timestamp"] == 0.09);
  CHECK(rx["mem_reclaim"] == true);
  CHECK(rx["started"].get<int>() - rx["completed"].get<int>() == 2);
  CHECK(rx["cpu_intensive"] == 1);
  CHECK(named(rows, "crypt")["unbound"] == true);
  CHECK(named(rows, "crypt")["completed"] == 5);
}

}  // namespace
}  // namespace kt::report
