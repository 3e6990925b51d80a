// Governors: kernel/sched/cpufreq_schedutil.c and what CPU hotplug and suspend do to them.
#include "models/cpufreq/cpufreq.hpp"

#include <catch2/catch.hpp>

#include "tests/run/stopped_system.hpp"
#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using sim::kUs;
using sim::Time;
using support::lines_of;
using support::Run;
using support::run_keys;
using support::StoppedSystem;

std::string machine(const std::string& governor, const std::string& more = "") {
  return R"("machine": {"cpus": 2, "freq": {"pstates": ["3GHz", "2GHz", "1GHz"], "governor": ")" +
         governor + "\"}" + more + "}";
}

/// Whether CPU 0 asks for the highest frequency between two times.
bool raised(const Run& run, Time from, Time until) {
  for (const support::TraceLine* line : lines_of(run.trace, "cpu_frequency", "cpu_id", "0")) {
    if (line->time >= from && line->time < until && line->number_of("state") == 3'000'000)
      return true;
  }
  return false;
}

/// A task on CPU 0 that computes so long at the full frequency in each 10 ms.
std::string load(const std::string& run, const std::string& policy = "normal") {
  return R"("tasks": {"t": {"cpu": 0, "policy": ")" + policy +
         R"(", "do": [{"while": "1", "do": [{"run": ")" + run + R"("}, {"usleep": "5ms"}]}]}})";
}

}  // namespace

TEST_CASE("powersave and performance stay where they are", "[cpufreq]") {
  for (const char* governor : {"powersave", "performance"}) {
    const Run run = run_keys(R"("duration": "100ms", )" + machine(governor) + ", " + load("4ms"));
    CHECK(lines_of(run.trace, "cpu_frequency").empty());
  }
}

TEST_CASE("schedutil gives a busy CPU the highest frequency and an idle one nothing", "[cpufreq]") {
  StoppedSystem system(300 * kMs, machine("schedutil") + ", " + load("1s"));
  kt::cpufreq::Cpufreq& cpufreq = *system->cpufreq();
  const std::vector<Time> busy = cpufreq.time_in_state(0);
  CHECK(busy[0] > 200 * kMs);
  CHECK(busy[0] + busy[1] + busy[2] == 300 * kMs);
  CHECK(cpufreq.busy_khz(0) > 2'500'000);
  CHECK(cpufreq.time_in_state(1)[2] == 300 * kMs);
  CHECK(cpufreq.total_trans(1) == 0);
}

TEST_CASE("schedutil aims at a utilization of 80 percent", "[cpufreq]") {
  // About 350 of 1024: 1.25 times that of 3 GHz is 1.3 GHz, for which 2 GHz is the slowest enough.
  StoppedSystem system(2'000 * kMs, machine("schedutil") + ", " + load("2200us"));
  const std::vector<Time> times = system->cpufreq()->time_in_state(0);
  CHECK(times[1] > times[0] + times[2]);
}

TEST_CASE("utilization does not depend on the frequency", "[cpufreq]") {
  const auto util = [](const std::string& governor) {
    Time sum = 0;
    constexpr int kLooks = 40;
    StoppedSystem system(0, machine(governor) + ", " + load("1500us"));
    for (int look = 0; look < kLooks; ++look) {
      system->run_until((500 + 13 * look) * kMs);
      system->scheduler().rq(0).update_load();
      sum += static_cast<Time>(system->scheduler().rq(0).load_avg.util());
    }
    return static_cast<double>(sum) / kLooks;
  };
  // At 1 GHz the task computes for 4.5 ms of each 9.5, at 3 GHz for 1.5 of 6.5.
  const double fast = util("performance");
  const double slow = util("powersave");
  CHECK(fast > 0.2 * 1024);
  CHECK(fast < 0.26 * 1024);
  CHECK(slow > 0.14 * 1024);
  CHECK(slow < 0.18 * 1024);
}

TEST_CASE("a real-time task gets the highest frequency at once", "[cpufreq]") {
  const auto woken = [](const std::string& policy) {
    const Run run = run_keys(R"("duration": "210ms", )" + machine("schedutil") +
                             R"(, "tasks": {"t": {"cpu": 0, "policy": ")" + policy +
                             R"(", "do": [{"usleep": "200ms"}, {"mark": "up"}, {"run": "1ms"}]}})");
    return raised(run, run.mark("up") - 50 * kUs, run.mark("up") + kMs);
  };
  CHECK(woken("fifo:10"));
  CHECK_FALSE(woken("normal"));
}

TEST_CASE("a CPU changes its frequency at most each 15 us", "[cpufreq]") {
  const Run run = run_keys(R"("duration": "3s", )" + machine("schedutil") +
                           R"(, "tasks": {"t": {"cpu": 0, "do": [{"while": "1", "do": [
    {"run": "60ms"}, {"loop": 50, "do": [{"usleep": "3ms"}, {"run": "100us"}]}]}]}})");
  Time last = -sim::kSecond;
  const auto lines = lines_of(run.trace, "cpu_frequency", "cpu_id", "0");
  CHECK(lines.size() > 10);
  for (const support::TraceLine* line : lines) {
    CHECK(line->time - last >= 15 * kUs);
    CHECK(line->cpu == 0);  // nobody changes that of another CPU
    last = line->time;
  }
}

TEST_CASE("frequent wakeups behind I/O raise the frequency", "[cpufreq]") {
  const auto boosted = [](const std::string& statement) {
    StoppedSystem system(
        200 * kMs,
        machine("schedutil",
                R"(, "disks": {"d": {"read": "1G", "write": "1G", "latency": "200us"}})") +
            R"(, "tasks": {"t": {"cpu": 0, "do": [{"while": "1", "do": [)" + statement +
            R"(, {"run": "10us"}]}]}})");
    return system->cpufreq()->time_in_state(0)[0] > 150 * kMs;
  };
  CHECK(boosted(R"({"io": {"disk": "d", "bytes": 512}})"));
  CHECK_FALSE(boosted(R"({"usleep": "200us"})"));
}

TEST_CASE("a CPU that goes waits for a grace period after its governor", "[cpufreq][hotplug]") {
  const auto report = [](const std::string& governor) {
    return run_keys(R"("duration": "1s", )" + machine(governor) +
                    R"(, "events": [{"t": "10ms", "cpu_down": 1}, {"t": "500ms", "cpu_up": 1}])");
  };
  const Run run = report("schedutil");
  CHECK(violations(run) == "");
  const auto offline = lines_of(run.trace, "cpuhp_enter");
  int steps = 0;
  for (const support::TraceLine* line : offline) {
    if (line->payload.find("(cpuhp_cpufreq_o") != std::string::npos) ++steps;
  }
  CHECK(steps == 2);
  CHECK(run.task("cpuhp/1").nvcsw > report("powersave").task("cpuhp/1").nvcsw);
}

TEST_CASE("governors stop while devices are suspended", "[cpufreq][suspend]") {
  const Run run = run_keys(R"("duration": "1s", )" + machine("schedutil") + R"(, )" +
                           R"("devices": {"d": {"suspend": [{"run": "20ms"}]}},
    "tasks": {"t": {"do": [{"run": "500ms"}]}},
    "events": [{"t": "50ms", "suspend": {"state": "s2idle", "wake_after": "100ms"}}])");
  CHECK(violations(run) == "");
  Time begin = 0;
  Time end = 0;
  for (const support::TraceLine* line : lines_of(run.trace, "suspend_resume")) {
    if (line->payload.find("dpm_suspend[2] end") != std::string::npos) begin = line->time;
    if (line->payload.find("dpm_resume[16] begin") != std::string::npos) end = line->time;
  }
  REQUIRE(begin > 0);
  REQUIRE(end > begin);
  bool later = false;
  for (const support::TraceLine* line : lines_of(run.trace, "cpu_frequency")) {
    CHECK((line->time < begin || line->time > end));
    later |= line->time > end;
  }
  CHECK(later);
}
