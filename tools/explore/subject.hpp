// What is explored: one scenario, brought to its first wakeup in an arena, and run from there again
// and again, each time under another schedule. A run of the same schedule is the same run.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/arena.hpp"
#include "tools/explore/data_race.hpp"
#include "tools/run/expect.hpp"
#include "tools/run/system.hpp"

namespace kt::explore {

/// What is wrong at the end of a run; kNone: nothing.
enum class Fault : std::uint8_t {
  kNone,
  kLostWakeup,   ///< a wakeup found its target awake, and the target then slept for ever
  kDeadlock,     ///< threads wait for each other, or for a lock whose owner has exited
  kHang,         ///< nothing can happen any more, and a thread waits
  kDefect,       ///< the simulated code did what it must not: its message says what
  kWatchdog,     ///< a stall, a soft lockup
  kStarvation,   ///< a thread gets no CPU, a work no worker, for a second that nothing disturbs
  kNeverEnds,    ///< something still runs after Subject::kMostSteps
  kExpectation,  ///< an expectation of the scenario failed
  kDataRace,     ///< two unordered accesses to a plain variable, in a run without another fault
};

std::string_view fault_words(Fault fault);

struct Outcome {
  Fault fault = Fault::kNone;
  /// Tells faults of one kind apart: the thread, the expectation, the message without its numbers.
  std::string subject;
  [[nodiscard]] bool same_fault(const Outcome& other) const {
    return fault == other.fault && subject == other.subject;
  }
};

/// Where a run ends that does not come to its end: one that lasts until it is idle.
struct RunEnd {
  std::uint32_t step = UINT32_MAX;  ///< behind it, or
  Time look = 0;                    ///< at this time if somebody starves then
  Time held_back = 0;  ///< ns, by the schedule
};

class Subject {
 public:
  /// What still runs after so many steps, and some more if the schedule holds something back, of a
  /// scenario that lasts until it is idle, will not end.
  static constexpr std::uint32_t kMostSteps = 2'000'000;

  /// `scenario` must outlive it. Throws sim::UserError for what cannot be explored.
  explicit Subject(const scenario::Scenario& scenario);
  ~Subject();
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;

  /// One run from the first wakeup to the end. `recording`: the recorder then knows its steps.
  Outcome run(const Schedule& schedule, bool recording);

  /// Makes one run of a schedule and marks up to so many moments of it, from which run_near() goes
  /// on. The marks take some MiB at most.
  void mark(const Schedule& schedule, std::size_t most);
  /// The same as run() of the marked schedule with this deviation more, unrecorded: from the last
  /// mark before it.
  Outcome run_near(const Schedule& schedule, const Deviation& deviation);

  /// Asked now and then in a long run; false: the run is broken off, and its outcome means nothing.
  std::function<bool()> goes_on;
  [[nodiscard]] bool broken_off() const { return broken_off_; }

  /// For the runs from now on; null: none.
  void set_policy(Recorder::Policy* policy) { recorder_->policy = policy; }

  [[nodiscard]] const Recorder& recorder() const { return *recorder_; }
  [[nodiscard]] const sim::Arena& arena() const { return *arena_; }
  /// The system as the last run left it: for reports, until the next run.
  [[nodiscard]] run::System& system() { return *system_; }
  /// Of the last run, if that was its fault.
  [[nodiscard]] const std::optional<DataRace>& data_race() const { return data_race_; }
  [[nodiscard]] const run::ExpectationSink& expectations() const { return *sink_; }
  [[nodiscard]] const scenario::Scenario& scenario() const { return scenario_; }

 private:
  struct Mark {
    sim::Arena::Mark arena;
    Recorder::Position position;
  };
  void build();
  [[nodiscard]] sim::Arena::Numbers changing();
  void go(const Schedule& schedule, std::uint32_t until_step = UINT32_MAX);
  [[nodiscard]] bool over();
  [[nodiscard]] Outcome look(const Schedule& schedule);
  [[nodiscard]] Outcome judge(Time held_back);
  [[nodiscard]] Outcome judge_order();
  [[nodiscard]] bool nobody_waits();

  const scenario::Scenario& scenario_;
  std::unique_ptr<sim::Arena> arena_;
  // In the arena, never destroyed: rewound, and unmapped with it.
  sim::Trace* trace_ = nullptr;
  run::ExpectationSink* sink_ = nullptr;
  run::System* system_ = nullptr;
  std::unique_ptr<Recorder> recorder_;
  std::optional<DataRace> data_race_;
  Time begin_ = 0;  // of each run
  bool broken_off_ = false;
  std::vector<Mark> marks_;  // their memory is kept; the first nr_marks_ are valid
  std::size_t nr_marks_ = 0;
};

/// Options of the run that an exploration and a replay have in common.
run::SystemOptions system_options();
/// ns for which a schedule holds something back, in all.
Time held_back(const Schedule& schedule);
/// Of a run whose first wakeup was at `begin`.
RunEnd run_end(run::System& system, Time begin, const Schedule& schedule);
/// Goes on to the end. System::conclude() is for the caller.
void run_on(run::System& system, Recorder& recorder, const RunEnd& end);
/// What an interrupt does to the store buffers of memory_model tso.
Recorder::Hook store_buffers(run::System& system);
/// Refuses what cannot be explored. Throws sim::UserError.
void require_explorable(const scenario::Scenario& scenario);
Outcome outcome_of(const DataRace& race, const scenario::Scenario& scenario);
/// What is wrong with a run that has ended, but for data races. `held_back`: by its schedule.
Outcome judge(run::System& system, const run::ExpectationSink& sink, Time held_back);

}  // namespace kt::explore
