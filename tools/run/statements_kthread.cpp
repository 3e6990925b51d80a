// Statements on kernel threads, policy, affinity and timers.
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
    case Verb::kTryToFreeze:  // nothing freezes: suspend is refused
      return {};
    case Verb::kSetFreezable:
      frame.self.flags &= ~static_cast<std::uint32_t>(sched::kPfNofreeze);
      return {};
    case Verb::kSchedSetscheduler:
      return sched_setscheduler(op);
    case Verb::kSetCpusAllowed:
      return set_cpus_allowed(op);
    case Verb::kSetUserNice:
      return models_.scheduler.set_user_nice(existing(op.object, op), op.nice);
    case Verb::kModTimer:
      return mod_timer(op);
    case Verb::kDelTimer:
      return del_timer(op, false);
    case Verb::kDelTimerSync:
      return del_timer(op, true);
    case Verb::kStartHrtimer:
      return start_hrtimer(op);
    default:
      return op.verb >= Verb::kQueueWork && op.verb <= Verb::kFreeWork
                 ? execute_workqueue(op)
                 : execute_worker(op);
  }
}

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
  if (spec.freezable) task.flags &= ~static_cast<std::uint32_t>(sched::kPfNofreeze);
  co_return created;
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

void Interpreter::make_timers() {
  constexpr std::uint64_t kAddress = 0xffffffffc0400000;  // as in a module's data
  std::uint64_t address = kAddress;
  for (std::size_t i = 0; i < scenario_.timers.size(); ++i, address += 0x80) {
    const scenario::Timer& spec = scenario_.timers[i];
    auto& timer = *timers_.emplace_back(std::make_unique<ScenarioTimer>());
    timer.body = {this, spec.program};
    timer.timer.function = &timer_body;
    timer.timer.object = &timer.body;
    timer.timer.function_name = intern(spec.name);
    timer.timer.address = address;
    timer.timer.flags = static_cast<std::uint8_t>(
        (spec.pinned ? timers::kTimerPinned : 0) | (spec.deferrable ? timers::kTimerDeferrable : 0));
  }
  for (std::size_t i = 0; i < scenario_.hrtimers.size(); ++i, address += 0x80) {
    const scenario::Hrtimer& spec = scenario_.hrtimers[i];
    auto& timer = *hrtimers_.emplace_back(std::make_unique<ScenarioHrtimer>());
    timer.body = {this, static_cast<std::int32_t>(i)};
    timer.timer.function = &hrtimer_body;
    timer.timer.object = &timer.body;
    timer.timer.function_name = intern(spec.name);
    timer.timer.address = address;
    timer.timer.pinned = spec.pinned;
  }
}

// Handlers run as whatever task the interrupt hit, as in the kernel.
Co<> Interpreter::timer_body(timers::Timers&, timers::KernelTimer& timer) {
  const Body& body = *static_cast<Body*>(timer.object);
  co_await body.interpreter->run_handler(body.index);
}

Co<bool> Interpreter::hrtimer_body(timers::Timers&, timers::KernelHrtimer& timer, cpu::Cpu& cpu) {
  const Body& body = *static_cast<Body*>(timer.object);
  const scenario::Hrtimer& spec =
      body.interpreter->scenario_.hrtimers[static_cast<std::size_t>(body.index)];
  co_await body.interpreter->run_handler(spec.program);
  if (spec.period == 0) co_return false;
  timers::hrtimer_forward(timer, cpu.now(), spec.period);
  co_return true;
}

Co<> Interpreter::run_handler(std::int32_t program) {
  Task& current = models_.scheduler.current();
  const std::uint32_t location = current.location;
  co_await run_body(current, program);
  current.location = location;
}

Co<> Interpreter::mod_timer(const Op& op) {
  ScenarioTimer& timer = *timers_[static_cast<std::size_t>(op.object)];
  const timers::Jiffies delay = models_.timers.ticks().from_time(op.time);
  const bool was_pending =
      co_await models_.timers.mod_timer(timer.timer, models_.timers.jiffies() + delay);
  returned(op, scenario_.timers[static_cast<std::size_t>(op.object)].name, was_pending ? 1 : 0);
}

Co<> Interpreter::del_timer(const Op& op, bool sync) {
  ScenarioTimer& timer = *timers_[static_cast<std::size_t>(op.object)];
  const bool was_pending = sync ? co_await models_.timers.del_timer_sync(timer.timer)
                                : models_.timers.del_timer(timer.timer);
  returned(op, scenario_.timers[static_cast<std::size_t>(op.object)].name, was_pending ? 1 : 0);
}

Co<> Interpreter::start_hrtimer(const Op& op) {
  ScenarioHrtimer& timer = *hrtimers_[static_cast<std::size_t>(op.object)];
  co_await models_.machine.run(models_.machine.costs().hrtimer_start);
  models_.timers.hrtimer_start(timer.timer, models_.machine.now() + op.time, 0);
}

}  // namespace kt::run
