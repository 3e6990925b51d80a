// The search finds what is there, and the reduction loses nothing: it is held against enumeration.
#include "tools/explore/search.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdlib>
#include <set>

#include "sim/random.hpp"
#include "tests/explore/explored.hpp"

using namespace kt;
using namespace kt::explore;

namespace {

constexpr int kVariables = 3;

// One statement of a random program: target = source + constant, atomically.
struct Assignment {
  int target;
  int source;
  int constant;
};
using Program = std::vector<std::vector<Assignment>>;
using State = std::array<int, kVariables>;

Program random_program(sim::RandomStream& random) {
  Program program(2 + random.bounded(2));
  const std::uint64_t length = program.size() == 2 ? 3 : 2;
  for (auto& thread : program) {
    for (std::uint64_t i = 0; i < length; ++i) {
      thread.push_back({static_cast<int>(random.bounded(kVariables)),
                        static_cast<int>(random.bounded(kVariables)),
                        static_cast<int>(1 + random.bounded(9))});
    }
  }
  return program;
}

// All interleavings, without the simulator.
void enumerate(const Program& program, std::vector<std::size_t>& at, const State& state,
               std::set<State>& ends) {
  bool done = true;
  for (std::size_t t = 0; t < program.size(); ++t) {
    if (at[t] == program[t].size()) continue;
    done = false;
    const Assignment& a = program[t][at[t]++];
    State next = state;
    next[static_cast<std::size_t>(a.target)] =
        state[static_cast<std::size_t>(a.source)] * 2 + a.constant;
    enumerate(program, at, next, ends);
    --at[t];
  }
  if (done) ends.insert(state);
}

std::set<State> interleaved_ends(const Program& program) {
  std::set<State> ends;
  std::vector<std::size_t> at(program.size());
  enumerate(program, at, State{}, ends);
  return ends;
}

// The same on a machine with store buffers: Owens, Sarkar, Sewell, "A better x86 memory model:
// x86-TSO" (TPHOLs 2009). A load sees the youngest store of its thread's own buffer, else memory; the
// oldest store of a buffer leaves at any time.
struct Tso {
  std::vector<std::size_t> at;
  std::vector<std::vector<std::pair<int, int>>> buffers;  // (variable, value), the oldest first
  State memory{};
  auto operator<=>(const Tso&) const = default;
};

void enumerate_tso(const Program& program, const Tso& now, std::set<Tso>& seen,
                   std::set<State>& ends) {
  if (!seen.insert(now).second) return;
  bool done = true;
  for (std::size_t t = 0; t < program.size(); ++t) {
    if (!now.buffers[t].empty()) {
      done = false;
      Tso next = now;
      const auto [variable, value] = next.buffers[t].front();
      next.memory[static_cast<std::size_t>(variable)] = value;
      next.buffers[t].erase(next.buffers[t].begin());
      enumerate_tso(program, next, seen, ends);
    }
    if (now.at[t] == program[t].size()) continue;
    done = false;
    const Assignment& a = program[t][now.at[t]];
    int source = now.memory[static_cast<std::size_t>(a.source)];
    for (const auto& [variable, value] : now.buffers[t]) {
      if (variable == a.source) source = value;
    }
    Tso next = now;
    ++next.at[t];
    next.buffers[t].emplace_back(a.target, source * 2 + a.constant);
    enumerate_tso(program, next, seen, ends);
  }
  if (done) ends.insert(now.memory);
}

std::set<State> tso_ends(const Program& program) {
  std::set<State> ends;
  std::set<Tso> seen;
  Tso start{std::vector<std::size_t>(program.size()), {}, {}};
  start.buffers.resize(program.size());
  enumerate_tso(program, start, seen, ends);
  return ends;
}

scenario::Scenario scenario_of(const Program& program) {
  std::vector<std::string> bodies;
  for (const auto& thread : program) {
    std::string body;
    for (const Assignment& a : thread) {
      body += fmt::format(R"({}{{"set": "v{} = v{} * 2 + {}"}})", body.empty() ? "" : ", ",
                          a.target, a.source, a.constant);
    }
    bodies.push_back(body);
  }
  return test::explored(R"("variables": {"v0": 0, "v1": 0, "v2": 0}, )", bodies);
}

std::set<State> explored_ends(const Program& program, const SearchOptions& options) {
  scenario::Scenario scenario = scenario_of(program);
  if (options.faults.store_buffers) scenario.kernel.memory_model = scenario::MemoryModel::kTso;
  Subject subject(scenario);
  Search search(subject, options);
  std::set<State> ends;
  search.observe = [&](const Schedule&, const Outcome& outcome) {
    REQUIRE(outcome.fault == Fault::kNone);
    State state;
    for (int i = 0; i < kVariables; ++i) {
      state[static_cast<std::size_t>(i)] =
          static_cast<int>(subject.system().interpreter().variable(i));
    }
    ends.insert(state);
  };
  search.run();
  return ends;
}

std::uint64_t seeds() {
  const char* const wanted = std::getenv("KTSIM_PROPERTY_SEEDS");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 12;
}

}  // namespace

TEST_CASE("races reversed reach every end state that any interleaving has", "[explore][property]") {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    CAPTURE(seed);
    sim::RandomStream random(seed, "/tests/explore");
    const Program program = random_program(random);
    SearchOptions options;
    options.bound = 6;
    options.executions = 300'000;
    CHECK(explored_ends(program, options) == interleaved_ends(program));
  }
}

TEST_CASE("under tso the search reaches every end state that store buffers allow",
          "[explore][property]") {
  std::size_t more = 0;  // than without store buffers
  for (std::uint64_t seed = 1; seed <= seeds() / 10 + 2; ++seed) {
    CAPTURE(seed);
    sim::RandomStream random(seed, "/tests/explore");
    const Program program = random_program(random);
    const std::set<State> all = tso_ends(program);
    more += all.size() - interleaved_ends(program).size();
    SearchOptions options;
    options.bound = 6;
    options.executions = 300'000;
    options.faults.store_buffers = true;
    CHECK(explored_ends(program, options) == all);
  }
  CHECK(more > 0);
}

TEST_CASE("plain enumeration of holds finds no end state that reversals miss",
          "[explore][property]") {
  for (std::uint64_t seed = 101; seed <= 103; ++seed) {
    CAPTURE(seed);
    sim::RandomStream random(seed, "/tests/explore");
    const Program program = random_program(random);
    SearchOptions plain;
    plain.strategy = Strategy::kDfs;
    plain.bound = 1;
    const std::set<State> reference = explored_ends(program, plain);
    SearchOptions reduced;
    reduced.bound = 3;
    const std::set<State> found = explored_ends(program, reduced);
    CHECK(std::ranges::includes(found, reference));
  }
}

TEST_CASE("every strategy finds the lost wakeup", "[explore]") {
  const scenario::Scenario scenario = test::lost_wakeup(true);
  Subject subject(scenario);
  for (const Strategy strategy :
       {Strategy::kExhaustive, Strategy::kDfs, Strategy::kPct, Strategy::kRandom}) {
    CAPTURE(static_cast<int>(strategy));
    SearchOptions options;
    options.strategy = strategy;
    options.executions = 100'000;
    const SearchResult result = test::search(subject, options);
    REQUIRE(result.found);
    CHECK(result.found->outcome.fault == Fault::kLostWakeup);
    CHECK(result.found->outcome.subject == "t0");
  }
}

TEST_CASE("pct finds a race of depth 2 as often as it promises", "[explore]") {
  const scenario::Scenario scenario = test::lost_wakeup(true);
  Subject subject(scenario);
  subject.run({}, false);
  const double steps = subject.recorder().begun();
  SearchOptions options;
  options.strategy = Strategy::kPct;
  options.bound = 1;
  constexpr double kRuns = 100'000;
  options.executions = static_cast<std::uint64_t>(kRuns);
  options.stop_at_fault = false;
  std::uint64_t found = 0;
  Search search(subject, options);
  search.observe = [&](const Schedule&, const Outcome& outcome) {
    if (outcome.fault == Fault::kLostWakeup) ++found;
  };
  search.run();
  const double promised = 1 / (2 * steps);  // n = 2 CPUs, k steps, d = 2
  const double error = std::sqrt(promised * (1 - promised) / kRuns);
  CHECK(static_cast<double>(found) / kRuns >= promised - 3 * error);
}

TEST_CASE("the fixed twin has no defect up to bound 3", "[explore]") {
  const scenario::Scenario scenario = test::lost_wakeup(false);
  Subject subject(scenario);
  SearchOptions options;
  options.bound = 3;
  const SearchResult result = test::search(subject, options);
  CHECK_FALSE(result.found);
  CHECK(result.completed == 3);
  CHECK_FALSE(result.interrupted);
}

TEST_CASE("jobs share the schedules and miss none", "[explore]") {
  const scenario::Scenario scenario = test::lost_wakeup(false);
  Subject subject(scenario);
  const SearchResult whole = test::search(subject, {});
  std::uint64_t sum = 0;
  for (unsigned job = 0; job < 3; ++job) {
    SearchOptions options;
    options.job = job;
    options.jobs = 3;
    const SearchResult share = test::search(subject, options);
    sum += share.schedules.all - (job == 0 ? 0 : share.schedules.inner);
  }
  CHECK(sum == whole.schedules.all);
}

TEST_CASE("a search in pieces, each from where the one before has stopped, misses nothing",
          "[explore]") {
  const scenario::Scenario scenario = test::lost_wakeup(false);
  const Strategy strategy = GENERATE(Strategy::kExhaustive, Strategy::kDfs);
  const unsigned jobs = GENERATE(1U, 2U);
  CAPTURE(static_cast<int>(strategy), jobs);
  SearchOptions options;
  options.strategy = strategy;
  options.bound = strategy == Strategy::kDfs ? 2 : 4;
  std::set<std::uint64_t> whole;
  std::set<std::uint64_t> pieces;
  const auto search = [&](const SearchOptions& wanted, std::set<std::uint64_t>& seen) {
    Subject subject(scenario);
    Search one(subject, wanted);
    one.observe = [&](const Schedule& schedule, const Outcome&) { seen.insert(hash_of(schedule)); };
    return one.run();
  };
  const SearchResult at_once = search(options, whole);
  for (unsigned job = 0; job < jobs; ++job) {
    options.job = job;
    options.jobs = jobs;
    options.begin = {};
    options.executions = strategy == Strategy::kDfs ? 2'999 : 31;
    SearchResult result;
    int rounds = 0;
    do {
      result = search(options, pieces);
      options.begin = result.position;
      ++rounds;
    } while (result.interrupted && rounds < 10'000);
    CHECK(rounds > 2);
    CHECK(result.completed == at_once.completed);
    CHECK(result.no_more == at_once.no_more);
  }
  // A piece knows nothing of runs that were alike before it: it may make more.
  CHECK(std::ranges::includes(pieces, whole));
  if (strategy == Strategy::kDfs) CHECK(pieces.size() == whole.size());
}

TEST_CASE("a budget ends the search and is told", "[explore]") {
  const scenario::Scenario scenario = test::lost_wakeup(false);
  Subject subject(scenario);
  SearchOptions options;
  options.bound = 5;
  options.executions = 100;
  const SearchResult result = test::search(subject, options);
  CHECK(result.interrupted);
  CHECK(result.executions == 100);
}

TEST_CASE("shrinking keeps the fault and what is left is needed", "[explore]") {
  const scenario::Scenario scenario = test::lost_wakeup(true);
  Subject subject(scenario);
  SearchOptions options;
  options.strategy = GENERATE(Strategy::kRandom, Strategy::kPct);
  options.bound = 4;
  options.executions = 100'000;
  const SearchResult result = test::search(subject, options);
  REQUIRE(result.found);
  const Found shrunk = shrink(subject, *result.found);
  CHECK(shrunk.schedule.size() == 1);
  CHECK(subject.run(shrunk.schedule, false).same_fault(result.found->outcome));
  Schedule shorter = shrunk.schedule;
  --shorter[0].time;
  CHECK_FALSE(subject.run(shorter, false).same_fault(result.found->outcome));
}
