// Statements on kthread workers and their works.
#include <algorithm>

#include "sim/error.hpp"
#include "tools/run/interpreter.hpp"
#include "tools/run/work_instance.hpp"

namespace kt::run {

using kthread::KthreadDelayedWork;
using kthread::KthreadWorker;
using scenario::Op;
using scenario::Verb;

namespace {

// Workers are tokens of their own, as a slab would place them.
constexpr std::uint64_t kWorkerAddress = 0xffff888003000000;
constexpr std::uint64_t kWorkerStride = 128;

}  // namespace

void Interpreter::make_works() {
  workers_.resize(scenario_.kthread_workers.size());
  works_.resize(scenario_.kthread_works.size());
  for (std::size_t i = 0; i < works_.size(); ++i) {
    const scenario::KthreadWork& spec = scenario_.kthread_works[i];
    works_[i].body = {this, spec.program};
    for (std::int32_t instance = 0; instance < spec.count; ++instance) {
      auto& work = *works_[i].instances.emplace_back(std::make_unique<KthreadDelayedWork>());
      models_.workers.kthread_init_delayed_work(
          work, &work_body, spec.name,
          work_address(scenario_.works.size() + i, static_cast<std::uint64_t>(instance)));
      work.object = &works_[i].body;
    }
  }
}

Co<> Interpreter::create_kthread_worker(std::int32_t index) {
  const scenario::KthreadWorker& spec = scenario_.kthread_workers[static_cast<std::size_t>(index)];
  const std::uint64_t address = kWorkerAddress + static_cast<std::uint64_t>(index) * kWorkerStride;
  const unsigned flags = spec.freezable ? kthread::kKtwFreezable : 0;
  kthread::CreatedWorker created;
  if (spec.cpu >= 0) {
    created = co_await models_.workers.kthread_create_worker_on_cpu(spec.cpu, flags, spec.name,
                                                                    address);
  } else {
    created = co_await models_.workers.kthread_create_worker(flags, spec.name, address);
  }
  if (created.worker == nullptr) co_return;
  workers_[static_cast<std::size_t>(index)] = created.worker;
  const auto first = scenario_.kthreads.size() + scenario_.tasks.size();
  set_thread(static_cast<std::int32_t>(first) + index, *created.worker->task);
  const scenario::Scheduling& scheduling = spec.scheduling;
  if (scheduling.policy != scenario::Policy::kNormal || scheduling.nice != 0) {
    co_await models_.scheduler.sched_setscheduler(*created.worker->task,
                                                  policy_of(scheduling.policy),
                                                  scheduling.priority, scheduling.nice);
  }
}

Co<> Interpreter::work_body(kthread::KthreadWorkers&, kthread::KthreadWork& work) {
  const Body& body = *static_cast<const Body*>(work.object);
  co_await body.interpreter->run_handler(body.index);
}

std::int64_t Interpreter::work_pending(std::int64_t argument) const {
  const ScenarioWork& work = works_[static_cast<std::size_t>(scenario::pending_work(argument))];
  const std::int32_t instance = scenario::pending_instance(argument);
  const KthreadDelayedWork& pending = *work.instances[static_cast<std::size_t>(std::max(instance, 0))];
  if (pending.worker != nullptr)  // what its lock protects
    models_.machine.touch(&pending.worker->lock, cpu::Access::kRead);
  return pending.list != nullptr || pending.timer.pending() ? 1 : 0;
}

KthreadWorker& Interpreter::worker(const Op& op, std::int32_t index) const {
  KthreadWorker* found = workers_[static_cast<std::size_t>(index)];
  const std::string& name = scenario_.kthread_workers[static_cast<std::size_t>(index)].name;
  if (found == nullptr) defect(op, fmt::format("kthread worker {} does not exist yet", name));
  if (found->destroyed) defect(op, fmt::format("kthread worker {} has been destroyed", name));
  return *found;
}

// The instance that a statement names; for the bare name the next one that is not pending.
KthreadDelayedWork& Interpreter::work_of(const Op& op) {
  ScenarioWork& work = works_[static_cast<std::size_t>(op.object)];
  if (op.instance >= 0) return *work.instances[static_cast<std::size_t>(op.instance)];
  return next_instance(work,
                       [](const KthreadDelayedWork& candidate) { return candidate.list != nullptr; });
}

Co<> Interpreter::execute_worker(const Op& op) {
  switch (op.verb) {
    case Verb::kKthreadQueueWork:
      return queue_work(op);
    case Verb::kKthreadQueueDelayedWork:
    case Verb::kKthreadModDelayedWork:
      return queue_delayed_work(op);
    case Verb::kKthreadFlushWork:
      return models_.workers.kthread_flush_work(work_of(op));
    case Verb::kKthreadCancelWorkSync:
      return cancel_work(op);
    case Verb::kKthreadFlushWorker:
      return models_.workers.kthread_flush_worker(worker(op, op.object));
    case Verb::kKthreadDestroyWorker:
      return models_.workers.kthread_destroy_worker(worker(op, op.object));
    default:
      return op.verb >= Verb::kSuspend && op.verb <= Verb::kPmSystemWakeup ? execute_power(op)
                                                                           : execute_memory(op);
  }
}

Co<> Interpreter::queue_work(const Op& op) {
  const scenario::KthreadWork& spec = scenario_.kthread_works[static_cast<std::size_t>(op.object)];
  KthreadWorker& target = worker(op, spec.worker);
  const bool queued = co_await models_.workers.kthread_queue_work(target, work_of(op));
  returned(op, spec.name, queued ? 1 : 0);
}

Co<> Interpreter::queue_delayed_work(const Op& op) {
  const scenario::KthreadWork& spec = scenario_.kthread_works[static_cast<std::size_t>(op.object)];
  KthreadWorker& target = worker(op, spec.worker);
  const timers::Jiffies delay = models_.timers.ticks().from_time(op.time);
  bool result = false;
  if (op.verb == Verb::kKthreadQueueDelayedWork) {
    result = co_await models_.workers.kthread_queue_delayed_work(target, work_of(op), delay);
  } else {
    result = co_await models_.workers.kthread_mod_delayed_work(target, work_of(op), delay);
  }
  returned(op, spec.name, result ? 1 : 0);
}

Co<> Interpreter::cancel_work(const Op& op) {
  const scenario::KthreadWork& spec = scenario_.kthread_works[static_cast<std::size_t>(op.object)];
  KthreadDelayedWork& work = work_of(op);
  bool pending = false;
  if (spec.delayed) {
    pending = co_await models_.workers.kthread_cancel_delayed_work_sync(work);
  } else {
    pending = co_await models_.workers.kthread_cancel_work_sync(work);
  }
  returned(op, spec.name, pending ? 1 : 0);
}

}  // namespace kt::run
