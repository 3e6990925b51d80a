#include "tools/report/wq_text.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "tests/report/wq_scenario.hpp"
#include "tests/support/paths.hpp"

namespace kt::report {
namespace {

std::string golden(const std::string& name) {
  std::ifstream stream(support::source_dir() / "tests/report/golden" / name);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST_CASE("the dump has the layout of wq_dump.py", "[report]") {
  support::StoppedSystem system(support::kWqMoment, support::kWqScenario);
  CHECK(wq_dump_text(workqueue::dump(system->workqueues())) == golden("wq_dump.txt"));
}

TEST_CASE("the counters have the layout of wq_monitor.py", "[report]") {
  support::StoppedSystem system(support::kWqMoment, support::kWqScenario);
  CHECK(wq_monitor_text(workqueue::monitor(system->workqueues()), "") == golden("wq_monitor.txt"));
}

TEST_CASE("CPU masks print in words of 32 CPUs", "[report]") {
  CHECK(cpumask_words(cpu::CpuMask(8)).empty());
  CHECK(cpumask_words(cpu::CpuMask::parse(8, "0,4-7")) == "000000f1");
  CHECK(cpumask_words(cpu::CpuMask::parse(64, "0-31,33")) == "0xffffffff 00000002");
  CHECK(cpumask_words(cpu::CpuMask::parse(96, "64")) == "0x0 0x0 00000001");
}

TEST_CASE("wide machines have wide columns", "[report]") {
  support::StoppedSystem system(0, R"("machine": {"cpus": 128})");
  const std::string text = wq_dump_text(workqueue::dump(system->workqueues()));
  CHECK_THAT(text, Catch::Contains("\npool[002] flags=0x00"));
  CHECK_THAT(text, Catch::Contains(" type   CPU   0   1   2 "));
  CHECK_THAT(text, Catch::Contains("\nNODE[00]=0xffffffff 0xffffffff 0xffffffff ffffffff\n"));
}

TEST_CASE("a long name shows its end in the monitor", "[report]") {
  workqueue::MonitorRow row;
  row.name = "events_freezable_pwr_efficient";
  row.unbound = true;
  row.stats[workqueue::kStarted] = 3;
  row.stats[workqueue::kCompleted] = 1;
  row.stats[workqueue::kCpuTime] = 1'260'000;
  row.stats[workqueue::kRepatriated] = 4;
  row.stats[workqueue::kCmWakeup] = 5;
  CHECK(wq_monitor_text({row}, "t=2s") ==
        "\n"
        "t=2s                        total  infl  CPUtime CPUitsv CMW/RPR  mayday rescued\n"
        "_freezable_pwr_efficient        3     2      1.3       -       4       -       -\n");
}

}  // namespace
}  // namespace kt::report
