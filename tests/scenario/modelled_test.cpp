#include <catch2/catch.hpp>
#include <string>

#include "tools/scenario/load.hpp"

namespace {

using namespace kt::scenario;

std::string refusal(const std::string& keys) {
  const Scenario scenario =
      load("t.json", "{\"name\": \"t\", \"version\": 1, \"duration\": \"idle\", " + keys + "}");
  try {
    require_modelled(scenario);
  } catch (const sim::UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("what no model has yet is refused at its place", "[scenario][modelled]") {
  CHECK(
      refusal(
          R"("kernel": {"preempt": "rt"}, "tasks": {"a": {"do": ["yield", {"write": {"bytes": 1}}]}},
    "machine": {"disks": {"d": {"read": 1, "write": 1}}})") ==
      "t.json:1:110: /tasks/a/do/1: not modelled yet: io under preempt rt");
  const auto refused = [](const std::string& keys, const std::string& what) {
    CHECK_THAT(refusal(keys), Catch::EndsWith("not modelled yet: " + what));
  };
  refused(R"("kernel": {"preempt": "rt"}, "machine": {"disks": {"d": {"read": 1, "write": 1}}},
    "tasks": {"a": {"do": [{"io": {"disk": "d", "bytes": 1}}]}})",
          "io under preempt rt");
  refused(R"("kernel": {"preempt": "rt"}, "machine": {"disks": {"d": {"read": 1, "write": 1}}},
    "tasks": {"a": {"do": [{"write": {"bytes": 1}}]}})",
          "io under preempt rt");
  refused(R"("kernel": {"preempt": "rt", "background": "idle"},
    "machine": {"disks": {"d": {"read": 1, "write": 1}}})",
          "io under preempt rt");
}

TEST_CASE("the rest is not refused", "[scenario][modelled]") {
  CHECK(refusal(R"("machine": {"disks": {"d": {"read": 1, "write": 1}}},
    "timers": {"t": {"do": []}}, "hrtimers": {"h": {"soft": true, "do": []}},
    "irqs": {"i": {"arrival": {"at": []}, "do": [], "wake": true}}, "devices": {"d": {"suspend": []}},
    "wakeup_sources": ["ws"], "softirqs": {"BLOCK": {"do": []}},
    "tasklets": {"t": {"do": []}}, "kernel": {"preempt": "rt", "memory_model": "tso"},
    "percpu_threads": {"p": {"should_run": "0", "do": []}},
    "hotplug_states": {"s": {"startup": []}}, "events": [{"t": 0, "cpu_down": 1}, {"t": 0, "suspend": {"state": "s2idle"}}],
    "kthread_workers": {"kw": {}}, "kthread_works": {"k": {"worker": "kw", "do": []}},
    "tasks": {"a": {"do": ["yield", "cond_resched", {"stall": 1}, {"mem": {"bytes": 1}},
      {"mod_timer": {"name": "t", "delay": 1}}, "local_bh_disable", "local_bh_enable",
      {"start_hrtimer": {"name": "h", "delay": 1}}, {"kthread_queue_work": "k"},
      {"alloc": {"bytes": 1}}, {"free": {"bytes": 1}}, {"memory_pressure": {"level": "low"}}]}})")
            .empty());
}
