#include "tools/run/wakers.hpp"

#include "tools/run/task_state.hpp"
#include "tools/run/time_text.hpp"

namespace kt::run {

using scenario::Op;
using scenario::Scenario;
using scenario::Verb;
using sched::WaitKind;

namespace {

std::string fate_of(const Task* task) {
  if (task == nullptr) return "does not exist";
  if (has_exited(*task)) return "has exited";
  return is_asleep(*task) ? "sleeps too" : "can run";
}

// Whether a statement may end the sleep of anybody.
bool can_wake(Verb verb) {
  switch (verb) {
    case Verb::kWake:
    case Verb::kSignal:
    case Verb::kKthreadStop:
    case Verb::kKthreadUnpark:
    case Verb::kKthreadPark:
    case Verb::kComplete:
    case Verb::kCompleteAll:
    case Verb::kUnlock:
    case Verb::kParkme:
      return true;
    default:
      return verb >= Verb::kWakeUp && verb <= Verb::kWakeUpInterruptible;
  }
}

// What could end one sleep.
class Match {
 public:
  Match(System& system, const Task& sleeper, const std::map<const Task*, std::int32_t>& indices)
      : scenario_(system.scenario()), sleeper_(sleeper) {
    const sched::Wait& wait = sleeper.wait;
    object_ = system.trace().names()[wait.name];
    if (const auto own = indices.find(&sleeper); own != indices.end()) index_ = own->second;
    parks_ours_ = wait.kind == WaitKind::kKthreadPark && indices.contains(wait.on);
  }

  [[nodiscard]] bool operator()(const Op& op) const {
    return wakes_thread(op) || serves_object(op);
  }

 private:
  [[nodiscard]] bool wakes_thread(const Op& op) const {
    if (op.object != index_ || index_ < 0) return false;
    const bool interruptible = (sleeper_.state & sched::kTaskInterruptible) != 0;
    switch (op.verb) {
      case Verb::kWake:
        return (sleeper_.state & sched::kTaskNormal) != 0 && open_to_wake();
      case Verb::kSignal:
        return interruptible && !sleeper_.is_kthread();
      case Verb::kKthreadStop:
        return interruptible || sleeper_.wait.kind == WaitKind::kParked ||
               sleeper_.wait.kind == WaitKind::kKthreadCreate;
      case Verb::kKthreadUnpark:
        return sleeper_.wait.kind == WaitKind::kParked;
      case Verb::kKthreadPark:
        return interruptible;
      default:
        return false;
    }
  }

  // Sleeps whose loop goes back to sleep unless its own condition holds are not ended by a wakeup.
  [[nodiscard]] bool open_to_wake() const {
    switch (sleeper_.wait.kind) {
      case WaitKind::kSchedule:
      case WaitKind::kTimeout:
      case WaitKind::kNothing:
      case WaitKind::kWaitQueue:
      case WaitKind::kKthreadCreate:
        return true;
      default:
        return false;
    }
  }

  template <class Object>
  [[nodiscard]] bool is_object(const std::vector<Object>& objects, const Op& op) const {
    return op.object >= 0 && objects[static_cast<std::size_t>(op.object)].name == object_;
  }

  [[nodiscard]] bool serves_object(const Op& op) const {
    switch (sleeper_.wait.kind) {
      case WaitKind::kWaitQueue:
        return op.verb >= Verb::kWakeUp && op.verb <= Verb::kWakeUpInterruptible &&
               is_object(scenario_.waitqueues, op);
      case WaitKind::kCompletion:
        return (op.verb == Verb::kComplete || op.verb == Verb::kCompleteAll) &&
               is_object(scenario_.completions, op);
      case WaitKind::kMutex:
        return op.verb == Verb::kUnlock && is_object(scenario_.mutexes, op);
      case WaitKind::kKthreadStop:
        return false;  // the end of the other thread, whatever ends it
      case WaitKind::kKthreadPark:
        return op.verb == Verb::kParkme && parks_ours_;
      default:
        return false;
    }
  }

  const Scenario& scenario_;
  const Task& sleeper_;
  std::int32_t index_ = -1;  // in Scenario::threads; -1: it is not of the scenario
  std::string_view object_;
  bool parks_ours_ = false;  // it waits for a thread of the scenario to park
};

}  // namespace

Wakers::Wakers(System& system) : system_(system) {
  const Scenario& scenario = system.scenario();
  for (std::size_t i = 0; i < scenario.threads.size(); ++i) {
    const scenario::ThreadName& thread = scenario.threads[i];
    const auto index = static_cast<std::size_t>(thread.index);
    const Task* task = system.interpreter().thread(static_cast<std::int32_t>(i));
    if (task != nullptr) indices_[task] = static_cast<std::int32_t>(i);
    std::int32_t program = -1;
    if (thread.kind == scenario::ThreadKind::kKthread) program = scenario.kthreads[index].program;
    if (thread.kind == scenario::ThreadKind::kTask) program = scenario.tasks[index].program;
    if (program < 0) continue;
    add(program, {task, thread.name, fate_of(task)});
  }
  const std::string handler = "runs only if something starts it";
  for (const auto& timer : scenario.timers) {
    add(timer.program, {nullptr, "timer " + timer.name, handler});
  }
  for (const auto& timer : scenario.hrtimers) {
    add(timer.program, {nullptr, "hrtimer " + timer.name, handler});
  }
  for (const auto& work : scenario.kthread_works) {
    add(work.program, {nullptr, "kthread work " + work.name, handler});
  }
  for (const auto& event : scenario.events) {
    const bool passed = event.time <= system.now();
    add(event.program, {nullptr, fmt::format("the event at {}", time_text(event.time)),
                        passed ? "is past or waits" : "is still to come"});
  }
}

void Wakers::add(std::int32_t program, const Body& body) {
  for (const Op& op : system_.scenario().programs[static_cast<std::size_t>(program)].ops) {
    if (can_wake(op.verb)) statements_.push_back({body, &op});
  }
}

std::vector<Waker> Wakers::of(const Task& sleeper) const {
  const Match match(system_, sleeper, indices_);
  std::vector<Waker> wakers;
  for (const Statement& statement : statements_) {
    const auto& [body, op] = statement;
    if (body.task == &sleeper || !match(*op)) continue;  // its own it cannot get to
    wakers.push_back({system_.scenario().where(op->origin),
                      std::string(scenario::info(op->verb).name), body.who, body.fate});
  }
  return wakers;
}

}  // namespace kt::run
