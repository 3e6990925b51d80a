// Statements on kernel threads, policy and affinity.
#include <cerrno>

#include "sim/error.hpp"
#include "tools/run/frame.hpp"

namespace kt::run {

using kthread::Created;
using scenario::Op;
using scenario::Verb;

sched::Policy policy_of(scenario::Policy policy) {
  switch (policy) {
    case scenario::Policy::kNormal:
      return sched::Policy::kNormal;
    case scenario::Policy::kFifo:
      return sched::Policy::kFifo;
    case scenario::Policy::kRr:
      return sched::Policy::kRr;
    case scenario::Policy::kBatch:
      return sched::Policy::kBatch;
    case scenario::Policy::kIdle:
      return sched::Policy::kIdle;
  }
  return sched::Policy::kNormal;
}

cpu::CpuMask mask_of(const scenario::CpuList& cpus, int nr_cpus) {
  if (cpus.empty()) return cpu::CpuMask::all(nr_cpus);
  cpu::CpuMask mask(nr_cpus);
  for (int cpu : cpus) mask.set(cpu);
  return mask;
}

Co<> Interpreter::execute_kthread(Frame& frame, const Op& op) {
  switch (op.verb) {
    case Verb::kKthreadCreate:
      return kthread_create(op, false);
    case Verb::kKthreadRun:
      return kthread_create(op, true);
    case Verb::kKthreadStop:
      return kthread_stop(op);
    case Verb::kKthreadPark:
      return kthread_park(op);
    case Verb::kKthreadUnpark:
      return models_.kthreads.kthread_unpark(existing(op.object, op));
    case Verb::kKthreadBind:
      return kthread_bind(op);
    case Verb::kParkme:
      return models_.kthreads.kthread_parkme();
    case Verb::kTryToFreeze:
      return try_to_freeze();
    case Verb::kSetFreezable:
      return set_freezable();
    case Verb::kSchedSetscheduler:
      return sched_setscheduler(op);
    case Verb::kSetCpusAllowed:
      return set_cpus_allowed(op);
    case Verb::kSetUserNice:
      return models_.scheduler.set_user_nice(existing(op.object, op), op.nice);
    case Verb::kCpuDown:
    case Verb::kCpuUp:
    case Verb::kCpusReadLock:
    case Verb::kCpusReadUnlock:
      return execute_hotplug(op);
    default:
      return op.verb >= Verb::kQueueWork && op.verb <= Verb::kFreeWork
                 ? execute_workqueue(op)
                 : execute_softirq(frame, op);
  }
}

Co<> Interpreter::try_to_freeze() { co_await models_.kthreads.try_to_freeze(); }

Co<> Interpreter::set_freezable() { co_await models_.kthreads.set_freezable(); }

Co<Created> Interpreter::create_kthread(std::int32_t index) {
  const scenario::Kthread& spec = scenario_.kthreads[static_cast<std::size_t>(index)];
  void* body = &kthread_bodies_[static_cast<std::size_t>(index)];
  const Created created = co_await models_.kthreads.kthread_create(spec.name, &kthread_body, body);
  if (created.task == nullptr) co_return created;
  Task& task = *created.task;
  set_thread(index, task);
  if (spec.cpu >= 0) {
    co_await models_.kthreads.kthread_bind(task, spec.cpu);
    task.kthread->cpu = spec.cpu;
  } else if (!spec.cpus.empty()) {
    co_await models_.scheduler.set_cpus_allowed(task,
                                                mask_of(spec.cpus, models_.machine.nr_cpus()));
  }
  const scenario::Scheduling& scheduling = spec.scheduling;
  models_.scheduler.init_policy(task, policy_of(scheduling.policy), scheduling.priority,
                                scheduling.nice);
  co_return created;
}

void Interpreter::kthread_before_start(std::int32_t index) {
  const scenario::Kthread& spec = scenario_.kthreads[static_cast<std::size_t>(index)];
  Task& task = models_.kthreads.created_thread(spec.name, &kthread_body,
                                               &kthread_bodies_[static_cast<std::size_t>(index)]);
  set_thread(index, task);
  const scenario::CpuList cpus = spec.cpu >= 0 ? scenario::CpuList{spec.cpu} : spec.cpus;
  models_.scheduler.set_cpus_mask(task, mask_of(cpus, models_.machine.nr_cpus()));
  task.cpu = &models_.machine.cpu(task.cpus_ptr->first());
  task.wake_cpu = task.recent_used_cpu = task.cpu->id();
  if (spec.cpu >= 0) {
    task.kthread->cpu = spec.cpu;
    task.flags |= sched::kPfNoSetaffinity;
  }
  const scenario::Scheduling& scheduling = spec.scheduling;
  models_.scheduler.init_policy(task, policy_of(scheduling.policy), scheduling.priority,
                                scheduling.nice);
  if (spec.freezable) task.flags &= ~static_cast<std::uint32_t>(sched::kPfNofreeze);
}

Co<> Interpreter::kthread_create(const Op& op, bool run) {
  const scenario::ThreadName& name = scenario_.threads[static_cast<std::size_t>(op.object)];
  const Task* old = thread(op.object);
  if (old != nullptr && (old->flags & sched::kPfExiting) == 0) {
    defect(op, fmt::format("thread {} exists already", name.name));
  }
  const Created created = co_await create_kthread(name.index);
  returned(op, name.name, created.error);
  if (run && created.task != nullptr) co_await models_.scheduler.wake_up_process(*created.task);
}

Co<> Interpreter::kthread_stop(const Op& op) {
  Task& target = existing(op.object, op);
  const int result = co_await models_.kthreads.kthread_stop(target);
  returned(op, target, result);
}

Co<> Interpreter::kthread_park(const Op& op) {
  Task& target = existing(op.object, op);
  const int result = co_await models_.kthreads.kthread_park(target);
  returned(op, target, result);
}

Co<> Interpreter::kthread_bind(const Op& op) {
  Task& target = existing(op.object, op);
  const bool bound = co_await models_.kthreads.kthread_bind(target, op.cpu);
  if (!bound) defect(op, fmt::format("{} runs already: kthread_bind has no effect",
                                     scenario_.threads[static_cast<std::size_t>(op.object)].name));
}

Co<> Interpreter::sched_setscheduler(const Op& op) {
  Task& target = existing(op.object, op);
  const int nice = op.nice == scenario::kNiceUnchanged ? target.nice() : op.nice;
  co_await models_.scheduler.sched_setscheduler(target,
                                                policy_of(static_cast<scenario::Policy>(op.choice)),
                                                static_cast<int>(op.number), nice, op.time);
}

Co<> Interpreter::set_cpus_allowed(const Op& op) {
  Task& target = existing(op.object, op);
  const scenario::CpuList& cpus = scenario_.cpu_sets[static_cast<std::size_t>(op.cpus)];
  const int result = co_await models_.scheduler.set_cpus_allowed(
      target, mask_of(cpus, models_.machine.nr_cpus()));
  returned(op, target, result);
}

}  // namespace kt::run
