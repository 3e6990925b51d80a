#include "tools/run/wakers.hpp"

#include "tools/run/task_state.hpp"
#include "tools/run/time_text.hpp"

namespace kt::run {

using scenario::Op;
using scenario::Scenario;
using scenario::Verb;
using sched::WaitKind;

namespace {

// A body and who runs it.
struct Body {
  std::string who;
  std::int32_t program = -1;
  std::string fate;
};

std::string fate_of(const Task* task) {
  if (task == nullptr) return "does not exist";
  if (has_exited(*task)) return "has exited";
  return is_asleep(*task) ? "sleeps too" : "can run";
}

std::vector<Body> bodies(System& system) {
  const Scenario& scenario = system.scenario();
  const Interpreter& interpreter = system.interpreter();
  std::vector<Body> list;
  for (std::size_t i = 0; i < scenario.threads.size(); ++i) {
    const scenario::ThreadName& thread = scenario.threads[i];
    const auto index = static_cast<std::size_t>(thread.index);
    std::int32_t program = -1;
    if (thread.kind == scenario::ThreadKind::kKthread) program = scenario.kthreads[index].program;
    if (thread.kind == scenario::ThreadKind::kTask) program = scenario.tasks[index].program;
    if (program < 0) continue;
    list.push_back(
        {thread.name, program, fate_of(interpreter.thread(static_cast<std::int32_t>(i)))});
  }
  const std::string handler = "runs only if something starts it";
  for (const auto& timer : scenario.timers) {
    list.push_back({"timer " + timer.name, timer.program, handler});
  }
  for (const auto& timer : scenario.hrtimers) {
    list.push_back({"hrtimer " + timer.name, timer.program, handler});
  }
  for (const auto& work : scenario.kthread_works) {
    list.push_back({"kthread work " + work.name, work.program, handler});
  }
  for (const auto& event : scenario.events) {
    const bool passed = event.time <= system.now();
    list.push_back({fmt::format("the event at {}", time_text(event.time)), event.program,
                    passed ? "is past or waits" : "is still to come"});
  }
  return list;
}

// What could end one sleep.
class Match {
 public:
  Match(System& system, const Task& sleeper, std::int32_t index)
      : scenario_(system.scenario()), sleeper_(sleeper), index_(index) {
    const sched::Wait& wait = sleeper.wait;
    object_ = system.trace().names()[wait.name];
    target_ = wait.on;
    for (std::size_t i = 0; i < scenario_.threads.size(); ++i) {
      if (target_ == system.interpreter().thread(static_cast<std::int32_t>(i)) &&
          target_ != nullptr) {
        target_index_ = static_cast<std::int32_t>(i);
      }
    }
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
        return op.verb == Verb::kParkme && target_index_ >= 0;
      default:
        return false;
    }
  }

  const Scenario& scenario_;
  const Task& sleeper_;
  std::int32_t index_;
  std::string_view object_;
  const Task* target_ = nullptr;
  std::int32_t target_index_ = -1;
};

}  // namespace

std::vector<Waker> find_wakers(System& system, const Task& sleeper, std::int32_t index) {
  const Scenario& scenario = system.scenario();
  const Match match(system, sleeper, index);
  std::vector<Waker> wakers;
  for (const Body& body : bodies(system)) {
    for (const Op& op : scenario.programs[static_cast<std::size_t>(body.program)].ops) {
      if (!match(op)) continue;
      wakers.push_back({scenario.where(op.origin), std::string(scenario::info(op.verb).name),
                        body.who, body.fate});
    }
  }
  return wakers;
}

}  // namespace kt::run
