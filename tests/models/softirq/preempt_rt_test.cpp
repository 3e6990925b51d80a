// Softirqs and timers under PREEMPT_RT, by way of scenarios.
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

/// Who ran the first softirq of that vector.
std::string server(const Run& run, std::int64_t vector) {
  for (const support::TraceLine* line : lines_of(run.trace, "softirq_entry")) {
    if (line->number_of("vec") == vector) return line->comm;
  }
  return "nobody";
}

}  // namespace

TEST_CASE("an irq thread serves the softirq that its handler raised", "[softirq][preempt_rt]") {
  const Run run = on_rt(R"("machine": {"cpus": 1}, "softirqs": {"NET_RX": {"do": [{"run": "1ms"}]}},
      "irqs": {"dev": {"arrival": {"at": ["1ms"]}, "do": [{"raise_softirq": "NET_RX"}]}})");
  CHECK(violations(run) == "");
  CHECK(server(run, 3) == "irq/24-dev");
}

TEST_CASE("timers expire in ksoftirqd, and can be preempted there", "[softirq][preempt_rt]") {
  const Run run = on_rt(
      R"("machine": {"cpus": 1}, "timers": {"t": {"do": [{"run": "5ms"}, {"mark": "timer ends"}]}},
      "kthreads": {"k": {"do": [{"mod_timer": {"name": "t", "delay": "4ms"}}]},
        "urgent": {"policy": "fifo:1", "do": [{"usleep": "10ms"}, {"mark": "urgent"}]}})");
  CHECK(violations(run) == "");
  CHECK(server(run, 1) == "ksoftirqd/0");
  CHECK(run.mark("urgent") < run.mark("timer ends"));
  CHECK(run.mark("urgent") < 10 * kMs + kMs / 2);
}

TEST_CASE("who deletes a timer lends its running handler its priority", "[softirq][preempt_rt]") {
  const Run run = on_rt(
      R"("machine": {"cpus": 1}, "timers": {"t": {"do": [{"run": "5ms"}, {"mark": "timer ends"}]}},
      "kthreads": {"k": {"do": [{"mod_timer": {"name": "t", "delay": "4ms"}}]},
        "deleter": {"policy": "fifo:9", "do": [{"usleep": "10ms"}, {"mark": "deletes"}, {"del_timer_sync": "t"}, {"mark": "deleted"}]},
        "hog": {"policy": "fifo:5", "do": [{"usleep": "11ms"}, {"run": "20ms"}, {"mark": "hog ends"}]}})");
  CHECK(violations(run) == "");
  CHECK(run.mark("deletes") < run.mark("timer ends"));
  CHECK(run.mark("timer ends") < run.mark("deleted"));
  CHECK(run.mark("deleted") < run.mark("hog ends"));
}

TEST_CASE("a sleeper of a fair task is woken by ksoftirqd, of a real-time one in hardirq",
          "[softirq][preempt_rt]") {
  const Run run = on_rt(R"("machine": {"cpus": 1}, "kthreads": {
      "fair": {"do": [{"usleep": "2ms"}, {"mark": "fair"}]},
      "urgent": {"policy": "fifo:1", "do": [{"usleep": "3ms"}, {"mark": "urgent"}]}})");
  CHECK(violations(run) == "");
  for (const support::TraceLine* line : lines_of(run.trace, "sched_waking")) {
    if (line->time < kMs) continue;
    if (line->text_of("comm") == "fair") CHECK(line->comm == "ksoftirqd/0");
    if (line->text_of("comm") == "urgent") CHECK(line->in_hardirq());
  }
}

TEST_CASE("a BH-off section is preemptible and excludes other ones of its CPU",
          "[softirq][preempt_rt]") {
  const Run run = on_rt(R"("machine": {"cpus": 1}, "variables": {"inside": 0}, "kthreads": {
      "low": {"do": [{"usleep": "1ms"}, "local_bh_disable", {"set": "inside += 1"}, {"run": "5ms"},
        {"set": "inside -= 1"}, "local_bh_enable"]},
      "preempts": {"policy": "fifo:3", "do": [{"usleep": "2ms"}, {"mark": "preempts"}, {"assert": "inside == 1"}]},
      "enters": {"policy": "fifo:2", "do": [{"usleep": "3ms"}, "local_bh_disable", {"assert": "inside == 0"},
        {"mark": "enters"}, "local_bh_enable"]}})");
  CHECK(violations(run) == "");
  CHECK(run.message == "");
  CHECK(run.mark("preempts") < 2 * kMs + kMs / 2);
  CHECK(run.mark("enters") > 5 * kMs);
}

namespace {

/// The CPU on which a mark was passed, or -1.
int cpu_of_mark(const Run& run, const std::string& text) {
  for (const support::TraceLine* line : lines_of(run.trace, "mark")) {
    if (line->payload == text) return static_cast<int>(line->cpu);
  }
  return -1;
}

/// `inner` is inside a BH-off section of CPU 0 from 1 ms to 6 ms, and preempted there for a while.
Run section_of_cpu_0(const std::string& others) {
  return on_rt(R"("machine": {"cpus": 3}, "kthreads": {
      "inner": {"cpus": "0", "do": [{"usleep": "1ms"}, "local_bh_disable", {"run": "4ms"},
        {"mark": "section ends"}, "local_bh_enable", {"mark": "goes on"}]},
      "urgent": {"cpus": "0", "policy": "fifo:1", "do": [{"usleep": "2500us"}, {"run": "1ms"}]},
      "later": {"cpus": "0", "do": [{"usleep": "8ms"}, "local_bh_disable", {"mark": "later"}, "local_bh_enable"]}, )" +
               others + "}");
}

}  // namespace

TEST_CASE("who is in a BH-off section leaves its CPU only behind it", "[softirq][preempt_rt]") {
  const Run run = section_of_cpu_0(R"("mover": {"cpus": "1", "do": [{"usleep": "2ms"},
      {"set_cpus_allowed": {"thread": "inner", "cpus": "1"}}, {"mark": "moved"}]})");
  CHECK(violations(run) == "");
  CHECK(run.message == "");
  CHECK(cpu_of_mark(run, "section ends") == 0);
  CHECK(cpu_of_mark(run, "goes on") == 1);
  CHECK(run.mark("section ends") > 5 * kMs);
  CHECK(cpu_of_mark(run, "later") == 0);
}
