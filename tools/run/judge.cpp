// The verdicts on the expectations of a scenario.
#include <array>

#include "sim/error.hpp"
#include "tools/run/comparison.hpp"
#include "tools/run/expect.hpp"
#include "tools/run/freeze_failures.hpp"
#include "tools/run/judge_works.hpp"
#include "tools/run/starvation.hpp"
#include "tools/run/task_state.hpp"
#include "tools/run/time_text.hpp"

namespace kt::run {

using scenario::Expectation;
using scenario::Property;

namespace {

// In the order of Property.
constexpr std::array<std::string_view, 9> kProperties{
    "terminates",  "lost_wakeup", "deadlock",       "hung_task",     "workqueue_stall",
    "soft_lockup", "starvation",  "freeze_failure", "use_after_free"};

class Judge {
 public:
  Judge(System& system, const ExpectationSink& sink, const Stuck& stuck)
      : system_(system), sink_(sink), stuck_(stuck) {}

  Verdict judge(std::size_t index) const {
    const Expectation& expectation = system_.scenario().expect[index];
    Verdict verdict;
    verdict.where = system_.scenario().where(expectation.origin);
    verdict.expectation = in_words(expectation);
    verdict.reason = reason(index);
    verdict.passed = verdict.reason.empty();
    return verdict;
  }

  // Why the expectation failed; empty if it holds.
  [[nodiscard]] std::string reason(std::size_t index) const {
    const Expectation& expectation = system_.scenario().expect[index];
    switch (expectation.kind) {
      case Expectation::Kind::kNever:
        return never(expectation.property);
      case Expectation::Kind::kAlways:
        return terminates();
      case Expectation::Kind::kCount:
        return count(expectation, sink_.tally(index).count);
      case Expectation::Kind::kOrder:
        return order(expectation, sink_.tally(index).order);
      case Expectation::Kind::kLatency:
        return judge_latency(system_, expectation);
      case Expectation::Kind::kWorkers:
        return judge_workers(system_, expectation);
    }
    return {};
  }

 private:
  [[nodiscard]] std::string in_words(const Expectation& expectation) const {
    switch (expectation.kind) {
      case Expectation::Kind::kNever:
        return fmt::format("never {}", property(expectation));
      case Expectation::Kind::kAlways:
        return fmt::format("always {}", property(expectation));
      case Expectation::Kind::kCount:
        return count_in_words(expectation);
      case Expectation::Kind::kOrder:
        return order_in_words(expectation);
      case Expectation::Kind::kLatency:
        return latency_in_words(system_.scenario(), expectation);
      case Expectation::Kind::kWorkers:
        return workers_in_words(system_.scenario(), expectation);
    }
    return {};
  }

  static std::string_view property(const Expectation& expectation) {
    return kProperties[static_cast<std::size_t>(expectation.property)];
  }

  [[nodiscard]] std::string tripped(Watchdog::Alarm alarm) const {
    return system_.alarm() == alarm
               ? fmt::format("t={}: {}", time_text(system_.now()), system_.message())
               : std::string();
  }

  // Why the property was violated; empty if it was not. What needs models that a scenario cannot
  // use does not happen.
  [[nodiscard]] std::string never(Property property) const {
    switch (property) {
      case Property::kLostWakeup:
        return lost_wakeup();
      case Property::kDeadlock:
        return deadlock();
      case Property::kHungTask:
        return tripped(Watchdog::Alarm::kHungTask);
      case Property::kSoftLockup:
        return tripped(Watchdog::Alarm::kSoftLockup);
      case Property::kWorkqueueStall:
        return tripped(Watchdog::Alarm::kWorkqueueStall);
      case Property::kStarvation:
        return starvation();
      case Property::kFreezeFailure:
        return freeze_failure();
      default:
        return {};
    }
  }

  [[nodiscard]] std::string lost_wakeup() const {
    if (system_.nothing_since() == sim::kNever) return {};
    for (const Sleeper& sleeper : stuck_.sleepers) {
      if (!sleeper.lost) continue;
      return fmt::format("t={}: {} (pid {}) woke {} (pid {}), which was awake and slept from t={}",
                         time_text(sleeper.lost->time), sleeper.lost->waker,
                         sleeper.lost->waker_pid, sleeper.name, sleeper.pid,
                         time_text(sleeper.since));
    }
    return {};
  }

  [[nodiscard]] std::string deadlock() const {
    if (stuck_.cycles.empty()) return {};
    const CycleStep& step = stuck_.cycles.front().front();
    return fmt::format("{} (pid {}) waits for {}, in a cycle of {}", step.name, step.pid,
                       step.waits_for, stuck_.cycles.front().size());
  }

  // A wakeup that comes in time is not one.
  [[nodiscard]] std::string freeze_failure() const {
    for (const FreezeFailure& failure : system_.freeze_failures().all()) {
      if (failure.aborted) continue;
      return fmt::format("t={}: {}", time_text(failure.start + failure.elapsed),
                         failure.headline());
    }
    return {};
  }

  [[nodiscard]] std::string starvation() const {
    const auto starvation = find_starvation(system_, 0);
    return starvation ? starvation->text : std::string();
  }

  [[nodiscard]] std::string name(const Task& task) const {
    return std::string(system_.trace().names()[task.full_name]);
  }

  // Parked threads and kthread workers do not end by themselves.
  [[nodiscard]] std::string terminates() const {
    std::string unfinished;
    const auto& threads = system_.scenario().threads;
    for (std::size_t i = 0; i < threads.size(); ++i) {
      const Task* task = system_.interpreter().thread(static_cast<std::int32_t>(i));
      if (task == nullptr || has_exited(*task) || task->wait.kind == sched::WaitKind::kParked)
        continue;
      if (threads[i].kind != scenario::ThreadKind::kKthread &&
          threads[i].kind != scenario::ThreadKind::kTask)
        continue;
      unfinished +=
          fmt::format("{}{} (pid {}, {}, since t={})", unfinished.empty() ? "" : ", ", name(*task),
                      task->pid, state_letter(*task), time_text(since(*task)));
    }
    if (unfinished.empty()) return {};
    return fmt::format("t={}: not finished: {}", time_text(system_.now()), unfinished);
  }

  [[nodiscard]] Time since(const Task& task) const {
    return is_asleep(task) ? task.sleep_start : system_.now();
  }

  [[nodiscard]] std::string count_in_words(const Expectation& expectation) const {
    std::string of;
    if (expectation.work >= 0) {
      of = " of " + system_.scenario().works[static_cast<std::size_t>(expectation.work)].name;
    }
    if (expectation.thread >= 0) {
      const auto index = static_cast<std::size_t>(expectation.thread);
      of = " of " + system_.scenario().threads[index].name;
    }
    return fmt::format("count {}{} {} {}", expectation.text, of,
                       comparison_text(expectation.comparison), expectation.value);
  }

  // The first two and the last of a long one.
  static std::string order_in_words(const Expectation& expectation) {
    const std::vector<std::string>& texts = expectation.texts;
    if (texts.size() <= 4) return fmt::format("order: {}", fmt::join(texts, ", "));
    return fmt::format("order: {}, {}, ... {} more ..., {}", texts[0], texts[1], texts.size() - 3,
                       texts.back());
  }

  [[nodiscard]] std::string at(const ExpectationSink::Position& position) const {
    return fmt::format("t={}, CPU {}, {} (pid {})", time_text(position.time), position.cpu,
                       position.pid == 0 ? "<idle>" : system_.trace().names()[position.comm],
                       position.pid);
  }

  [[nodiscard]] std::string count(const Expectation& expectation,
                                  const ExpectationSink::Count& seen) const {
    if (holds(seen.count, expectation.comparison, expectation.value)) return {};
    if (seen.count == 0) return "it was never seen";
    return fmt::format("{} were seen, the last at {}", seen.count, at(seen.last));
  }

  [[nodiscard]] std::string order(const Expectation& expectation,
                                  const ExpectationSink::Order& seen) const {
    const std::size_t missing = seen.reached;
    if (missing == seen.entries.size()) return {};
    const ExpectationSink::Entry& entry = seen.entries[missing];
    std::string reason = fmt::format("\"{}\" was not seen", expectation.texts[missing]);
    if (missing > 0) {
      reason += fmt::format(" after \"{}\" ({})", expectation.texts[missing - 1],
                            at(seen.entries[missing - 1].position));
    }
    if (entry.early.time >= 0) reason += fmt::format(", only before: {}", at(entry.early));
    return reason;
  }

  System& system_;
  const ExpectationSink& sink_;
  const Stuck& stuck_;
};

}  // namespace

bool expectations_hold(System& system, const ExpectationSink& sink) {
  const Stuck nobody;
  const Judge judge(system, sink, nobody);
  for (std::size_t i = 0; i < system.scenario().expect.size(); ++i) {
    if (!judge.reason(i).empty()) return false;
  }
  return true;
}

std::vector<Verdict> judge(System& system, const ExpectationSink& sink, const Stuck& stuck) {
  const Judge judge(system, sink, stuck);
  std::vector<Verdict> verdicts;
  for (std::size_t i = 0; i < system.scenario().expect.size(); ++i) {
    verdicts.push_back(judge.judge(i));
  }
  return verdicts;
}

}  // namespace kt::run
