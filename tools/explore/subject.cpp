#include "tools/explore/subject.hpp"

#include <algorithm>
#include <array>

#include "sim/error.hpp"
#include "tools/run/starvation.hpp"
#include "tools/run/task_state.hpp"

namespace kt::explore {

using scenario::Verb;
using sched::WaitKind;

namespace {

constexpr std::array<std::string_view, 10> kWords{"nothing",
                                                  "a lost wakeup",
                                                  "a deadlock",
                                                  "a hang",
                                                  "a defect",
                                                  "a watchdog",
                                                  "starvation",
                                                  "a run that does not end",
                                                  "a failed expectation",
                                                  "a data race"};

// A message without its numbers: times and PIDs differ from schedule to schedule.
std::string without_numbers(std::string text) {
  std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  return text;
}

}  // namespace

std::string_view fault_words(Fault fault) {
  return kWords[static_cast<std::size_t>(fault)];
}

run::SystemOptions system_options() {
  run::SystemOptions options;
  options.threads_exist = true;
  return options;
}

Time held_back(const Schedule& schedule) {
  Time sum = 0;
  for (const Deviation& deviation : schedule) sum += deviation.time;
  return sum;
}

namespace {

bool is_over(run::System& system) {
  return system.ending() != run::Ending::kDone || system.nothing_since() != sim::kNever;
}

// Goes on to the end, or to a step at most; whether there is more.
bool run_piece(run::System& system, Recorder& recorder, const RunEnd& end, std::uint32_t to_step) {
  recorder.pause_at(to_step);
  const bool early = system.now() < end.look;
  system.advance(early ? end.look : sim::kNever);
  if (is_over(system)) return false;
  if (!recorder.paused() && (!early || run::find_starvation(system, end.held_back))) return false;
  return recorder.begun() < end.step;
}

std::uint32_t next_pause(const Recorder& recorder) {
  constexpr std::uint32_t kPiece = 200'000;  // steps: some ten ms
  return (recorder.begun() / kPiece + 1) * kPiece;
}

}  // namespace

// Who waits for a CPU that is held back may poll for as long, a step every 50 ns and CPU.
RunEnd run_end(run::System& system, Time begin, const Schedule& schedule) {
  constexpr Time kLook = 2 * sim::kSecond;
  constexpr Time kPoll = 10;  // ns
  if (system.horizon() != sim::kNever) return {};
  const Time held = held_back(schedule);
  return {Subject::kMostSteps + static_cast<std::uint32_t>(held / kPoll), begin + kLook + held, held};
}

void run_on(run::System& system, Recorder& recorder, const RunEnd& end) {
  while (run_piece(system, recorder, end, next_pause(recorder))) {
  }
}

void require_explorable(const scenario::Scenario& scenario) {
  if (run::PlatformDevices::needed(scenario) || !scenario.machine.disks.empty() ||
      scenario.machine.power.given) {
    throw sim::UserError(fmt::format(
        "{}: not modelled yet: exploring a machine with disks, memory streams or power (SimGrid's state "
        "cannot be put back)",
        scenario.file));
  }
}

Recorder::Hook store_buffers(run::System& system) {
  if (system.scenario().kernel.memory_model != scenario::MemoryModel::kTso) return {};
  return {&system.interpreter(), [](void* interpreter, int cpu) {
            static_cast<run::Interpreter*>(interpreter)->drain_stores(cpu);
          }};
}

// Built twice: the second time what the first one's run has changed lies together.
Subject::Subject(const scenario::Scenario& scenario)
    : scenario_(scenario), recorder_(std::make_unique<Recorder>(scenario.machine.cpus)) {
  require_explorable(scenario);
  arena_ = std::make_unique<sim::Arena>();
  build();
  sim::Arena::Numbers together = changing();
  arena_.reset();
  arena_ = std::make_unique<sim::Arena>(sim::Arena::kCapacity, std::move(together));
  build();
}

void Subject::build() {
  const sim::Arena::Use use(arena_.get());
  trace_ = new sim::Trace;
  sink_ = new run::ExpectationSink(scenario_, trace_->names());
  trace_->add_sink(*sink_);
  for (std::size_t event = 0; event < sink_->events().size(); ++event) {
    if (sink_->events().test(event)) trace_->enable(static_cast<std::uint16_t>(event));
  }
  system_ = new run::System(scenario_, *trace_, system_options());
  system_->run_to_first_wakeup();
  if (system_->ending() != run::Ending::kDone) {
    const sim::Arena::Use heap(nullptr);
    throw sim::UserError(
        fmt::format("{}: a defect before the first wakeup: {}", scenario_.file, system_->message()));
  }
  system_->machine().set_probe(recorder_.get());
  system_->machine().chooser = recorder_.get();
  recorder_->on_interrupt = store_buffers(*system_);
  recorder_->wants_touches = has_plain_variables(scenario_);
  begin_ = system_->now();
  arena_->keep();
}

// A look every few steps: what is as before at the end may have been otherwise in between.
sim::Arena::Numbers Subject::changing() {
  constexpr std::uint32_t kLooks = 16;
  run({}, false);
  arena_->look();
  const std::uint32_t spacing = recorder_->begun() / kLooks + 1;
  arena_->rewind();
  recorder_->start({}, false);
  do {
    go({}, recorder_->begun() + spacing);
    arena_->look();
  } while (!over() && recorder_->paused());
  return arena_->seen_changed();
}

Subject::~Subject() = default;

Outcome Subject::run(const Schedule& schedule, bool recording) {
  arena_->rewind();
  recorder_->start(schedule, recording || recorder_->wants_touches);
  go(schedule);
  return look(schedule);
}

void Subject::go(const Schedule& schedule, std::uint32_t until_step) {
  const RunEnd end = run_end(*system_, begin_, schedule);
  broken_off_ = false;
  for (bool more = true; more && recorder_->begun() < until_step;) {
    {
      const sim::Arena::Use use(arena_.get());
      more = run_piece(*system_, *recorder_, end, std::min(until_step, next_pause(*recorder_)));
    }
    broken_off_ = more && goes_on && !goes_on();
    if (broken_off_) return;
  }
}

bool Subject::over() {
  return is_over(*system_) || recorder_->begun() >= kMostSteps;
}

void Subject::mark(const Schedule& schedule, std::size_t most) {
  constexpr std::size_t kBytes = std::size_t{16} << 20;
  most = std::min(most, kBytes / std::max<std::size_t>(arena_->changed(), 1));
  nr_marks_ = 0;
  if (most == 0 || recorder_->wants_touches) return;
  const auto spacing = static_cast<std::uint32_t>(recorder_->begun() / most + 1);
  arena_->rewind();
  recorder_->start(schedule, false);
  for (;;) {
    go(schedule, recorder_->begun() + spacing);
    if (over() || !recorder_->paused() || nr_marks_ == most) return;
    if (nr_marks_ == marks_.size()) marks_.emplace_back();
    Mark& mark = marks_[nr_marks_++];
    arena_->save(mark.arena);
    recorder_->save(mark.position);
  }
}

Outcome Subject::run_near(const Schedule& schedule, const Deviation& deviation) {
  const auto end = marks_.begin() + static_cast<std::ptrdiff_t>(nr_marks_);
  const auto passed = std::partition_point(
      marks_.begin(), end, [&](const Mark& mark) { return mark.position.before(deviation); });
  if (passed == marks_.begin()) return run(schedule, false);
  const Mark& mark = *(passed - 1);
  arena_->rewind_to(mark.arena);
  recorder_->resume(mark.position, schedule);
  go(schedule);
  return look(schedule);
}

Outcome Subject::look(const Schedule& schedule) {
  {
    const sim::Arena::Use use(arena_.get());
    system_->conclude();
  }
  data_race_.reset();
  const Outcome outcome = judge(held_back(schedule));
  return outcome.fault == Fault::kNone && recorder_->wants_touches ? judge_order() : outcome;
}

Outcome Subject::judge_order() {
  data_race_ = find_data_race(*recorder_, *system_);
  return data_race_ ? outcome_of(*data_race_, scenario_) : Outcome{};
}

Outcome outcome_of(const DataRace& race, const scenario::Scenario& scenario) {
  return {Fault::kDataRace, scenario.variables[static_cast<std::size_t>(race.variable)].name};
}

// Whether nothing at the end needs a closer look: all threads have ended, or wait for work.
bool Subject::nobody_waits() {
  const auto& threads = scenario_.threads;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    const sched::Task* task = system_->interpreter().thread(static_cast<std::int32_t>(i));
    if (task == nullptr || run::has_exited(*task)) continue;
    if (threads[i].kind == scenario::ThreadKind::kKthreadd) continue;
    if (task->wait.kind != WaitKind::kParked && task->wait.kind != WaitKind::kKthreadWorker)
      return false;
  }
  for (const auto& pool : system_->workqueues().pools()) {
    if (pool == nullptr) continue;
    if (!pool->worklist.empty()) return false;
    for (const workqueue::Worker& worker : pool->workers) {
      if (worker.task != nullptr && worker.current_pwq != nullptr) return false;
    }
  }
  return system_->control().wait.kind == WaitKind::kNothing;
}

Outcome Subject::judge(Time held_back) {
  const bool done = system_->ending() == run::Ending::kDone;
  const bool soon = system_->now() < sim::kSecond;  // for starvation
  const bool quiet = done && soon && system_->nothing_since() != sim::kNever && nobody_waits();
  if (quiet && scenario_.expect.empty()) return {};
  if (quiet && run::expectations_hold(*system_, *sink_)) return {};
  return explore::judge(*system_, *sink_, held_back);
}

Outcome judge(run::System& system, const run::ExpectationSink& sink, Time held_back) {
  if (system.ending() == run::Ending::kDefect)
    return {Fault::kDefect, without_numbers(system.message())};
  if (system.ending() == run::Ending::kWatchdog)
    return {Fault::kWatchdog, without_numbers(system.message())};
  const run::Stuck stuck = run::find_stuck(system);
  if (!stuck.cycles.empty() || stuck.dead_owner) return {Fault::kDeadlock, {}};
  if (run::is_defect(system, stuck)) {
    for (const run::Sleeper& sleeper : stuck.sleepers) {
      if (sleeper.lost) return {Fault::kLostWakeup, sleeper.name};
    }
    for (const run::Sleeper& sleeper : stuck.sleepers) {
      if (!sleeper.parked) return {Fault::kHang, sleeper.name};
    }
    return {Fault::kHang, {}};
  }
  if (const auto starvation = run::find_starvation(system, held_back))
    return {Fault::kStarvation, starvation->subject};
  if (system.nothing_since() == sim::kNever && system.horizon() == sim::kNever)
    return {Fault::kNeverEnds, {}};
  for (const run::Verdict& verdict : run::judge(system, sink, stuck)) {
    if (!verdict.passed) return {Fault::kExpectation, verdict.expectation};
  }
  return {};
}

}  // namespace kt::explore
