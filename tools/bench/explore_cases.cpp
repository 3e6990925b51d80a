// Exploring: complete executions of a small race a second, beside a loop of bare coroutines that
// wait as often; of one with a worker pool; what a million executions leave behind.
#include <fmt/format.h>
#include <malloc.h>

#include <string>

#include "sim/co.hpp"
#include "tools/bench/cases.hpp"
#include "tools/bench/load.hpp"
#include "tools/explore/search.hpp"
#include "tools/scenario/load.hpp"

namespace bench {

namespace {

using namespace kt;

// The lost wakeup, done right: no execution ends the search.
const char* const kLostWakeup = R"({"name": "lost-wakeup", "version": 1, "duration": "idle",
    "machine": {"cpus": 2}, "kernel": {"boot": "minimal"}, "variables": {"flag": 0}, "kthreads": {
      "waiter": {"cpu": 0, "do": [{"loop": null, "do": [{"set_state": "TASK_INTERRUPTIBLE"},
        {"if": "flag != 0", "then": ["break"]}, "schedule"]}, {"__set_state": "TASK_RUNNING"}]},
      "waker": {"cpu": 1, "do": [{"set": "flag = 1"}, {"wake": "waiter"}]}}})";

const char* const kWorkers = R"({"name": "workers", "version": 1, "duration": "idle",
    "machine": {"cpus": 2}, "kernel": {"boot": "minimal"},
    "works": {"w": {"do": [{"run": "2us"}]}},
    "kthreads": {"owner": {"cpu": 0, "do": [
      {"queue_work": {"work": "w", "cpu": 1}}, {"flush_work": "w"}]}}})";

// Executions a second of processor time, by plain depth-first search.
double executions(const char* text, std::uint64_t count) {
  const scenario::Scenario scenario = scenario::load("benchmark", text);
  explore::Subject subject(scenario);
  explore::SearchOptions options;
  options.strategy = explore::Strategy::kDfs;
  options.bound = 64;
  options.executions = count;
  const Stopwatch watch;
  const explore::SearchResult result = explore::Search(subject, options).run();
  return static_cast<double>(result.executions) / watch.seconds();
}

struct Pool {
  sim::FramePool frames;
  sim::FramePool& frame_pool() { return frames; }
};

sim::Co<> waits(Pool&, int times) {
  for (int i = 0; i < times; ++i) co_await std::suspend_always{};
}

// Two coroutines made, resumed in turn six times each, and thrown away.
double bare_coroutines() {
  constexpr std::uint64_t kCount = 1'000'000;
  constexpr int kWaits = 6;
  Pool pool;
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const sim::Co<> one = waits(pool, kWaits);
    const sim::Co<> other = waits(pool, kWaits);
    while (!one.done() || !other.done()) {
      if (!one.done()) one.handle().resume();
      if (!other.done()) other.handle().resume();
    }
  }
  return static_cast<double>(kCount) / watch.seconds();
}

double bytes_left_behind() {
  const scenario::Scenario scenario = scenario::load("benchmark", kLostWakeup);
  explore::Subject subject(scenario);
  subject.run({}, true);
  const std::size_t before = mallinfo2().uordblks + subject.arena().changed();
  for (int i = 0; i < 1'000'000; ++i) subject.run({}, false);
  const std::size_t after = mallinfo2().uordblks + subject.arena().changed();
  return static_cast<double>(after) - static_cast<double>(before);
}

}  // namespace

std::vector<Benchmark> explore_cases() {
  return {
      {.name = "explored: two threads and a wakeup",
       .unit = "executions/s",
       .target = 5e5,
       .contestants = {{"ktsim", [] { return executions(kLostWakeup, 300'000); }},
                       {"bare coroutines", [] { return bare_coroutines(); }}}},
      {.name = "explored: a work queued and flushed",
       .unit = "executions/s",
       .target = 5e4,
       .contestants = {{"ktsim", [] { return executions(kWorkers, 50'000); }}}},
      {.name = "left behind by a million executions",
       .unit = "bytes",
       .more_is_better = false,
       .target = 4096,
       .contestants = {{"ktsim", [] { return bytes_left_behind(); }}}},
  };
}

}  // namespace bench
