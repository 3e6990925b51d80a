// Wakeup sources, their count, and interrupts that wake.
#include <catch2/catch.hpp>
#include <string>

#include "tests/support/run_scenario.hpp"

namespace {

using support::lines_of;
using support::Run;
using support::run_keys;

std::string payloads(const Run& run, const char* event) {
  std::string text;
  for (const auto* line : lines_of(run.trace, event)) text += line->payload + "; ";
  return text;
}

}  // namespace

TEST_CASE("the combined count has events in progress below and past ones above", "[power]") {
  const Run run =
      run_keys(R"("duration": "1s", "machine": {"cpus": 1}, "wakeup_sources": ["a", "b"],
    "kthreads": {"k": {"do": [{"pm_stay_awake": "a"}, {"pm_stay_awake": "a"}, {"pm_wakeup_event": "b"},
      {"pm_wakeup_event": {"source": "b", "for": "20ms"}}, {"pm_relax": "a"}, {"pm_relax": "a"}]}})");
  CHECK(payloads(run, "wakeup_source_activate") == "a state=0x1; b state=0x2; b state=0x10002; ");
  CHECK(payloads(run, "wakeup_source_deactivate") ==
        "b state=0x10001; a state=0x20001; b state=0x30000; ");
}

TEST_CASE("events abort a suspend only if user space has saved their count", "[power]") {
  const auto result = [](const char* count) {
    const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 2}, "wakeup_sources": ["a"],
      "devices": {"d": {"prepare": [{"pm_wakeup_event": "a"}], "suspend": []}},
      "events": [{"t": "10ms", "suspend": {"state": "s2idle", "wake_after": "100ms", "wakeup_count": )" +
                             std::string(count) + "}}]");
    CHECK(support::violations(run) == "");
    return payloads(run, "return");
  };
  CHECK(result("true") == "suspend(system) = -16; ");
  CHECK(result("false") == "suspend(system) = 0; ");
}

TEST_CASE("saving the count waits for events in progress", "[power]") {
  const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 2}, "wakeup_sources": ["a"],
    "events": [{"t": "10ms", "do": [{"pm_wakeup_event": {"source": "a", "for": "100ms"}},
      {"suspend": {"state": "s2idle", "wake_after": "300ms", "wakeup_count": true}}]}])");
  const auto enter = lines_of(run.trace, "suspend_resume").front();
  CHECK(enter->time > 110'000'000);
  CHECK(payloads(run, "return") == "suspend(system) = 0; ");
}

TEST_CASE("an interrupt that wakes ends suspend-to-idle, others wait", "[power]") {
  const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 2}, "variables": {"n": 0},
    "irqs": {"plain": {"cpu": 0, "arrival": {"at": ["200ms", "250ms"]}, "do": [{"mark": "plain"}]},
             "wakes": {"cpu": 1, "wake": true, "arrival": {"at": ["300ms", "700ms"]}, "do": [{"set": "n += 1"}]}},
    "events": [{"t": "100ms", "do": [{"suspend": {"state": "s2idle", "wake_after": "500ms"}}, {"mark": "resumed"}]},
               {"t": "800ms", "do": [{"assert": "n == 2"}]}])");
  CHECK(run.message == "");
  CHECK(run.mark("resumed") > 300'000'000);
  CHECK(run.mark("resumed") < 350'000'000);
  // Both of its arrivals became one.
  CHECK(run.mark("plain") > 300'000'000);
  CHECK(std::count_if(run.marks.begin(), run.marks.end(),
                      [](const auto& mark) { return mark.second == "plain"; }) == 1);
}

TEST_CASE("a hard event wakes from suspend-to-idle", "[power]") {
  const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 2}, "wakeup_sources": ["a"],
    "hrtimers": {"h": {"do": [{"pm_wakeup_event": {"source": "a", "hard": true}}]}},
    "events": [{"t": "10ms", "do": [{"start_hrtimer": {"name": "h", "delay": "200ms"}},
      {"suspend": {"state": "s2idle", "wake_after": "500ms"}}, {"mark": "resumed"}]}])");
  CHECK(run.mark("resumed") > 210'000'000);
  CHECK(run.mark("resumed") < 300'000'000);
}
