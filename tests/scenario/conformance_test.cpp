// Scenarios that the real kernel ran load completely.
#include <catch2/catch.hpp>
#include <string>

#include "tests/support/paths.hpp"
#include "tools/scenario/load.hpp"

using namespace kt::scenario;

TEST_CASE("the recorded scenarios load and are modelled", "[scenario][conformance]") {
  const std::string name = GENERATE("kthread_lifecycle", "stop_before_first_wake", "park_unpark",
                                    "lost_wakeup", "preempt_voluntary");
  CAPTURE(name);
  const Scenario scenario =
      load_file(support::source_dir() / "tests/conformance" / name / "scenario.json");
  CHECK(scenario.name.ends_with(name));
  CHECK_FALSE(scenario.kthreads.empty());
  CHECK_NOTHROW(require_modelled(scenario));
}

TEST_CASE("statements of the other recorded scenarios load", "[scenario][conformance]") {
  const std::string sections = GENERATE(
      R"("workqueues": {"bh": {"flags": ["WQ_BH"]}, "bhhi": {"flags": ["WQ_BH", "WQ_HIGHPRI"]}},
         "works": {"b": {"workqueue": "bh", "count": 4, "do": [{"run": "100us"}]},
                   "bhi": {"workqueue": "bhhi", "do": [{"run": "100us"}]}},
         "irqs": {"dev": {"cpu": 1, "arrival": {"at": ["10ms"]}, "do": [{"queue_work": "bhi"}]}},
         "kthreads": {"q": {"cpu": 1, "do": [{"usleep": "5ms"}, {"queue_work": "b/3"}]}})",
      R"("works": {"w": {"count": 8, "do": [{"run": "100us"}, {"msleep": "80ms"}]}},
         "events": [{"t": "10ms", "do": [{"queue_work": {"work": "w/7", "cpu": 2}}]},
                    {"t": "15ms", "do": [{"mark": "down begins"}, {"cpu_down": 2}]},
                    {"t": "200ms", "queue_work": {"work": "w/0", "cpu": 2}},
                    {"t": "250ms", "cpu_up": 2}])",
      R"("variables": {"go": 0},
         "percpu_threads": {"kpc": {"should_run": "go > 0", "do": [{"set": "go = 0"}],
                                    "park": [{"mark": "park"}], "unpark": [{"mark": "unpark"}]}},
         "kthreads": {"mask": {"cpus": "1-2", "do": [{"loop": null, "do": [{"run": "500us"}]}]}},
         "events": [{"t": "10ms", "do": [{"set": "go = 1"}, {"wake": "kpc/1"}]}])",
      R"("kernel": {"preempt": "full", "cmdline": "workqueue.cpu_intensive_thresh_us=10000"},
         "workqueues": {"plain": {"flags": []}, "ci": {"flags": ["WQ_CPU_INTENSIVE"]}})",
      R"("works": {"d": {"delayed": true, "do": [{"run": "100us"}]}},
         "events": [{"t": "12ms", "queue_delayed_work": {"work": "d", "delay": "0ms"}},
                    {"t": "20ms", "cancel_delayed_work": "d"},
                    {"t": "80ms", "mod_delayed_work": {"work": "d", "delay": "8ms", "cpu": 1}},
                    {"t": "120ms", "do": [{"flush_delayed_work": "d"}]}])",
      R"("completions": ["never"],
         "tasks": {"stuck": {"do": [{"wait_for_completion": "never"}]}},
         "kthreads": {"fz": {"freezable": true,
                             "do": [{"loop": null, "do": ["try_to_freeze", {"msleep": "100ms"}]}]}},
         "events": [{"t": "50ms", "do": [{"suspend": {"state": "s2idle", "wake_after": "100s"}}]},
                    {"t": "21s", "do": [{"complete": "never"}]}])",
      R"("irqs": {"dev": {"cpu": 1, "arrival": {"periodic": "100us"}, "do": [{"run": "5us"}]}})",
      R"("kthread_workers": {"kw": {"cpu": 1}},
         "kthread_works": {"k": {"worker": "kw", "count": 1000, "do": [{"run": "50us"}]}},
         "kthreads": {"feed": {"cpu": 0, "do": [{"kthread_queue_work": "k/999"},
                                                {"kthread_flush_worker": "kw"}]}})",
      R"("workqueues": {"two": {"flags": [], "max_active": 2}},
         "events": [{"t": "40ms", "set_max_active": {"workqueue": "two", "max_active": 4}}])",
      R"("workqueues": {"ord": {"ordered": true}},
         "works": {"o": {"workqueue": "ord", "count": 6, "do": [{"usleep": "1ms"}]}})",
      R"("workqueues": {"rq": {"flags": ["WQ_MEM_RECLAIM"]}}, "completions": ["done"],
         "works": {"blocker": {"workqueue": "rq", "count": 1,
                               "do": [{"wait_for_completion": "done"}]}},
         "kthreads": {"hog": {"cpu": 0, "policy": "fifo:80", "do": [{"complete_all": "done"}]}},
         "events": [{"t": "1ms", "do": [{"set_cpus_allowed": {"thread": "kthreadd", "cpus": "0"}},
                                        {"queue_work": {"work": "blocker", "cpu": 1}}]}])",
      R"("workqueues": {"fz": {"flags": ["WQ_FREEZABLE"]}},
         "works": {"wf": {"workqueue": "fz", "delayed": true,
                          "do": [{"queue_delayed_work": {"work": "wf", "delay": "20ms"}}]}},
         "tasks": {"user": {"do": [{"loop": null, "do": [{"usleep": "5ms"}]}]}})",
      R"("machine": {"cpus": 4, "nodes": [{"cpus": "0-1"}, {"cpus": "2-3"}]},
         "workqueues": {"unb": {"flags": ["WQ_UNBOUND"]}},
         "works": {"n0": {"workqueue": "unb", "do": [{"run": "1ms"}]}},
         "events": [{"t": "40ms", "queue_work": {"work": "n0", "node": 1}}])");
  CHECK_NOTHROW(
      load("t.json", "{\"name\": \"t\", \"version\": 1, \"duration\": \"1s\", " + sections + "}"));
}
