#include <catch2/catch.hpp>

#include "models/boot/ps.hpp"
#include "tests/run/stopped_system.hpp"

namespace kt::workqueue {
namespace {

using sim::kMs;
using support::StoppedSystem;

std::string ps(StoppedSystem& system) {
  return boot::ps_table(boot::ps_rows(system->scheduler()), system->machine().nr_cpus());
}

const std::string kQueue = R"("machine": {"cpus": 1},
  "workqueues": {"rx": {"flags": ["WQ_MEM_RECLAIM"]}},
  "works": {"w": {"workqueue": "rx", "do": [{"msleep": "5ms"}, {"set_worker_desc": "flush-8:0"},
                                            {"msleep": "20ms"}]},
            "v": {"workqueue": "rx", "do": [{"msleep": "5ms"}]}},
  "events": [{"t": "1ms", "queue_work": "w"}, {"t": "50ms", "queue_work": "v"}])";

TEST_CASE("a worker that never ran an item has its plain name", "[workqueue]") {
  StoppedSystem system(0, kQueue);
  CHECK_THAT(ps(system), Catch::Contains("[kworker/0:0]\n") && Catch::Contains("[kworker/R-rx]\n"));
}

TEST_CASE("ps shows the queue of the item that a worker executes", "[workqueue]") {
  StoppedSystem system(3 * kMs, kQueue);
  CHECK_THAT(ps(system), Catch::Contains("+rx]\n"));
}

TEST_CASE("set_worker_desc replaces it until the next item", "[workqueue]") {
  StoppedSystem during(20 * kMs, kQueue);
  CHECK_THAT(ps(during), Catch::Contains("+flush-8:0]\n"));
  StoppedSystem after(45 * kMs, kQueue);
  CHECK_THAT(ps(after), Catch::Contains("-flush-8:0]\n"));
  StoppedSystem next(52 * kMs, kQueue);
  CHECK_THAT(ps(next), Catch::Contains("+rx]\n") && !Catch::Contains("flush-8:0"));
}

TEST_CASE("a description is cut as the kernel cuts it, and only workers have one", "[workqueue]") {
  StoppedSystem system(5 * kMs, R"("machine": {"cpus": 1}, "works": {"w": {"do": [
      {"set_worker_desc": "0123456789012345678901234567890123456789"}]}},
    "kthreads": {"k": {"do": [{"set_worker_desc": "nobody"}, {"queue_work": "w"},
                              {"msleep": "20ms"}]}})");
  CHECK_THAT(ps(system), Catch::Contains("-0123456789012345678901234567890]\n") &&
                             Catch::Contains("[k]\n") && !Catch::Contains("nobody"));
}

}  // namespace
}  // namespace kt::workqueue
