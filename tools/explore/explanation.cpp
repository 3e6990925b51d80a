#include "tools/explore/explanation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "tools/explore/statement_text.hpp"
#include "tools/run/starvation.hpp"
#include "tools/run/task_state.hpp"
#include "tools/run/time_text.hpp"

namespace kt::explore {

using run::time_text;

namespace {

std::string thread_name(run::System& system, std::int32_t pid) {
  if (pid == 0) return "idle";
  const sched::Task* task = system.scheduler().find_task(pid);
  return task == nullptr ? fmt::format("pid {}", pid)
                         : std::string(system.trace().names()[task->full_name]);
}

bool conflict(std::span<const Access> a, std::span<const Access> b) {
  return std::ranges::any_of(a, [&](const Access& x) {
    return std::ranges::any_of(
        b, [&](const Access& y) { return x.object == y.object && (x.write || y.write); });
  });
}

bool is_of(const Step& step, const Deviation& deviation) {
  switch (deviation.kind) {
    case Deviation::Kind::kStall:
      return step.begun_on == deviation.cpu && step.index == deviation.index;
    case Deviation::Kind::kLate:
      return step.cpu == deviation.cpu && step.arrival == deviation.index;
    case Deviation::Kind::kAnswer:
      return false;
  }
  return false;
}

// Position of the step that a deviation holds back; the number of steps: it is not there.
std::size_t held_step(const Recorder& recorder, const Deviation& deviation) {
  const std::span<const Step> steps = recorder.steps();
  if (deviation.kind == Deviation::Kind::kAnswer) {
    const std::span<const Asked> asked = recorder.asked();
    if (deviation.index > asked.size() || asked[deviation.index - 1].step == 0) return steps.size();
    return asked[deviation.index - 1].step - 1;
  }
  const auto step = std::ranges::find_if(steps, [&](const Step& s) { return is_of(s, deviation); });
  return static_cast<std::size_t>(step - steps.begin());
}

// When the interrupt that a deviation holds back came to its CPU.
Time arrived_at(const Recorder& recorder, const Deviation& deviation) {
  const std::span<const Arrival> arrivals = recorder.arrivals();
  const auto found = std::ranges::find_if(arrivals, [&](const Arrival& arrival) {
    return arrival.cpu == deviation.cpu && arrival.index == deviation.index;
  });
  return found == arrivals.end() ? 0 : found->time;
}

// The last step that came first because another was held back, and that shares something with it.
std::size_t awaited_step(const Recorder& recorder, std::size_t held, Time since) {
  const std::span<const Step> steps = recorder.steps();
  for (std::size_t i = held; i-- > 0 && steps[i].time >= since;) {
    const bool other = steps[i].cpu != steps[held].cpu || steps[i].arrival != steps[held].arrival ||
                       steps[i].pid != steps[held].pid;
    if (other && conflict(recorder.accesses(i), recorder.accesses(held))) return i;
  }
  return steps.size();
}

std::string step_text(run::System& system, const scenario::Scenario& scenario, const Step& step) {
  if (step.arrival != 0) return fmt::format("an interrupt on CPU {}", step.cpu);
  const std::string statement = statement_text(scenario, step.location);
  const std::string thread = thread_name(system, step.pid);
  return statement.empty() ? thread : fmt::format("{}: {}", thread, statement);
}

}  // namespace

std::string Place::text() const {
  std::string line;
  switch (deviation.kind) {
    case Deviation::Kind::kStall:
      line = fmt::format("CPU {} stalls {} at t={}", deviation.cpu, time_text(deviation.time),
                         time_text(time));
      break;
    case Deviation::Kind::kLate:
      line = fmt::format("CPU {} takes an interrupt {} late, at t={}", deviation.cpu,
                         time_text(deviation.time), time_text(time + deviation.time));
      break;
    case Deviation::Kind::kAnswer:
      line = fmt::format("{} at t={}", question, time_text(time));
      break;
  }
  if (!thread.empty() && deviation.kind != Deviation::Kind::kLate) {
    line += fmt::format(", in {}", thread);
    if (!statement.empty()) line += fmt::format(" {} {}", inside ? "inside" : "before", statement);
    if (!where.empty()) line += fmt::format(" ({})", where);
  }
  if (!until.empty()) line += fmt::format("; first comes {}", until);
  return line;
}

std::vector<Place> places_of(const Recorder& recorder, const scenario::Scenario& scenario,
                             run::System& system, const Schedule& schedule) {
  const std::span<const Step> steps = recorder.steps();
  std::vector<Place> places;
  for (const Deviation& deviation : schedule) {
    Place& place = places.emplace_back();
    place.deviation = deviation;
    if (deviation.kind == Deviation::Kind::kLate) place.time = arrived_at(recorder, deviation);
    const std::size_t held = held_step(recorder, deviation);
    if (held == steps.size()) continue;
    const Step& step = steps[held];
    if (deviation.kind != Deviation::Kind::kLate)
      place.time = deviation.kind == Deviation::Kind::kStall ? step.begun : step.time;
    place.thread = step.arrival != 0
                       ? fmt::format("an interrupt over {}", thread_name(system, step.pid))
                       : thread_name(system, step.pid);
    place.statement = statement_text(scenario, step.location);
    place.inside = !step.at_start;
    if (!place.statement.empty()) {
      place.where = scenario.where(step.location);
      place.pointer = scenario.origins[step.location].pointer;
    }
    if (deviation.kind == Deviation::Kind::kAnswer) {
      place.question = question_text(recorder.asked()[deviation.index - 1].question);
      continue;
    }
    const std::size_t first = awaited_step(recorder, held, place.time);
    if (first != steps.size()) place.until = step_text(system, scenario, steps[first]);
  }
  return places;
}

namespace {

std::string never_ends_text(run::System& system) {
  std::string running;
  for (int id = 0; id < system.machine().nr_cpus(); ++id) {
    const sched::Task& task = *system.scheduler().rq(id).curr;
    if (task.is_idle()) continue;
    const std::string statement = statement_text(system.scenario(), task.location);
    running += fmt::format("{}CPU {} runs {} (pid {}){}{}", running.empty() ? "" : ", ", id,
                           thread_name(system, task.pid), task.pid,
                           statement.empty() ? "" : " in " + statement,
                           statement.empty() ? "" : " (" + system.scenario().where(task.location) + ")");
  }
  return fmt::format("After more than {} steps, at t={}, it has not come to its end: {}.", Subject::kMostSteps,
                     time_text(system.now()),
                     running.empty() ? "timers or interrupts still come" : running);
}

}  // namespace

std::string why_text(run::System& system, const run::ExpectationSink& sink, const Outcome& outcome,
                     Time held_back) {
  if (outcome.fault == Fault::kDefect || outcome.fault == Fault::kWatchdog) return system.message();
  const run::Stuck stuck = run::find_stuck(system);
  std::string text;
  if (outcome.fault == Fault::kDeadlock && !stuck.cycles.empty()) {
    for (const auto& cycle : stuck.cycles) {
      for (const run::CycleStep& step : cycle) {
        text += fmt::format("{}{} (pid {}) waits for {}", text.empty() ? "" : "; ", step.name,
                            step.pid, step.waits_for);
      }
    }
    return text + ": none of them can go on.";
  }
  if (outcome.fault == Fault::kExpectation) {
    for (const run::Verdict& verdict : run::judge(system, sink, stuck)) {
      if (!verdict.passed) text += fmt::format("{}: {}. ", verdict.expectation, verdict.reason);
    }
    return text;
  }
  if (outcome.fault == Fault::kStarvation)
    return run::find_starvation(system, held_back)->text + ".";
  if (outcome.fault == Fault::kNeverEnds) return never_ends_text(system);
  for (const run::Sleeper& sleeper : stuck.sleepers) {
    if (sleeper.parked) continue;
    text += fmt::format("{} (pid {}) sleeps in {} since t={} and waits for {}", sleeper.name,
                        sleeper.pid, sleeper.state, time_text(sleeper.since), sleeper.waits_for);
    if (!sleeper.where.empty()) text += fmt::format(" ({})", sleeper.where);
    if (sleeper.lost) {
      text += fmt::format(
          ". {} (pid {}) woke it at t={}, but found it awake, so that there was nothing to do; it "
          "looked at no condition after that and went to sleep",
          sleeper.lost->waker, sleeper.lost->waker_pid, time_text(sleeper.lost->time));
    }
    const bool can = std::ranges::any_of(
        sleeper.wakers, [](const run::Waker& waker) { return waker.fate == "can run"; });
    if (!can) text += ". Nobody is left to wake it";
    text += ". ";
  }
  return text;
}

namespace {

// A row for each statement that a thread of the scenario, or a worker in a work, begins.
class Table {
 public:
  Table(Subject& subject, Explanation& result) : subject_(subject), result_(result) {}

  void build() {
    const Recorder& recorder = subject_.recorder();
    const std::span<const Step> steps = recorder.steps();
    std::vector<bool> decides(steps.size());
    std::multimap<std::size_t, const Place*> held_back;  // by step; in the order of the schedule
    for (const Place& place : result_.places) {
      const std::size_t held = held_step(recorder, place.deviation);
      if (held == steps.size()) continue;
      decides[held] = true;
      held_back.emplace(held, &place);
      if (place.deviation.kind == Deviation::Kind::kAnswer) continue;
      const std::size_t first = awaited_step(recorder, held, place.time);
      if (first != steps.size()) decides[first] = true;
    }
    if (const auto& race = subject_.data_race())
      decides[race->first] = decides[race->second] = true;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const auto [begin, end] = held_back.equal_range(i);
      for (auto held = begin; held != end; ++held) note_stall(steps[i], *held->second);
      add_step(steps[i], decides[i]);
    }
    add_late_stores();
    std::ranges::stable_sort(result_.rows, {}, &Row::time);
  }

 private:
  void note_stall(const Step& held, const Place& place) {
    const Deviation& deviation = place.deviation;
    if (deviation.kind == Deviation::Kind::kAnswer) return;
    const bool late = deviation.kind == Deviation::Kind::kLate;
    result_.rows.push_back(
        {place.time, column_of(held),
         fmt::format("~ {} {}", late ? "interrupt late by" : "stalls", time_text(deviation.time)),
         true});
  }

  // Columns are threads, and the interrupts of each CPU with their softirqs.
  static std::int32_t key_of(const Step& step) {
    return step.arrival != 0 ? -1 - static_cast<std::int32_t>(step.cpu) : step.pid;
  }

  std::size_t column_of(const Step& step) {
    const auto [entry, added] = columns_.try_emplace(key_of(step), result_.columns.size());
    if (added) {
      const std::string who =
          step.arrival != 0 ? "interrupts" : thread_name(subject_.system(), step.pid);
      result_.columns.push_back(fmt::format("{}, CPU {}", who, step.cpu));
    }
    return entry->second;
  }

  void add_step(const Step& step, bool decides) {
    const std::int32_t key = key_of(step);
    if (step.at_start) {
      const std::string text = statement_text(subject_.scenario(), step.location);
      if (text.empty()) return;
      result_.rows.push_back({step.time, column_of(step), text, decides});
      last_[key] = {step.arrival, result_.rows.size() - 1};
      return;
    }
    if (!decides) return;
    const auto last = last_.find(key);
    const bool inside = last != last_.end() && last->second.arrival == step.arrival;
    const std::string text = inside ? "| inside " + result_.rows[last->second.row].text
                             : step.arrival != 0 ? "| in an interrupt"
                                                 : "| goes on";
    result_.rows.push_back({step.time, column_of(step), text, true});
  }

  // In front of what else happens at that moment: it was before that statement.
  void add_late_stores() {
    std::vector<Row> seen;
    for (const run::StoreBuffer::Seen& store : subject_.system().interpreter().seen_late()) {
      if (const auto column = columns_.find(store.pid); column != columns_.end()) {
        seen.push_back({store.time, column->second,
                        "~ others see: " + statement_text(subject_.scenario(), store.location), true});
      }
    }
    result_.rows.insert(result_.rows.begin(), seen.begin(), seen.end());
  }

  Subject& subject_;
  Explanation& result_;
  struct Last {
    std::uint32_t arrival = 0;
    std::size_t row = 0;
  };
  std::map<std::int32_t, std::size_t> columns_;
  std::map<std::int32_t, Last> last_;  // the statement of a column
};

// A run that does not end has more rows than anybody reads: those near its ends and near the steps
// that decide are enough.
std::vector<bool> shown_rows(const std::vector<Row>& rows) {
  constexpr std::size_t kMost = 200;
  constexpr std::size_t kNear = 20;
  std::vector<bool> shown(rows.size(), rows.size() <= kMost);
  for (std::size_t at = 0; at < rows.size(); ++at) {
    if (!rows[at].decides && at != 0 && at + 1 != rows.size()) continue;
    const std::size_t end = std::min(at + kNear, rows.size());
    for (std::size_t i = at - std::min(at, kNear); i < end; ++i) shown[i] = true;
  }
  return shown;
}

}  // namespace

std::string Explanation::table() const {
  std::vector<std::size_t> widths;
  for (const std::string& column : columns) widths.push_back(column.size());
  for (const Row& row : rows) widths[row.column] = std::max(widths[row.column], row.text.size());
  std::string text = fmt::format("{:>14}  ", "t");
  for (std::size_t i = 0; i < columns.size(); ++i)
    text += fmt::format("{:<{}}  ", columns[i], widths[i]);
  const auto end_line = [&text] {
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  };
  end_line();
  const std::vector<bool> shown = shown_rows(rows);
  std::size_t left_out = 0;
  for (std::size_t at = 0; at < rows.size(); ++at) {
    if (!shown[at]) {
      ++left_out;
      continue;
    }
    if (left_out != 0) text += fmt::format("{:>14}  ({} row{})\n", "...", left_out, left_out == 1 ? "" : "s");
    left_out = 0;
    const Row& row = rows[at];
    text += fmt::format("{} {:>12}  ", row.decides ? "*" : " ", time_text(row.time));
    for (std::size_t i = 0; i < columns.size(); ++i)
      text += fmt::format("{:<{}}  ", i == row.column ? row.text : "", widths[i]);
    end_line();
  }
  return text;
}

Explanation explain(Subject& subject, const Found& found) {
  Explanation result;
  const Outcome outcome = subject.run(found.schedule, true);
  result.places =
      places_of(subject.recorder(), subject.scenario(), subject.system(), found.schedule);
  result.why =
      subject.data_race()
          ? data_race_text(*subject.data_race(), subject.recorder(), subject.system())
          : why_text(subject.system(), subject.expectations(), outcome, held_back(found.schedule));
  Table(subject, result).build();
  return result;
}

}  // namespace kt::explore
