// The tools that will compare ktsim with the recorded kernel, held to the recordings themselves.
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/conformance/simulate.hpp"
#include "tests/conformance/stable.hpp"
#include "tests/support/facts.hpp"
#include "tests/support/trace_text.hpp"

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

json read_json(const fs::path& path) {
  return json::parse(support::read_text(path));
}

support::TraceText trace_of(const fs::path& scenario) {
  return support::parse_trace(support::read_text(scenario / "trace.txt"));
}

support::Facts facts_of(const fs::path& scenario) {
  return support::extract_facts(trace_of(scenario));
}

json notes(const std::vector<support::Note>& list) {
  json result = json::array();
  for (const auto& note : list) result.push_back({note.time / 1000, note.text, note.by, note.cpu});
  return result;
}

json forks(const std::vector<support::ThreadForked>& list) {
  json result = json::array();
  for (const auto& fork : list) result.push_back({fork.time / 1000, fork.thread, fork.by});
  return result;
}

json exits(const support::Facts& facts) {
  json result = json::array();
  for (const auto& exit : facts.exits)
    result.push_back({exit.time / 1000, exit.comm + "-" + std::to_string(exit.pid)});
  return result;
}

json stops(const support::Facts& facts) {
  json result = json::array();
  for (const auto& stop : facts.kthread_stops)
    result.push_back({stop.time / 1000, stop.event, stop.payload});
  return result;
}

json migrations(const support::Facts& facts) {
  json result = json::array();
  for (const auto& m : facts.migrations)
    result.push_back({m.time / 1000, m.thread, m.from, m.to, m.by});
  return result;
}

json threads(const support::Facts& facts) {
  json result = json::object();
  for (const auto& [name, thread] : facts.threads) {
    result[name] = {{"on_cpu_us", thread.on_cpu / 1000},
                    {"switched_in", thread.switched_in},
                    {"switched_out_in_state", thread.switched_out_in_state},
                    {"woken", thread.woken}};
  }
  return result;
}

}  // namespace

TEST_CASE("the facts of a recorded trace are those of its summary", "[conformance]") {
  REQUIRE_FALSE(support::recorded_scenarios().empty());
  for (const fs::path& scenario : support::recorded_scenarios()) {
    INFO(scenario);
    const json summary = read_json(scenario / "summary.json");
    const support::Facts facts = facts_of(scenario);
    CHECK(facts.end / 1000 == summary["virtual_us"]);
    CHECK(notes(facts.marks) == summary["marks"]);
    CHECK(notes(facts.returns) == summary["returns"]);
    CHECK(notes(facts.suspend_resume) == summary.value("suspend_resume", json::array()));
    CHECK(forks(facts.workers_forked) == summary["workers_forked"]);
    CHECK(forks(facts.threads_forked) == summary["threads_forked"]);
    CHECK(exits(facts) == summary["exits"]);
    CHECK(stops(facts) == summary["kthread_stop"]);
    CHECK(migrations(facts) == summary["migrations"]);
    CHECK(threads(facts) == summary["threads"]);
  }
}

TEST_CASE("the facts of a recorded trace are its stable ones", "[conformance]") {
  for (const fs::path& scenario : support::recorded_scenarios()) {
    INFO(scenario);
    const json stable = read_json(scenario / "stable.json");
    const auto works =
        support::extract_work_facts(trace_of(scenario), support::recorded_works(scenario));
    CHECK(support::differences(support::stable_form(facts_of(scenario), works), stable) ==
          json::array());
  }
}

TEST_CASE("the preamble of a recorded trace counts its lines", "[conformance]") {
  for (const fs::path& scenario : support::recorded_scenarios()) {
    INFO(scenario);
    const auto trace = support::parse_trace(support::read_text(scenario / "trace.txt"));
    const json machine = read_json(scenario / "scenario.json")["machine"];
    CHECK(trace.entries == trace.lines.size());
    CHECK(trace.online_cpus == machine["cpus"]);
  }
}
