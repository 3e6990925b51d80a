// What valid scenarios become.
#include "tools/scenario/load.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "sim/error.hpp"

namespace {

using namespace kt::scenario;

Scenario load_keys(const std::string& keys, const LoadOptions& options = {}) {
  return load("t.json", "{\"name\": \"t\", \"version\": 1, \"duration\": \"idle\", " + keys + "}",
              options);
}

}  // namespace

TEST_CASE("a minimal scenario has the documented defaults", "[scenario][load]") {
  const Scenario scenario = load("t.json", R"({"name": "t", "version": 1, "duration": "5ms"})");
  CHECK(scenario.name == "t");
  CHECK(scenario.seed == 1);
  CHECK(scenario.duration == 5'000'000);
  CHECK(scenario.machine.cpus == 4);
  CHECK(scenario.machine.nodes.size() == 1);
  CHECK(scenario.machine.nodes[0].cpus == CpuList{0, 1, 2, 3});
  CHECK(scenario.machine.llc == std::vector<CpuList>{{0, 1, 2, 3}});
  CHECK(scenario.machine.distance == std::vector<std::vector<std::int32_t>>{{10}});
  CHECK(scenario.kernel.hz == 250);
  CHECK(scenario.kernel.preempt == Preempt::kVoluntary);
  CHECK_FALSE(scenario.kernel.kworkers);
  CHECK_FALSE(scenario.trace_events);
  CHECK(scenario.workqueues.size() == 9);
  CHECK(scenario.workqueues[0].name == "events");
  CHECK(scenario.threads.size() == 1);
  CHECK(scenario.threads[0].name == "kthreadd");
  CHECK_NOTHROW(require_modelled(scenario));
}

TEST_CASE("the header is read", "[scenario][load]") {
  const Scenario scenario = load("t.json", R"({"$schema": "scenario.schema.json", "name": "a-b_c.1",
    "version": 1, "duration": "idle", "description": "text", "seed": 18446744073709551615,
    "trace": {"events": ["sched:*"]}})");
  CHECK(scenario.duration == sim::kNever);
  CHECK(scenario.seed == UINT64_MAX);
  CHECK(scenario.description == "text");
  CHECK(scenario.trace_events == std::vector<std::string>{"sched:*"});
}

TEST_CASE("what a node's memory holds is read, or filled in", "[scenario][load]") {
  const auto node = [](const std::string& keys) {
    return load_keys(R"("machine": {"disks": {"d": {"read": 1, "write": 1}}, "nodes": [{"cpus": "0-3",
                        "memory": "64M", )" +
                     keys + "}]}")
        .machine.nodes[0];
  };
  const std::int64_t mib = 1 << 20;
  CHECK(node(R"("free": "20M")").cache == 16 * mib);
  CHECK(node(R"("free": "60M")").cache == 4 * mib);
  CHECK(node(R"("cache": "1M")").free == 63 * mib);
  const Node full = node(R"("free": "1M", "cache": "3M", "dirty": "2M")");
  CHECK(full.free == mib);
  CHECK(full.cache == 3 * mib);
  CHECK(full.dirty == 2 * mib);
  CHECK(full.memory_given);
}

TEST_CASE("the machine is read", "[scenario][load]") {
  const Machine machine = load_keys(R"("machine": {"cpus": 8, "smt": 2,
    "nodes": [{"cpus": "0-3", "memory": "16G"}, {"cpus": "4-7", "memory": "512M"}],
    "distance": [[10, 21], [20, 10]], "llc": ["0-1", "2-3", "4-7"],
    "smt_speed": 0.7,
    "freq": {"pstates": ["3GHz", "1.5GHz"], "governor": "schedutil", "transition": "20us"},
    "disks": {"sda": {"read": "500M", "write": "200M", "latency": "80us", "node": 1,
      "scheduler": "mq-deadline"}},
    "costs": {"context_switch": "1.2us"}, "idle": "hlt",
    "power": {"busy": [10, 4], "idle": 1.5}})")
                              .machine;
  CHECK(machine.smt == 2);
  CHECK(machine.smt_speed == 0.7);
  CHECK(machine.nodes[1].cpus == CpuList{4, 5, 6, 7});
  CHECK(machine.nodes[1].memory == std::int64_t{512} << 20);
  CHECK(machine.nodes[1].cache == std::int64_t{128} << 20);
  CHECK(machine.nodes[1].free == std::int64_t{384} << 20);
  CHECK_FALSE(machine.nodes[1].memory_given);
  CHECK(machine.node_of(3) == 0);
  CHECK(machine.node_of(4) == 1);
  CHECK(machine.distance[0][1] == 21);
  CHECK(machine.llc.size() == 3);
  CHECK(machine.freq.pstates == std::vector<double>{3e9, 1.5e9});
  CHECK(machine.freq.transition == 20'000);
  CHECK(machine.freq.governor == Governor::kSchedutil);
  CHECK(machine.disks[0].read_bandwidth == 500 << 20);
  CHECK(machine.disks[0].latency == 80'000);
  CHECK(machine.disks[0].node == 1);
  CHECK(machine.disks[0].mq_deadline);
  CHECK(machine.idle == Idle::kHlt);
  REQUIRE(machine.costs.overrides.size() == 1);
  CHECK(machine.costs.overrides[0].value == 1'200);
  CHECK(machine.power.idle == 1.5);
  CHECK(machine.power.busy == std::vector<double>{10, 4});
}

TEST_CASE("what a CPU draws is said of each of its P-states", "[scenario][load]") {
  const std::vector<double> same{10, 10};
  CHECK(load_keys(R"("machine": {"freq": {"pstates": ["2GHz", "1GHz"]},
    "power": {"busy": 10, "idle": 1}})").machine.power.busy == same);
}

TEST_CASE("a machine preset gives what the scenario does not say", "[scenario][load]") {
  LoadOptions options;
  options.find_preset = [](const std::string& name) -> std::optional<PresetFile> {
    if (name == "bad") return PresetFile{"machines/bad.json", "{\n \"cpu\": 2}"};
    if (name == "none") return std::nullopt;
    return PresetFile{"machines/two.json",
                      R"({"cpus": 2, "smt": 2, "nodes": [{"cpus": "0"}, {"cpus": "1"}],
                          "costs": {"ipi": 5}})"};
  };
  options.vocabulary.machine_presets = {"two", "bad"};
  options.vocabulary.costs = {"ipi", "wakeup"};
  const Machine machine =
      load_keys(R"("machine": {"preset": "two", "smt": 1, "costs": {"ipi": 7}})", options).machine;
  CHECK(machine.preset == "two");
  CHECK(machine.cpus == 2);
  CHECK(machine.smt == 1);
  CHECK(machine.nodes.size() == 2);
  REQUIRE(machine.costs.overrides.size() == 2);
  CHECK(machine.costs.overrides[1].value == 7);
  const Machine other = load_keys(R"("machine": {"preset": "two", "cpus": 4})", options).machine;
  CHECK(other.nodes.size() == 1);  // other CPUs: the preset's layout is not theirs
  CHECK(other.costs.overrides.size() == 1);
  const Machine costs_only = load_keys(R"("machine": {"costs": "two"})", options).machine;
  CHECK(costs_only.cpus == 4);
  CHECK(costs_only.costs.overrides[0].value == 5);
  CHECK_THROWS_WITH(load_keys(R"("machine": {"preset": "none"})", options),
                    Catch::Contains("unknown machine preset \"none\""));
  CHECK_THROWS_WITH(
      load_keys(R"("machine": {"preset": "tow"})",
                {{}, [](auto&) { return std::optional<PresetFile>(); }, options.vocabulary}),
      Catch::Contains("did you mean \"two\"?"));
  CHECK_THROWS_WITH(load_keys(R"("machine": {"preset": "bad"})", options),
                    Catch::StartsWith("machines/bad.json:2:2: /cpu: unknown key \"cpu\""));
  CHECK_THROWS_WITH(
      load_keys(R"("machine": {"costs": {"wakup": 1}})", options),
      Catch::Contains("unknown cost \"wakup\"") && Catch::Contains("did you mean \"wakeup\"?"));
}

TEST_CASE("the kernel and its command line are read", "[scenario][load]") {
  const Kernel kernel = load_keys(R"("kernel": {"hz": 1000, "memory_model": "tso",
    "boot": "minimal", "kworkers": {"0": 2, "3H": 1, "u": 3},
    "cmdline": "quiet preempt=full isolcpus=domain,managed_irq,2-3 nohz_full=3 dyn=\"a b\" workqueue.watchdog-thresh=10 workqueue.power_efficient -- nohz_ful=2"})"
                                  "")
                            .kernel;
  CHECK(kernel.hz == 1000);
  CHECK(kernel.preempt == Preempt::kFull);
  CHECK(kernel.memory_model == MemoryModel::kTso);
  CHECK(kernel.boot == Boot::kMinimal);
  CHECK(kernel.isolcpus == CpuList{2, 3});
  CHECK(kernel.isolcpus_flags == std::vector<std::string>{"domain", "managed_irq"});
  CHECK(kernel.nohz_full == CpuList{3});
  REQUIRE(kernel.workqueue.size() == 2);
  CHECK(kernel.workqueue[0].name == "watchdog_thresh");
  CHECK(kernel.workqueue[0].value == "10");
  REQUIRE(kernel.unknown.size() == 2);
  CHECK(kernel.unknown[1].value == "a b");
  REQUIRE(kernel.kworkers);
  CHECK(kernel.kworkers->at(1).cpu == 3);
  CHECK(kernel.kworkers->at(1).highpri);
  CHECK(kernel.kworkers->at(2).cpu == -1);
}

TEST_CASE("objects are read and refer by index", "[scenario][load]") {
  const Scenario scenario =
      load_keys(R"("machine": {"cpus": 2, "nodes": [{"cpus": "0"}, {"cpus": "1"}]},
    "workqueues": {"u": {"flags": ["WQ_UNBOUND", "WQ_SYSFS"], "nice": -5, "cpus": "1",
                         "affinity_scope": "numa", "affinity_strict": true, "max_active": 3},
                   "o": {"ordered": true}},
    "works": {"w": {"workqueue": "u", "count": 3, "delayed": true, "do": []}, "s": {"do": []},
              "l": {"workqueue": "system_long_wq", "do": []}},
    "kthread_workers": {"kw": {"cpu": 1, "policy": "rr:7", "freezable": true}},
    "kthread_works": {"k": {"worker": "kw", "do": []}},
    "kthreads": {"a": {"do": [], "start": "create", "node": 1, "policy": "fifo", "freezable": true},
                 "b": {"do": [], "start": "none", "cpus": "0-1", "nice": 3, "policy": "batch"}},
    "percpu_threads": {"p": {"should_run": "0", "do": ["parkme"], "park": [], "selfparking": true}},
    "tasks": {"t": {"do": [], "cpu": 1}},
    "softirqs": {"NET_RX": {"do": []}, "x": {"vector": "BLOCK", "do": []}},
    "tasklets": {"tl": {"do": [], "highpri": true}},
    "timers": {"ti": {"do": [], "deferrable": true}},
    "hrtimers": {"hr": {"do": [], "period": "1ms", "soft": true}})");
  const Workqueue& unbound = scenario.workqueues.at(9);
  CHECK(unbound.flags.unbound);
  CHECK(unbound.flags.sysfs);
  CHECK(unbound.nice == -5);
  CHECK(unbound.affinity_scope == AffinityScope::kNuma);
  CHECK(unbound.max_active == 3);
  CHECK(scenario.workqueues.at(10).max_active == 1);
  CHECK(scenario.works.at(0).workqueue == 9);
  CHECK(scenario.works.at(0).count == 3);
  CHECK(scenario.works.at(1).workqueue == 0);
  CHECK(scenario.workqueues.at(static_cast<std::size_t>(scenario.works.at(2).workqueue)).name ==
        "events_long");
  CHECK(scenario.kthread_workers.at(0).scheduling.policy == Policy::kRr);
  CHECK(scenario.kthread_workers.at(0).scheduling.priority == 7);
  CHECK(scenario.kthreads.at(0).start == Start::kCreate);
  CHECK(scenario.kthreads.at(0).scheduling.priority == 50);
  CHECK(scenario.kthreads.at(0).node == 1);
  CHECK(scenario.kthreads.at(1).scheduling.nice == 3);
  CHECK(scenario.kthreads.at(1).cpus == CpuList{0, 1});
  CHECK(scenario.percpu_threads.at(0).park >= 0);
  CHECK(scenario.percpu_threads.at(0).unpark == -1);
  CHECK(scenario.softirqs.at(0).vector == 3);
  CHECK(scenario.softirqs.at(1).vector == 4);
  CHECK(scenario.hrtimers.at(0).period == 1'000'000);
  std::string threads;
  for (const ThreadName& thread : scenario.threads) threads += thread.name + ' ';
  CHECK(threads == "a b t kw p/0 p/1 kthreadd ");
  CHECK(scenario.origins.at(scenario.kthreads.at(1).origin).pointer == "/kthreads/b");
}

TEST_CASE("interrupts arrive in five ways and may be threaded", "[scenario][load]") {
  const Scenario scenario = load_keys(R"("irqs": {
    "a": {"cpu": 1, "arrival": {"poisson": "20kHz"}, "do": [{"run": "5us"}]},
    "b": {"cpus": "0-1", "arrival": {"periodic": "100us", "jitter": {"exp": "1us"}}, "do": []},
    "c": {"arrival": {"at": ["1ms", "1ms", 2000000]}, "do": [], "threaded": true},
    "d": {"arrival": {"mmpp": {"rates": ["1kHz", 5], "dwell": ["1s", "2s"]}},
          "threaded": [{"usleep": "1us"}]}})");
  CHECK(scenario.irqs.at(0).arrival.rate == 20'000.0);
  CHECK(scenario.irqs.at(1).arrival.period == 100'000);
  CHECK(scenario.durations.at(0).kind == Duration::Kind::kExponential);
  CHECK(scenario.irqs.at(1).arrival.jitter == 0);
  CHECK(scenario.irqs.at(2).arrival.times.size() == 3);
  CHECK(scenario.irqs.at(2).program == -1);
  CHECK(scenario.irqs.at(2).threaded >= 0);
  CHECK(scenario.irqs.at(3).arrival.dwell.at(1) == 2'000'000'000);
  CHECK(scenario.irqs.at(3).program == -1);
}

TEST_CASE("events are in time order, equal times in file order", "[scenario][load]") {
  const Scenario scenario = load_keys(R"("variables": {"x": 0}, "events": [
    {"t": "2ms", "set": "x = 2"}, {"t": "0", "do": []}, {"t": "1ms", "while": "x", "do": []},
    {"t": "1ms", "yield": null}])");
  std::string order;
  for (const Event& event : scenario.events) order += scenario.origins[event.origin].pointer + ' ';
  CHECK(order == "/events/1 /events/2 /events/3 /events/0 ");
}

TEST_CASE("expectations are read", "[scenario][load]") {
  const Scenario scenario = load_keys(R"("works": {"rx": {"do": []}}, "expect": [
    {"work": "rx", "latency": "p99.9", "<": "200us"}, {"workers": "events", "max": 4},
    {"never": "lost_wakeup"}, {"always": "terminates"},
    {"count": "workqueue_execute_start", "work": "rx", "==": 100},
    {"order": ["mark a", "mark b"]}, {"work": "rx", "latency": "mean", ">=": 1}])");
  REQUIRE(scenario.expect.size() == 7);
  CHECK(scenario.expect[0].quantile == Approx(0.999));
  CHECK(scenario.expect[0].value == 200'000);
  CHECK(scenario.expect[0].comparison == Comparison::kLess);
  CHECK(scenario.expect[1].workqueue == 0);
  CHECK(scenario.expect[1].comparison == Comparison::kLessEqual);
  CHECK(scenario.expect[2].property == Property::kLostWakeup);
  CHECK(scenario.expect[3].property == Property::kTerminates);
  CHECK(scenario.expect[4].work == 0);
  CHECK(scenario.expect[4].comparison == Comparison::kEqual);
  CHECK(scenario.expect[5].texts.size() == 2);
  CHECK(scenario.expect[6].quantile == -1);
}

TEST_CASE("options override before anything is checked", "[scenario][load]") {
  const std::string keys = R"("kthreads": {"a": {"cpu": 1, "do": [{"run": "1us"}]}})";
  LoadOptions options;
  options.overrides = {"/machine/cpus=2", "/duration=7ms", "/kthreads/a/do/0/run=9us"};
  const Scenario scenario = load_keys(keys, options);
  CHECK(scenario.machine.cpus == 2);
  CHECK(scenario.duration == 7'000'000);
  CHECK(scenario.programs.at(0).ops.at(0).time == 9'000);
  options.overrides = {"/machine/cpus=1"};
  CHECK_THROWS_WITH(load_keys(keys, options), Catch::StartsWith("t.json:1:"));
  options.overrides = {"/kernel/hertz=100"};
  CHECK_THROWS_WITH(load_keys(keys, options),
                    Catch::StartsWith("--set /kernel/hertz=100: /kernel/hertz: unknown key"));
}

TEST_CASE("a file that cannot be read is another exit code", "[scenario][load]") {
  try {
    load_file("no/such/file.json");
    FAIL("it was read");
  } catch (const sim::UserError& error) {
    CHECK(error.code() == sim::ExitCode::kInputOutput);
    CHECK(std::string(error.what()).find("no/such/file.json") == 0);
  }
}
