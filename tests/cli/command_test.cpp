// The command as people and scripts see it: exit codes, messages, files.
#include "tests/cli/command.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "tests/support/paths.hpp"

using Catch::Contains;
using Catch::StartsWith;
using nlohmann::json;
using support::Bench;
using support::CommandResult;

namespace {

const std::string kGood = R"("duration": "5ms", "machine": {"cpus": 2}, "kthreads": {
  "k": {"do": [{"mark": "hello"}, {"run": {"exp": "100us"}}, {"usleep": "1ms"}]}},
  "expect": [{"always": "terminates"}])";
const std::string kStuck = R"("duration": "idle", "completions": ["c"],
  "kthreads": {"k": {"do": [{"wait_for_completion": "c"}]}})";

std::set<std::string> options_of(const std::string& help) {
  static const std::regex option(R"(--[a-z][a-z-]*)");
  std::set<std::string> names;
  for (std::sregex_iterator at(help.begin(), help.end(), option), end; at != end; ++at) {
    names.insert(at->str());
  }
  return names;
}

}  // namespace

TEST_CASE("help and version", "[cli]") {
  const Bench bench;
  CHECK_THAT(bench.ktsim("--version").out, StartsWith("ktsim 0."));
  for (const std::string command : {"run", "check", "diff", "ps", "wq", "explore", "replay"}) {
    CAPTURE(command);
    CHECK_THAT(bench.ktsim("--help").out, Contains(command));
    const CommandResult help = bench.ktsim(command + " --help");
    CHECK(help.code == 0);
    CHECK(help.err.empty());
    CHECK_THAT(help.out, StartsWith("Usage: ktsim " + command) && Contains("Examples:"));
  }
}

TEST_CASE("every option is in the README's table", "[cli]") {
  const Bench bench;
  const std::string readme = support::read_file(support::source_dir() / "README.md");
  for (const std::string command : {"run", "check", "diff", "ps", "wq", "explore", "replay"}) {
    for (const std::string& option : options_of(bench.ktsim(command + " --help").out)) {
      CAPTURE(command, option);
      if (option != "--help") CHECK_THAT(readme, Contains("`" + option));
    }
  }
}

TEST_CASE("what the helps show as examples can be typed", "[cli]") {
  const Bench bench;
  bench.file("scenarios/x.json", "");
  for (const std::string name : {"scenario.json", "before.json", "after.json", "scenarios/x.json"})
    bench.scenario(name, kStuck);  // so that something is found, and each search ends soon
  for (const std::string command : {"run", "check", "diff", "ps", "wq", "explore", "replay"}) {
    std::istringstream help(bench.ktsim(command + " --help").out);
    std::size_t examples = 0;
    const std::string prefix = "  ktsim ";
    for (std::string line; std::getline(help, line);) {
      if (!line.starts_with(prefix)) continue;
      ++examples;
      const CommandResult result = bench.ktsim(line.substr(prefix.size()));
      CAPTURE(line, result.err);
      CHECK(result.code <= 1);
    }
    CHECK(examples > 2);
  }
}

TEST_CASE("bad usage is one message and exit code 2", "[cli]") {
  const Bench bench;
  bench.scenario("good.json", kGood);
  const auto [arguments, message] = GENERATE(table<std::string, std::string>({
      {"", "no command is given"},
      {"rum", "did you mean \"run\"?"},
      {"--versoin", "did you mean \"--version\"?"},
      {"run", "no scenario is given"},
      {"check", "no scenario is given"},
      {"ps good.json good.json", "expected one scenario"},
      {"wq good.json good.json", "expected one scenario"},
      {"wq good.json --interval 0", "no time"},
      {"explore", "expected one scenario"},
      {"explore good.json --strategy dsf", "did you mean \"dfs\"?"},
      {"explore good.json --bound x", "--bound"},
      {"explore good.json --budget 1mh", "expected one like 500ms, 30s, 10min or 1.5h"},
      {"explore good.json --budget 3000000h", "is no time"},
      {"run good.json --duration 1h", "is no time"},
      {"explore good.json --strategy pct --budget 9 --resume x", "take another --seed"},
      {"replay good.json", "--schedule"},
      {"run good.json --sed 3", "unknown option --sed; did you mean \"--seed\"?"},
      {"run good.json --trac=x", "did you mean \"--trace\"?"},
      {"run good.json --seed", "--seed"},
      {"run good.json --seed 1 --seed 2", "--seed"},
      {"run good.json --seed -1", "is no whole number"},
      {"run good.json --seed 1x", "is no whole number"},
      {"run good.json --duration soon", "is no time"},
      {"run good.json --duration 0s", "no time"},
      {"run good.json --trace-clock ms", "expected us or ns"},
      {"run good.json --events sched:swich", "nearest valid name"},
      {"run good.json good.json --trace x", "one scenario"},
      {"run good.json --trace - --json", "both want standard output"},
      {"run good.json --set machine=3", "machine=3"},
      {"run good.json --set /machine/cpu=3", "cpus"},
      {"run good.json --set /machine/cpus=0", "--set /machine/cpus=0"},
  }));
  CAPTURE(arguments);
  const CommandResult result = bench.ktsim(arguments);
  CHECK(result.code == 2);
  CHECK(result.out.empty());
  CHECK_THAT(result.err, StartsWith("ktsim: ") && Contains(message));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(bench.files() == 1);
}

TEST_CASE("exit codes", "[cli]") {
  const Bench bench;
  bench.scenario("good.json", kGood);
  bench.scenario("stuck.json", kStuck);
  bench.scenario("failed.json", R"("duration": "1ms", "expect": [{"count": "print", ">": 0}])");
  bench.scenario("busy.json", R"("duration": "idle", "machine": {"cpus": 1}, "kthreads": {"k":
    {"do": [{"loop": null, "do": [{"usleep": "100s"}]}]}})");
  bench.scenario("bad.json", R"("duration": "1ms", "kthreds": {})");
  bench.scenario("unmodelled.json", R"("duration": "1ms", "tasks": {"a": {"do": ["yield", {"io":
    {"disk": "d", "bytes": 1}}]}}, "machine": {"disks": {"d": {"read": 1, "write": 1}}})");
  CHECK(bench.ktsim("run good.json").code == 0);
  CHECK(bench.ktsim("run stuck.json").code == 1);
  CHECK(bench.ktsim("run failed.json").code == 1);
  CHECK(bench.ktsim("run bad.json").code == 2);
  CHECK(bench.ktsim("check bad.json").code == 2);
  CHECK(bench.ktsim("run unmodelled.json").code == 0);
  const CommandResult unmodelled = bench.ktsim("run unmodelled.json --set /kernel/preempt=rt");
  CHECK(unmodelled.code == 2);
  CHECK_THAT(unmodelled.err, Contains("not modelled yet: io under preempt rt"));
  const CommandResult limit = bench.ktsim("run busy.json");
  CHECK(limit.code == 3);
  CHECK_THAT(limit.out, Contains("does not become idle"));
  CHECK(bench.ktsim("run missing.json").code == 4);
  CHECK(bench.ktsim("run good.json --trace no/such/folder").code == 4);
  CHECK(bench.ktsim("run good.json --metrics no/such/folder").code == 4);
  CHECK(bench.ktsim("run good.json >/dev/full").code == 4);
}

TEST_CASE("a directory is no file", "[cli]") {
  const Bench bench;
  bench.scenario("good.json", kGood);
  bench.file("folder/x", "");
  bench.file("machines/odd.json/x", "");
  for (const std::string arguments :
       {"run folder", "check folder", "ps folder", "wq folder", "explore folder", "diff folder good.json",
        "diff good.json folder", "explore good.json --resume folder",
        "replay good.json --schedule folder", "run good.json --set /machine/preset=odd"}) {
    CAPTURE(arguments);
    const CommandResult result = bench.ktsim(arguments);
    CHECK(result.code == 4);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, Contains(": is a directory; expected a "));
  }
  for (const std::string option : {"run good.json --trace", "run good.json --metrics",
                                   "explore good.json --schedule-out"}) {
    CAPTURE(option);
    const CommandResult result = bench.ktsim(option + " folder");
    CHECK(result.code == 4);
    CHECK_THAT(result.err, Contains("Is a directory"));
  }
}

TEST_CASE("a run says which kernel parameters have no effect", "[cli]") {
  const Bench bench;
  bench.scenario("good.json", kGood);
  const std::string ignored = R"(good.json --set '/kernel/cmdline="quiet preempt=full log-buf-len=16M"')";
  const CommandResult run = bench.ktsim("run " + ignored);
  CHECK(run.code == 0);
  CHECK_THAT(run.out,
             Contains("\nwithout effect on the kernel's command line: quiet, log_buf_len\n"));
  CHECK_THAT(bench.ktsim("check " + ignored).out, Contains("\nwithout effect: quiet, log_buf_len\n"));
  const json report = json::parse(bench.ktsim("run --json " + ignored).out)["runs"][0];
  CHECK(report["ignored_parameters"] == json{"quiet", "log_buf_len"});
  const CommandResult slip = bench.ktsim("run good.json --set /kernel/cmdline=nohz_ful=1");
  CHECK(slip.code == 2);
  CHECK_THAT(slip.err, Contains("did you mean \"nohz_full\"?"));
}

TEST_CASE("a device or a link that is written to stays what it is", "[cli]") {
  const Bench bench;
  bench.scenario("good.json", kGood);
  CHECK(bench.ktsim("run good.json --trace /dev/null").code == 0);
  CHECK(std::filesystem::is_character_file("/dev/null"));
  CHECK(bench.ktsim("run good.json --metrics /dev/full").code == 4);
  CHECK(std::filesystem::is_character_file("/dev/full"));
  CHECK_THAT(bench.ktsim("run good.json --trace /dev/stdout").out, Contains("# tracer: nop"));
  CHECK(bench.ktsim("run good.json --trace .").code == 4);
  bench.file("real.txt", "old");
  const std::filesystem::path link = bench.path("link.txt");
  std::filesystem::create_symlink("real.txt", link);
  CHECK(bench.ktsim("run good.json --trace link.txt").code == 0);
  CHECK(std::filesystem::is_symlink(link));
  CHECK_THAT(bench.read("real.txt"), Contains("# tracer: nop"));
}

TEST_CASE("several scenarios: all run, the worst exit code", "[cli]") {
  const Bench bench;
  bench.scenario("good.json", kGood);
  bench.scenario("stuck.json", kStuck);
  bench.scenario("bad.json", R"("duration": "1ms", "kthreds": {})");
  const CommandResult text = bench.ktsim("run stuck.json bad.json good.json");
  CHECK(text.code == 2);
  CHECK_THAT(text.out, Contains("stuck.json") && Contains("good.json"));
  CHECK_THAT(text.err, Contains("bad.json"));
  const CommandResult result = bench.ktsim("run stuck.json bad.json good.json --json");
  const json runs = json::parse(result.out)["runs"];
  REQUIRE(runs.size() == 3);
  CHECK(runs[0]["exit_code"] == 1);
  CHECK(runs[1]["exit_code"] == 2);
  CHECK(runs[2]["exit_code"] == 0);
}

TEST_CASE("scenarios with disks and memory streams can follow each other", "[cli]") {
  const Bench bench;
  bench.scenario("mem.json", R"("duration": "idle", "kthreads": {
    "k": {"do": [{"mem": {"bytes": "1M"}}]}}, "expect": [{"always": "terminates"}])");
  CHECK(bench.ktsim("run mem.json mem.json").code == 0);
}

TEST_CASE("energy is reported if the machine says what it draws", "[cli]") {
  const Bench bench;
  bench.scenario("good.json", kGood);
  const auto cpu = [&](const std::string& options) {
    return json::parse(bench.ktsim("run good.json --json" + options).out)["runs"][0]["cpus"][0];
  };
  CHECK_FALSE(cpu("").contains("joules"));
  CHECK(cpu(R"( --set '/machine/power={"busy": 10, "idle": 1}')")["joules"] > 0);
}

TEST_CASE("the same run gives the same bytes, traced or not", "[cli]") {
  const Bench bench;
  bench.scenario("good.json", kGood);
  const std::string first = bench.ktsim("run good.json --metrics a.json").out;
  const CommandResult traced = bench.ktsim("run good.json --metrics b.json --trace a.txt");
  CHECK(traced.out == first);
  CHECK(bench.ktsim("run good.json --trace b.txt").code == 0);
  CHECK(bench.read("a.json") == bench.read("b.json"));
  CHECK(bench.read("a.txt") == bench.read("b.txt"));
  CHECK(bench.ktsim("run good.json --seed 2 --metrics c.json").code == 0);
  CHECK(bench.read("a.json") != bench.read("c.json"));
  CHECK(json::parse(bench.read("a.json"))["runs"][0]["name"] == "test");
}

TEST_CASE("the last line repeats the run", "[cli]") {
  const Bench bench;
  bench.scenario("a scenario.json", kGood);
  const CommandResult result = bench.ktsim(
      "run 'a scenario.json' --set '/machine/cpus=4' --set '/description=it is' --duration 3ms");
  const std::string prefix = "repeat: ktsim ";
  const std::size_t at = result.out.rfind(prefix);
  REQUIRE(at != std::string::npos);
  const std::string arguments = result.out.substr(at + prefix.size());
  CHECK(arguments ==
        "run 'a scenario.json' --seed 1 --set /machine/cpus=4 --set '/description=it is' "
        "--duration 3ms\n");
  CHECK(bench.ktsim(arguments.substr(0, arguments.size() - 1)).out == result.out);
}

TEST_CASE("a trace holds what was selected", "[cli]") {
  const Bench bench;
  bench.scenario("good.json", kGood + R"(, "trace": {"events": ["sched_switch"]})");
  const auto trace = [&bench](const std::string& options) {
    const CommandResult result = bench.ktsim("run good.json --trace - " + options);
    CHECK_THAT(result.err, Contains("repeat: ktsim"));
    return result.out;
  };
  CHECK_THAT(trace(""), StartsWith("# tracer: nop") && Contains("sched_switch: ") &&
                            !Contains("sched_migrate_task") && !Contains("hello"));
  const std::string marks = trace("--events print --trace-clock ns");
  CHECK_THAT(marks, Contains("tracing_mark_write: hello") && !Contains("sched_switch"));
  CHECK_THAT(marks, Contains("entries-in-buffer/entries-written: 1/1   #P:2"));
  CHECK(std::regex_search(marks, std::regex(R"(0\.\d{9}: tracing_mark_write)")));
  CHECK_THAT(trace("--events '*'"), Contains("hello"));
}

TEST_CASE("an interrupted run writes nothing", "[cli]") {
  const Bench bench;
  bench.scenario("long.json", R"("duration": "1000000s", "kthreads": {"k":
    {"do": [{"loop": null, "do": [{"usleep": "20us"}]}]}})");
  const CommandResult result =
      bench.ktsim("run long.json --trace t.txt --events print --metrics m.json",
                  "timeout --preserve-status -s INT 0.7");
  CHECK(result.code == 130);
  CHECK_THAT(result.err, Contains("interrupted at t="));
  CHECK(bench.files() == 1);
}

TEST_CASE("check shows what a scenario resolves to", "[cli]") {
  const Bench bench;
  bench.scenario("good.json", kGood);
  const CommandResult text =
      bench.ktsim("check good.json --set /machine/costs/tick=1us --set /kernel/hz=1000");
  CHECK(text.code == 0);
  CHECK_THAT(text.out, Contains("CPUs 2") && Contains("HZ 1000") && Contains("default 700ns") &&
                           Contains("kthread") && Contains("runs at t=0"));
  const json all = json::parse(bench.ktsim("check good.json --json").out);
  CHECK(all["scenarios"][0]["machine"]["cpus"] == 2);
  CHECK(all["scenarios"][0]["threads"][0]["name"] == "k");
  bench.scenario("event.json", R"("duration": "1ms", "expect": [{"count": "prnt", ">": 0}])");
  const CommandResult wrong = bench.ktsim("check event.json");
  CHECK(wrong.code == 2);
  CHECK_THAT(wrong.err, Contains("/expect/0") && Contains("\"print\""));
}

TEST_CASE("machine presets are found near the scenario, then in the data folder", "[cli]") {
  const Bench bench;
  bench.file("machines/near.json", R"({"cpus": 3})");
  bench.file("data/machines/far.json", R"({"cpus": 5})");
  const auto cpus = [&bench](const std::string& preset) {
    bench.file("sub/dir/s.json", R"({"name": "s", "version": 1, "duration": "1ms",
      "machine": {"preset": ")" + preset +
                                     "\"}}");
    const CommandResult result = bench.ktsim("check sub/dir/s.json --json", "KTSIM_DATA=data");
    const json scenario = json::parse(result.out)["scenarios"][0];
    return scenario.contains("machine") ? scenario["machine"]["cpus"].dump()
                                        : scenario["message"].get<std::string>();
  };
  CHECK(cpus("near") == "3");
  CHECK(cpus("far") == "5");
  CHECK_THAT(cpus("nera"), Contains("did you mean \"near\"?"));
}

TEST_CASE("unknown costs are refused with the nearest name", "[cli]") {
  const Bench bench;
  bench.scenario("good.json", kGood);
  const CommandResult result = bench.ktsim("run good.json --set /machine/costs/tik=1us");
  CHECK(result.code == 2);
  CHECK_THAT(result.err, Contains("did you mean \"tick\"?"));
}

TEST_CASE("ps lists the threads at a moment", "[cli]") {
  const Bench bench;
  bench.scenario("good.json", kGood);
  const CommandResult booted = bench.ktsim("ps good.json");
  CHECK(booted.code == 0);
  CHECK_THAT(booted.out, Contains("kthreadd") && Contains("migration/1"));
  const json rows = json::parse(bench.ktsim("ps good.json --at 1ms --json").out)["threads"];
  CHECK(rows[0]["pid"] == 1);
  CHECK(
      std::any_of(rows.begin(), rows.end(), [](const json& row) { return row["comm"] == "[k]"; }));
}

TEST_CASE("wq shows a moment, or monitors", "[cli]") {
  const Bench bench;
  bench.scenario("works.json", R"("duration": "10ms", "machine": {"cpus": 2},
    "works": {"w": {"do": [{"run": "1ms"}]}},
    "kthreads": {"k": {"do": [{"queue_work": "w"}, {"msleep": "4ms"}, {"queue_work": "w"}]}})");
  const CommandResult dump = bench.ktsim("wq works.json --at 9ms");
  CHECK(dump.code == 0);
  CHECK_THAT(dump.out, StartsWith("Affinity Scopes\n") && Contains("Workqueue CPU -> pool") &&
                           Contains("\nevents                          2 "));
  const CommandResult blocks = bench.ktsim("wq works.json --interval 2ms");
  CHECK(blocks.code == 0);
  CHECK_THAT(blocks.out, Contains("\nt=0ns  ") && Contains("\nt=10ms  ") && !Contains("t=12ms"));
  const json samples = json::parse(bench.ktsim("wq works.json --interval 2ms --at 4ms --json").out);
  REQUIRE(samples["samples"].size() == 3);
  CHECK(samples["samples"][0]["workqueues"][0]["started"] == 0);
  CHECK(samples["samples"][1]["workqueues"][0]["started"] == 1);
  CHECK(json::parse(bench.ktsim("wq works.json --json").out)["dump"]["pools"].size() > 8);
}

TEST_CASE("the events of works can be traced alone", "[cli]") {
  const Bench bench;
  bench.scenario("works.json", R"("duration": "10ms", "machine": {"cpus": 1},
    "works": {"rx": {"do": [{"run": "1ms"}]}}, "kthreads": {"k": {"do": [{"queue_work": "rx"}]}})");
  const CommandResult trace = bench.ktsim("run works.json --trace - --events 'workqueue:*'");
  CHECK(trace.code == 0);
  std::vector<std::string> lines;
  std::istringstream stream(trace.out);
  for (std::string line; std::getline(stream, line);) {
    if (!line.starts_with('#')) lines.push_back(line);
  }
  REQUIRE(lines.size() == 4);
  CHECK_THAT(lines[0], Contains(": workqueue_queue_work: work struct=") &&
                           Contains(" function=rx workqueue=events req_cpu=8192 cpu=0"));
  CHECK_THAT(lines[1], Contains(": workqueue_activate_work: work struct "));
  CHECK_THAT(lines[2],
             Contains(": workqueue_execute_start: work struct ") && Contains(": function rx"));
  CHECK_THAT(lines[3], Contains(": workqueue_execute_end: work struct "));
}
