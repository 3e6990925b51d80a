// The subsystem's own example (Documentation/core-api/workqueue.rst): three works of one CPU, w0
// that computes 5 ms, sleeps 10 ms and computes 5 ms, w1 and w2 that compute 5 ms and sleep 10 ms.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "models/cpu/costs.hpp"
#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using support::Run;
using support::run_keys;

// A machine on which nothing but the works themselves takes time. Fully preemptible, a work that
// has just computed what it has to may be preempted before it sleeps.
std::string free_machine(const char* preempt) {
  std::string costs;
  for (const kt::cpu::CostEntry& entry : kt::cpu::cost_entries()) {
    costs += fmt::format(R"({}"{}": 0)", costs.empty() ? "" : ", ", entry.name);
  }
  return fmt::format(R"("kernel": {{"boot": "minimal", "preempt": "{}"}}, )"
                     R"("machine": {{"cpus": 2, "costs": {{{}}}}})",
                     preempt, costs);
}

struct Span {
  sim::Time start = -1;
  sim::Time end = -1;
};

// When each work ran, from the first start on, in ms, rounded.
std::map<std::string, std::pair<int, int>> spans(const Run& run) {
  std::map<std::string, Span> found;
  sim::Time first = -1;
  for (const support::TraceLine& line : run.trace.lines) {
    const bool start = line.event == "workqueue_execute_start";
    if (!start && line.event != "workqueue_execute_end") continue;
    if (first < 0) first = line.time;
    const std::string name = line.payload.substr(line.payload.rfind(' ') + 1);
    (start ? found[name].start : found[name].end) = line.time - first;
  }
  std::map<std::string, std::pair<int, int>> result;
  const auto ms = [](sim::Time time) { return static_cast<int>((time + kMs / 2) / kMs); };
  for (const auto& [name, span] : found) result[name] = {ms(span.start), ms(span.end)};
  return result;
}

Run example(const char* preempt, const std::string& queues, const char* others) {
  return run_keys(fmt::format(R"("duration": "100ms", {}, "workqueues": {{{}}},
    "works": {{
      "w0": {{"workqueue": "q", "do": [{{"run": "5ms"}}, {{"usleep": "10ms"}}, {{"run": "5ms"}}]}},
      "w1": {{"workqueue": "{}", "do": [{{"run": "5ms"}}, {{"usleep": "10ms"}}]}},
      "w2": {{"workqueue": "{}", "do": [{{"run": "5ms"}}, {{"usleep": "10ms"}}]}}}},
    "kthreads": {{"a": {{"cpu": 0, "do": [{{"queue_work": {{"work": "w0", "cpu": 1}}}},
      {{"queue_work": {{"work": "w1", "cpu": 1}}}}, {{"queue_work": {{"work": "w2", "cpu": 1}}}}]}}}})",
                              free_machine(preempt), queues, others, others));
}

std::string text(const Run& run) {
  std::string all;
  for (const auto& [name, span] : spans(run)) {
    all += fmt::format("{} {}-{} ", name, span.first, span.second);
  }
  return all;
}

}  // namespace

TEST_CASE("while a work sleeps the next one runs", "[workqueue]") {
  const Run run = example("voluntary", R"("q": {"max_active": 3})", "q");
  CHECK(text(run) == "w0 0-20 w1 5-20 w2 10-25 ");
  CHECK(support::violations(run) == "");
}

TEST_CASE("max_active holds back what would run", "[workqueue]") {
  const Run run = example("voluntary", R"("q": {"max_active": 2})", "q");
  CHECK(text(run) == "w0 0-20 w1 5-20 w2 20-35 ");
  CHECK(support::violations(run) == "");
}

TEST_CASE("works of a CPU-intensive queue do not hold back others", "[workqueue]") {
  const Run run = example("full", R"("q": {}, "ci": {"flags": ["WQ_CPU_INTENSIVE"]})", "ci");
  const auto found = spans(run);
  // w2 starts as soon as w1 has, and shares the CPU with it.
  CHECK(found.at("w0") == std::pair{0, 20});
  CHECK(found.at("w1").first == 5);
  CHECK(found.at("w2").first <= 9);
  CHECK(std::max(found.at("w1").second, found.at("w2").second) == 25);
}

TEST_CASE("a work that computes for 10 ms no longer counts, at the next tick", "[workqueue]") {
  const Run run = run_keys(fmt::format(R"("duration": "100ms", {},
    "works": {{"long": {{"do": [{{"run": "40ms"}}]}}, "short": {{"do": [{{"run": "1ms"}}]}}}},
    "kthreads": {{"a": {{"cpu": 0, "do": [{{"usleep": "1ms"}},
      {{"queue_work": {{"work": "long", "cpu": 1}}}}, {{"queue_work": {{"work": "short", "cpu": 1}}}}]}}}})",
                                       free_machine("full")));
  // Woken at the tick of 12 ms; a tick or two of sharing until it has its turn.
  const int start = spans(run).at("short").first;
  CHECK(start >= 10);
  CHECK(start <= 20);
}

TEST_CASE("the first work of a pool with one worker waits for the second worker", "[workqueue]") {
  const Run run = run_keys(R"("duration": "10ms", "machine": {"cpus": 2},
    "kernel": {"boot": "minimal", "kworkers": {"1": 1}},
    "works": {"w": {"do": [{"run": "1us"}]}},
    "kthreads": {"a": {"cpu": 0, "do": [{"queue_work": {"work": "w", "cpu": 1}}]}})");
  std::size_t fork = 0;
  std::size_t start = 0;
  for (const support::TraceLine& line : run.trace.lines) {
    const bool forks = line.event == "sched_process_fork";
    if (forks && line.text_of("child_comm") == "kworker/1:1") fork = line.number;
    if (line.event == "workqueue_execute_start") start = line.number;
  }
  REQUIRE(fork != 0);
  CHECK(fork < start);
}

// The timer is deferrable: it needs a CPU that wakes up for something else.
TEST_CASE("workers that idle for 300 s go, but for two, and their numbers are used again",
          "[workqueue]") {
  const Run run = run_keys(R"("duration": "700s", "machine": {"cpus": 2},
    "works": {"w": {"count": 6, "do": [{"usleep": "1ms"}]}},
    "kthreads": {"a": {"cpu": 0, "do": [
      {"queue_work": "w/0"}, {"queue_work": "w/1"}, {"queue_work": "w/2"}, {"queue_work": "w/3"},
      {"loop": 65, "do": [{"msleep": "10s"}]}, {"mark": "again"},
      {"queue_work": "w/0"}, {"queue_work": "w/1"}, {"queue_work": "w/2"}]}})");
  std::vector<std::string> made;
  std::vector<std::string> gone;
  for (const support::TraceLine& line : run.trace.lines) {
    if (line.event == "sched_process_fork" && line.text_of("child_comm").starts_with("kworker/0:"))
      made.emplace_back(line.text_of("child_comm"));
    if (line.event == "sched_process_exit" && line.comm.starts_with("kworker/0:")) {
      gone.push_back(line.comm);
      CHECK(line.time >= 300'000 * kMs);
      CHECK(line.time < run.mark("again"));
    }
  }
  CHECK(made.size() == 3 + 2);  // four works, five workers; again three, four
  REQUIRE(gone.size() == 3);
  for (const std::string& worker : {made[made.size() - 2], made.back()}) {
    CHECK(std::find(gone.begin(), gone.end(), worker) != gone.end());
  }
  CHECK(support::violations(run) == "");
}
