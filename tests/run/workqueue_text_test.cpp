#include "tools/run/workqueue_text.hpp"

#include <catch2/catch.hpp>
#include <sstream>

#include "tests/report/wq_scenario.hpp"
#include "tests/run/stopped_system.hpp"

namespace kt::run {
namespace {

using Catch::Contains;
using support::StoppedSystem;

std::string text_of(StoppedSystem& system) {
  const auto nr_cpus = static_cast<std::size_t>(system->machine().nr_cpus());
  return workqueue_text(workqueue_use(*system, std::vector<Time>(nr_cpus)));
}

TEST_CASE("a machine without works has nothing to say of them", "[report]") {
  StoppedSystem system(10'000'000, R"("kthreads": {"k": {"do": [{"run": "1ms"}]}})");
  CHECK(text_of(system).empty());
}

TEST_CASE("tables fit 100 columns and say why works were late", "[report]") {
  StoppedSystem system(support::kWqMoment, support::kWqScenario);
  const std::string text = text_of(system);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(line.size() <= 100);
  }
  CHECK_THAT(text, Contains("receive (rx)                 10 "));
  CHECK_THAT(text, Contains("latest starts of receive\n"));
  CHECK_THAT(text, Contains("in kworker/R-rx (rescuer)\n"));
  CHECK_THAT(text, Contains(" while no worker could be made"));
  CHECK_THAT(text, Contains("t=0  workers then\n   2 CPU 0                 2  3 at "));
  CHECK_THAT(text, Contains("wq_pool_attach_mutex: 2 contended"));
  CHECK_THAT(text, !Contains("journal"));
}

TEST_CASE("when the number of workers changed is one line a pool", "[report]") {
  PoolUse pool;
  pool.id = 2;
  pool.name = "CPU 0";
  pool.at_boot = 2;
  const auto line = [&pool] {
    pool.nr_changes = pool.changes.size();
    WorkqueueUse use;
    use.pools.push_back(pool);
    const std::string text = workqueue_text(use);
    const std::string title = "workers then\n   2 CPU 0                 2  ";
    const std::size_t at = text.find(title);
    return at == std::string::npos ? "" : text.substr(at + title.size());
  };
  CHECK(line().empty());
  pool.changes = {{1'000, 3}};
  CHECK(line() == "3 at 1us\n");
  pool.changes.push_back({2'000, 4});
  CHECK(line() == "3 at 1us, 4 at 2us\n");
  pool.changes.push_back({3'500, 5});
  pool.changes.push_back({3'000'000, 4});
  CHECK(line() == "3 to 5 from 1us to 3.5us, 4 at 3ms\n");
  for (int i = 0; i < 100; ++i) pool.changes.push_back({4'000'000 + i, 5 - i % 2});
  CHECK(line().size() < 100 - 31);
  CHECK_THAT(line(), Contains("3 to 5 from 1us to 3.5us, 4 at 3ms, 5 at 4ms, ") && Catch::EndsWith(" more\n"));
}

TEST_CASE("the reasons of a late start, longest first", "[report]") {
  LateUse late;
  late.latency = 10'000'000;
  CHECK(waited_for(late).empty());
  late.inactive = 1'000'000;
  late.behind = 7'000'000;
  late.behind_work = "rx";
  late.behind_worker = "kworker/0:1";
  late.creation = 99'000;  // less than a hundredth
  late.cpu_wait = 2'000'000;
  late.cpu_taken_by = "hog (pid 40)";
  CHECK(waited_for(late) ==
        "7ms behind rx in kworker/0:1, 2ms without a CPU, behind hog (pid 40), "
        "1ms held back by max_active");
  late.way = 3'000'000;
  CHECK_THAT(waited_for(late), Contains("rx in kworker/0:1, 3ms on the way, 2ms without"));
  late.bh = true;
  CHECK_THAT(waited_for(late), Contains("3ms until the softirq ran"));
}

}  // namespace
}  // namespace kt::run
