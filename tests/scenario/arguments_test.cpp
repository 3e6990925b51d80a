// The fields of an operation for each form of argument.
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "tools/scenario/load.hpp"

namespace {

using namespace kt::scenario;

const std::string kObjects = R"({"name": "t", "version": 1, "duration": "idle",
 "variables": {"x": 0}, "mutexes": ["m"], "spinlocks": ["s"], "completions": ["c0", "c1"],
 "waitqueues": ["q0", "q1"], "workqueues": {"wq": {"flags": ["WQ_UNBOUND"]}},
 "works": {"w": {"count": 4, "do": []}, "d": {"delayed": true, "do": []}},
 "kthread_workers": {"kw": {}}, "wakeup_sources": ["ws"],
 "kthread_works": {"k": {"worker": "kw", "count": 2, "do": []},
                   "kd": {"worker": "kw", "delayed": true, "do": []}},
 "percpu_threads": {"p": {"should_run": "x", "do": []}},
 "softirqs": {"NET_RX": {"do": []}}, "tasklets": {"tl": {"do": []}},
 "timers": {"t0": {"do": []}, "t1": {"do": []}}, "hrtimers": {"h": {"do": []}},
 "machine": {"nodes": [{"cpus": "0-1"}, {"cpus": "2-3"}],
             "disks": {"sda": {"read": 1, "write": 1}}},
 "kthreads": {"a": {"do": [)";

/// The operations of a body, without the return at its end. Threads: 0 a, 1 b, 2 kw, 3 p/0, …
struct Compiled {
  Scenario scenario;
  std::vector<Op> ops;
};

Compiled compile(const std::string& statements) {
  Scenario scenario = load("t.json", kObjects + statements + R"(]}, "b": {"do": []}}})");
  const auto program = static_cast<std::size_t>(scenario.kthreads.at(0).program);
  std::vector<Op> ops = scenario.programs.at(program).ops;
  ops.pop_back();
  return {std::move(scenario), std::move(ops)};
}

Op op(const std::string& statement) {
  return compile(statement).ops.at(0);
}

}  // namespace

TEST_CASE("times and durations", "[scenario][arguments]") {
  CHECK(op(R"({"run": "5us"})").time == 5'000);
  CHECK(op(R"({"run": 7})").time == 7);
  const Compiled random = compile(R"({"run": {"pareto": {"min": "5us", "alpha": 1.6}}})");
  const Duration& duration =
      random.scenario.durations.at(static_cast<std::size_t>(random.ops[0].object));
  CHECK(duration.kind == Duration::Kind::kPareto);
  CHECK(duration.low == 5'000);
  CHECK(duration.shape == 1.6);
  for (const char* verb : {"usleep", "msleep", "stall", "schedule_timeout"})
    CHECK(op(std::string("{\"") + verb + "\": \"3ms\"}").time == 3'000'000);
}

TEST_CASE("waiting", "[scenario][arguments]") {
  const Op wait = op(R"({"wait_event": {"waitqueue": "q1", "until": "x == 1"}})");
  CHECK(wait.object == 1);
  CHECK(wait.expression >= 0);
  CHECK(wait.time == sim::kNever);
  CHECK(op(R"({"wait_event_timeout": {"waitqueue": "q0", "until": "x", "timeout": 9}})").time == 9);
  const Op prepare =
      op(R"({"prepare_to_wait": {"waitqueue": "q1", "state": "TASK_IDLE", "exclusive": true}})");
  CHECK(prepare.object == 1);
  CHECK(prepare.number == 0x402);
  CHECK(prepare.flag);
  CHECK(op(R"({"wait_for_completion": "c1"})").object == 1);
  CHECK(op(R"({"wait_for_completion": "c1"})").time == sim::kNever);
  CHECK(op(R"({"wait_for_completion": {"completion": "c1", "timeout": "1us"}})").time == 1'000);
  CHECK(op(R"({"set_state": "TASK_UNINTERRUPTIBLE"})").number == 2);
}

TEST_CASE("threads", "[scenario][arguments]") {
  CHECK(op(R"({"wake": "b"})").object == 1);
  CHECK(op(R"({"wake": "kw"})").object == 2);
  CHECK(op(R"({"wake": "p/3"})").object == 6);
  CHECK(op(R"({"kthread_park": "p/0"})").object == 3);
  CHECK(op(R"({"signal": "b"})").number == 15);
  CHECK(op(R"({"signal": {"thread": "b", "signal": "SIGKILL"}})").number == 9);
  CHECK(op(R"({"kthread_bind": {"thread": "b", "cpu": 3}})").cpu == 3);
  const Op fifo =
      op(R"({"sched_setscheduler": {"thread": "b", "policy": "SCHED_FIFO", "priority": 8}})");
  CHECK(static_cast<Policy>(fifo.choice) == Policy::kFifo);
  CHECK(fifo.number == 8);
  CHECK(fifo.nice == kNiceUnchanged);
  const Op batch = op(R"({"sched_setscheduler": {"thread": "b", "policy": "batch", "nice": 4}})");
  CHECK(static_cast<Policy>(batch.choice) == Policy::kBatch);
  CHECK(batch.nice == 4);
  CHECK(batch.time == 0);
  const Op slice =
      op(R"({"sched_setscheduler": {"thread": "b", "policy": "normal", "runtime": "3ms"}})");
  CHECK(slice.time == 3'000'000);
  const Compiled affinity =
      compile(R"({"set_cpus_allowed": {"thread": "kthreadd", "cpus": "0,2"}})");
  CHECK(affinity.ops[0].object == 7);
  CHECK(affinity.scenario.cpu_sets.at(static_cast<std::size_t>(affinity.ops[0].cpus)) ==
        CpuList{0, 2});
  CHECK(op(R"({"set_user_nice": {"thread": "b", "nice": -20}})").nice == -20);
}

TEST_CASE("works", "[scenario][arguments]") {
  CHECK(op(R"({"queue_work": "w"})").instance == -1);
  CHECK(op(R"({"queue_work": "w/2"})").instance == 2);
  CHECK(op(R"({"queue_work": {"work": "w/3", "cpu": 1}})").cpu == 1);
  CHECK(op(R"({"queue_work": {"work": "w/3", "node": 1}})").node == 1);
  CHECK(op(R"({"flush_work": "d"})").instance == 0);
  const Op delayed = op(R"({"mod_delayed_work": {"work": "d", "delay": "8ms", "cpu": 1}})");
  CHECK(delayed.object == 1);
  CHECK(delayed.time == 8'000'000);
  CHECK(delayed.cpu == 1);
  CHECK(op(R"({"kthread_queue_work": "k"})").instance == -1);
  CHECK(op(R"({"kthread_queue_delayed_work": {"work": "kd", "delay": 5}})").time == 5);
  CHECK(op(R"({"set_max_active": {"workqueue": "wq", "max_active": 4}})").number == 4);
  const Op attrs = op(R"({"set_workqueue_attrs": {"workqueue": "wq", "strict": false}})");
  CHECK(attrs.strict == 0);
  CHECK(attrs.nice == kNiceUnchanged);
  CHECK(static_cast<AffinityScope>(attrs.choice) == AffinityScope::kUnchanged);
}

TEST_CASE("the machine", "[scenario][arguments]") {
  CHECK(op(R"({"mem": {"bytes": "1M"}})").node == -1);
  CHECK(op(R"({"mem": {"bytes": "1M", "node": 1}})").number == 1 << 20);
  CHECK(static_cast<IoDirection>(
            op(R"({"io": {"disk": "sda", "bytes": 1, "op": "write"}})").choice) ==
        IoDirection::kWrite);
  CHECK(static_cast<Gfp>(op(R"({"alloc": {"bytes": 1, "gfp": "GFP_ATOMIC"}})").choice) ==
        Gfp::kAtomic);
  const Op alloc = op(R"({"alloc": {"bytes": "1M", "gfp": "GFP_NOFS|__GFP_NORETRY|__GFP_THISNODE",
                                    "node": 1, "result": "x"}})");
  CHECK(static_cast<Gfp>(alloc.choice & kGfpKind) == Gfp::kNofs);
  CHECK((alloc.choice & ~kGfpKind) == (kGfpNoretry | kGfpThisnode));
  CHECK(alloc.number == 1 << 20);
  CHECK(alloc.node == 1);
  CHECK(alloc.object == 0);
  CHECK(op(R"({"alloc": {"bytes": 1}})").object == -1);
  CHECK(op(R"({"free": {"bytes": 5, "node": 1}})").node == 1);
  CHECK(op(R"({"mod_timer": {"name": "t1", "delay": "4ms"}})").object == 1);
  CHECK(op(R"({"suspend": {"state": "deep", "wake_after": "5s"}})").time == 5'000'000'000);
  CHECK(op(R"({"memory_pressure": {"level": "min", "for": 3}})").time == 3);
}

TEST_CASE("every verb compiles", "[scenario][arguments]") {
  const std::string sample = R"({"loop": 1, "do": ["break", "continue"]}, {"return": 1},
    {"if": 1, "then": []}, {"while": 0, "do": []}, {"run": 1}, {"stall": 1}, {"usleep": 1},
    {"msleep": 1}, "yield", "cond_resched", {"mem": {"bytes": 1}}, {"io": {"disk": "sda", "bytes": 1}},
    {"alloc": {"bytes": 1}}, {"free": {"bytes": 1}},
    {"write": {"bytes": 1}}, "fsync", {"set": "x += 1"}, {"assert": "x"}, {"mark": "m"},
    {"set_state": "TASK_RUNNING"}, {"__set_state": "TASK_RUNNING"}, "schedule",
    {"schedule_timeout": 1}, {"wake": "b"}, {"signal": "b"},
    {"prepare_to_wait": {"waitqueue": "q0", "state": "TASK_IDLE"}}, {"finish_wait": "q0"},
    {"wake_up": "q0"}, {"wake_up_all": "q0"}, {"wake_up_interruptible": "q0"},
    {"wait_event": {"waitqueue": "q0", "until": "x"}},
    {"wait_event_interruptible": {"waitqueue": "q0", "until": "x"}},
    {"wait_event_freezable": {"waitqueue": "q0", "until": "x"}},
    {"wait_event_timeout": {"waitqueue": "q0", "until": "x", "timeout": 1}},
    {"complete": "c0"}, {"complete_all": "c0"}, {"wait_for_completion": "c0"}, {"lock": "m"},
    {"unlock": "m"}, {"spin_lock": "s"}, {"spin_unlock": "s"}, {"spin_lock_irqsave": "s"},
    {"spin_unlock_irqrestore": "s"}, "local_irq_disable", "local_irq_enable", "preempt_disable",
    "preempt_enable", "local_bh_disable", "local_bh_enable", {"kthread_create": "b"}, {"kthread_run": "b"}, {"kthread_stop": "b"},
    {"kthread_park": "b"}, {"kthread_unpark": "b"}, {"kthread_bind": {"thread": "b", "cpu": 0}},
    "parkme", "try_to_freeze", "set_freezable", {"kthread_queue_work": "k"},
    {"kthread_flush_work": "k/0"}, {"kthread_cancel_work_sync": "k/1"},
    {"kthread_queue_delayed_work": {"work": "kd", "delay": 1}},
    {"kthread_mod_delayed_work": {"work": "kd", "delay": 1}}, {"kthread_flush_worker": "kw"},
    {"kthread_destroy_worker": "kw"}, {"queue_work": "w"},
    {"queue_delayed_work": {"work": "d", "delay": 1}},
    {"mod_delayed_work": {"work": "d", "delay": 1}}, {"flush_work": "d"},
    {"flush_delayed_work": "d"}, {"cancel_work": "d"}, {"cancel_work_sync": "d"},
    {"cancel_delayed_work": "d"}, {"cancel_delayed_work_sync": "d"}, {"disable_work": "d"},
    {"disable_work_sync": "d"}, {"enable_work": "d"}, {"flush_workqueue": "wq"},
    {"drain_workqueue": "wq"}, {"destroy_workqueue": "wq"},
    {"set_max_active": {"workqueue": "wq", "max_active": 1}}, {"set_worker_desc": "flush-8:0"},
    {"set_min_active": {"workqueue": "wq", "min_active": 0}}, {"set_unbound_cpumask": "0-1"},
    {"alloc_workqueue": "wq"}, {"init_work": "d"}, {"free_work": "d"},
    {"set_workqueue_attrs": {"workqueue": "wq", "nice": 1}}, {"raise_softirq": "NET_RX"},
    {"tasklet_schedule": "tl"}, {"mod_timer": {"name": "t0", "delay": 1}}, {"del_timer": "t0"},
    {"del_timer_sync": "t0"}, {"start_hrtimer": {"name": "h", "delay": 1}}, {"cpu_down": 1},
    {"cpu_up": 1}, "cpus_read_lock", "cpus_read_unlock",
    {"suspend": {"state": "s2idle", "wakeup_count": true, "result": "x"}},
    {"pm_stay_awake": "ws"}, {"pm_relax": "ws"}, {"pm_wakeup_event": {"source": "ws", "for": 1, "hard": true}},
    "pm_system_wakeup", {"sched_setscheduler": {"thread": "b", "policy": "normal"}},
    {"set_cpus_allowed": {"thread": "b", "cpus": "0"}}, {"set_user_nice": {"thread": "b", "nice": 0}},
    {"memory_pressure": {"level": "none"}})";
  std::set<Verb> used;
  for (const Op& each : compile(sample).ops) used.insert(each.verb);
  const std::set<Verb> compiled_away{Verb::kIf, Verb::kWhile, Verb::kLoop, Verb::kBreak,
                                     Verb::kContinue};
  for (const VerbInfo& verb : verbs()) {
    CAPTURE(verb.name);
    CHECK(used.contains(verb.verb) != compiled_away.contains(verb.verb));
  }
}
