// Statements on wait queues, completions, mutexes, spinlocks and local exclusion.
#include "sim/error.hpp"
#include "tools/run/frame.hpp"

namespace kt::run {

using scenario::Op;
using scenario::Verb;

Co<> Interpreter::execute_locking(Frame& frame, const Op& op) {
  const auto object = static_cast<std::size_t>(op.object);
  Task& self = frame.self;
  switch (op.verb) {
    case Verb::kPrepareToWait:
      return prepare_to_wait(frame, op);
    case Verb::kFinishWait:
      return finish_wait(frame, op);
    case Verb::kWakeUp:
      return wake_up(op, sched::kTaskNormal, 1);
    case Verb::kWakeUpAll:
      return wake_up(op, sched::kTaskNormal, 0);
    case Verb::kWakeUpInterruptible:
      return wake_up(op, sched::kTaskInterruptible, 1);
    case Verb::kWaitEvent:
    case Verb::kWaitEventTimeout:
      return wait_event(frame, op, sched::kTaskUninterruptible);
    case Verb::kWaitEventInterruptible:
      return wait_event(frame, op, sched::kTaskInterruptible);
    case Verb::kWaitEventFreezable:
      return wait_event(frame, op, sched::kTaskInterruptible | sched::kTaskFreezable);
    case Verb::kComplete:
      return models_.completions.complete(completions_[object]);
    case Verb::kCompleteAll:
      return models_.completions.complete_all(completions_[object]);
    case Verb::kWaitForCompletion:
      return wait_for_completion(op);
    case Verb::kLock:
      return models_.mutexes.lock(mutexes_[object]);
    case Verb::kUnlock:
      return models_.mutexes.unlock(mutexes_[object]);
    case Verb::kSpinLock:
      return models_.spinlocks.spin_lock(spinlocks_[object]);
    case Verb::kSpinUnlock:
      if (unlock_waits(self, spinlocks_[object], op)) return {};
      return models_.spinlocks.spin_unlock(spinlocks_[object]);
    case Verb::kSpinLockIrqsave:
      return models_.spinlocks.spin_lock_irqsave(spinlocks_[object]);
    case Verb::kSpinUnlockIrqrestore:
      if (unlock_waits(self, spinlocks_[object], op)) return {};
      return models_.spinlocks.spin_unlock_irqrestore(spinlocks_[object]);
    case Verb::kLocalIrqDisable:
      self.cpu->local_irq_disable();
      return {};
    case Verb::kLocalIrqEnable:
      self.cpu->local_irq_enable();
      return {};
    case Verb::kPreemptDisable:
      models_.scheduler.preempt_disable();
      return {};
    case Verb::kPreemptEnable:
      return preempt_enable(self, op);
    default:
      return execute_kthread(frame, op);
  }
}

Co<> Interpreter::preempt_enable(Task& self, const Op& op) {
  if ((self.preempt_count & cpu::kPreemptMask) == 0) defect(op, "preempt_enable without disable");
  co_await models_.scheduler.preempt_enable();
}

Co<> Interpreter::prepare_to_wait(Frame& frame, const Op& op) {
  Frame::Waiting* waiting = frame.find(op.object);
  if (waiting == nullptr) {
    auto added = std::make_unique<Frame::Waiting>();
    added->queue = op.object;
    added->next = std::move(frame.first);
    frame.first = std::move(added);
    waiting = frame.first.get();
  }
  co_await models_.waits.prepare_to_wait(waitqueues_[static_cast<std::size_t>(op.object)],
                                         waiting->entry, static_cast<std::uint32_t>(op.number),
                                         op.flag);
}

Co<> Interpreter::finish_wait(Frame& frame, const Op& op) {
  Frame::Waiting* waiting = frame.find(op.object);
  if (waiting == nullptr) defect(op, "finish_wait without prepare_to_wait");
  co_await models_.waits.finish_wait(waitqueues_[static_cast<std::size_t>(op.object)],
                                     waiting->entry);
}

Co<> Interpreter::wake_up(const Op& op, std::uint32_t mask, int nr_exclusive) {
  const int woken = co_await models_.waits.wake_up(waitqueues_[static_cast<std::size_t>(op.object)],
                                                   mask, nr_exclusive);
  returned(op, scenario_.waitqueues[static_cast<std::size_t>(op.object)].name, woken);
}

struct Interpreter::Until {
  Interpreter* interpreter;
  Task* self;
  std::int32_t expression;
};

bool Interpreter::until_true(const void* object) {
  const Until& until = *static_cast<const Until*>(object);
  return until.interpreter->evaluate(*until.self, until.expression) != 0;
}

Co<> Interpreter::wait_event(Frame& frame, const Op& op, std::uint32_t state) {
  const Until until{this, &frame.self, op.expression};
  const timers::Jiffies timeout = op.time == sim::kNever ? timers::kMaxScheduleTimeout
                                                         : models_.timers.ticks().from_time(op.time);
  const std::int64_t result = co_await models_.waits.wait_event(
      waitqueues_[static_cast<std::size_t>(op.object)], {&until_true, &until}, state, op.flag,
      timeout);
  if (result == -locking::kErestartsys && frame.self.is_user() && !frame.self.fatal_signal) {
    --frame.at;  // the freezer's signal: the system call is made again once it has been seen to
    co_return;
  }
  returned(op, scenario_.waitqueues[static_cast<std::size_t>(op.object)].name, result);
}

Co<> Interpreter::wait_for_completion(const Op& op) {
  locking::Completion& completion = completions_[static_cast<std::size_t>(op.object)];
  const timers::Jiffies timeout = op.time == sim::kNever ? timers::kMaxScheduleTimeout
                                                         : models_.timers.ticks().from_time(op.time);
  const std::int64_t left = co_await models_.completions.wait_for_completion(
      completion, sched::kTaskUninterruptible, timeout,
      {sched::WaitKind::kCompletion, completion.name, nullptr});
  if (op.time != sim::kNever) {
    returned(op, scenario_.completions[static_cast<std::size_t>(op.object)].name, left);
  }
}

}  // namespace kt::run
