// The simulator against the recorded kernel: what held at every phase of the tick must hold here
// too, exactly, and each thread does the same things as often as it did in the recording.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/conformance/simulate.hpp"
#include "tests/support/invariants.hpp"

namespace {

using nlohmann::json;
using namespace support;

constexpr sim::Time kTick = 4'000'000;
constexpr sim::Time kPhases[] = {0, 1'300'000, 2'700'000};

json stable_facts(const Facts& facts) {
  json result = json::object();
  const auto put = [&result](const char* key, const json& list) {
    if (!list.empty()) result[key] = list;
  };
  json marks = json::array();
  for (const Note& mark : facts.marks) {
    if (!mark.text.starts_with("ktoracle ")) marks.push_back(mark.text);
  }
  json returns = json::array();
  for (const Note& note : facts.returns) returns.push_back(recorded_spelling(note.text));
  json exits = json::array();
  for (const ThreadExit& exit : facts.exits) exits.push_back(exit.comm);
  json stops = json::array();
  for (const KthreadStop& stop : facts.kthread_stops) {
    if (stop.event == "sched_kthread_stop_ret") stops.push_back(stop.payload);
  }
  put("marks", marks);
  put("returns", returns);
  put("exits", exits);
  put("kthread_stop_ret", stops);
  result["workers_forked"] = facts.workers_forked.size();
  return result;
}

// By comm, as PIDs differ: ours have no gaps.
std::map<std::string, ThreadFacts> by_comm(const Facts& facts) {
  std::map<std::string, ThreadFacts> result;
  for (const auto& [name, thread] : facts.threads) result[name.substr(0, name.rfind('-'))] = thread;
  return result;
}

std::string states(const ThreadFacts& thread) {
  return json(thread.switched_out_in_state).dump();
}

}  // namespace

TEST_CASE("what the kernel did at every phase of the tick, the simulator does", "[conformance]") {
  for (const auto& folder : recorded_scenarios()) {
    const json stable = json::parse(read_text(folder / "stable.json"))["same"];
    const Beginning beginning = beginning_of(recorded_trace(folder));
    for (const sim::Time phase : kPhases) {
      CAPTURE(folder.filename().string(), phase);
      const Facts facts = extract_facts(
          simulate(folder, {(beginning.tick_offset + phase) % kTick, beginning.cpu}));
      CHECK(stable_facts(facts) == stable);
    }
  }
}

// Not for preempt_voluntary: which of its two hogs is first depends on the recorder, whose CPUs take
// turns.
TEST_CASE("each thread switches in, out and wakes as often as recorded", "[conformance]") {
  for (const auto& folder : recorded_scenarios()) {
    if (folder.filename() == "preempt_voluntary") continue;
    const TraceText recorded = recorded_trace(folder);
    const auto expected = by_comm(extract_facts(recorded));
    const auto simulated = by_comm(extract_facts(simulate(folder, beginning_of(recorded))));
    for (const auto& [comm, thread] : simulated) {
      CAPTURE(folder.filename().string(), comm);
      REQUIRE(expected.count(comm) == 1);
      CHECK(thread.switched_in == expected.at(comm).switched_in);
      CHECK(states(thread) == states(expected.at(comm)));
      CHECK(thread.woken == expected.at(comm).woken);
    }
  }
}

TEST_CASE("simulated traces of the recorded scenarios keep the invariants", "[conformance]") {
  for (const auto& folder : recorded_scenarios()) {
    CAPTURE(folder.filename().string());
    CHECK(describe(check_invariants(simulate(folder, {}))) == "");
  }
}
