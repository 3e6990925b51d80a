// Statements on workqueues and their works, and the objects that a scenario declares of them.
#include <algorithm>
#include <cerrno>

#include "sim/error.hpp"
#include "tools/run/interpreter.hpp"
#include "tools/run/work_instance.hpp"

namespace kt::run {

using scenario::Op;
using scenario::Verb;
using workqueue::DelayedWork;
using workqueue::Workqueue;
using workqueue::Workqueues;

namespace {

std::uint32_t flags_of(const scenario::Workqueue& spec) {
  const scenario::WorkqueueFlags& f = spec.flags;
  const auto bit = [](bool set, std::uint32_t flag) { return set ? flag : 0U; };
  return bit(f.unbound, workqueue::kWqUnbound) | bit(f.freezable, workqueue::kWqFreezable) |
         bit(f.mem_reclaim, workqueue::kWqMemReclaim) | bit(f.highpri, workqueue::kWqHighpri) |
         bit(f.cpu_intensive, workqueue::kWqCpuIntensive) | bit(f.sysfs, workqueue::kWqSysfs) |
         bit(f.power_efficient, workqueue::kWqPowerEfficient) | bit(f.bh, workqueue::kWqBh) |
         bit(spec.ordered, workqueue::kWqOrdered);
}

workqueue::AffnScope scope_of(scenario::AffinityScope scope) {
  static_assert(static_cast<int>(scenario::AffinityScope::kSystem) ==
                static_cast<int>(workqueue::AffnScope::kSystem));
  return static_cast<workqueue::AffnScope>(scope);
}

workqueue::AttrsChange attrs_of(const scenario::Workqueue& spec, int nr_cpus) {
  workqueue::AttrsChange change;
  if (spec.nice != scenario::kNiceUnchanged) change.nice = spec.nice;
  if (!spec.cpus.empty()) change.cpus = mask_of(spec.cpus, nr_cpus);
  change.affn_scope = scope_of(spec.affinity_scope);
  change.affn_strict = spec.affinity_strict;
  return change;
}

}  // namespace

void Interpreter::make_workqueues() {
  Workqueues& workqueues = models_.workqueues;
  workqueue_stats_.resize(scenario_.workqueues.size());
  for (std::size_t i = 0; i < scenario_.workqueues.size(); ++i) {
    const scenario::Workqueue& spec = scenario_.workqueues[i];
    Workqueue* wq = nullptr;
    if (spec.system) {
      wq = workqueues.find_workqueue(spec.name);
      KT_ASSERT(wq != nullptr, "no system workqueue {}", spec.name);
    } else if (!spec.absent) {
      wq = &workqueues.boot_workqueue(spec.name, flags_of(spec), spec.max_active,
                                      attrs_of(spec, scenario_.machine.cpus));
    }
    if (wq != nullptr) wq->stats = &workqueue_stats_[i];
    workqueues_.push_back(wq);
  }
  queued_works_.resize(scenario_.works.size());
  for (std::size_t i = 0; i < queued_works_.size(); ++i) {
    const scenario::Work& spec = scenario_.works[i];
    QueuedWork& declared = queued_works_[i];
    declared.body = {this, spec.program};
    for (std::int32_t instance = 0; instance < spec.count; ++instance) {
      DelayedWork& work = *declared.instances.emplace_back(std::make_unique<DelayedWork>());
      work.object = &declared.body;
      work.stats = &declared.stats;
      work.address = work_address(i, static_cast<std::uint64_t>(instance));
      work.function_name = intern(spec.name);
      if (spec.init) init_work(i, static_cast<std::size_t>(instance));
    }
  }
}

void Interpreter::init_work(std::size_t declared, std::size_t instance) {
  const scenario::Work& spec = scenario_.works[declared];
  DelayedWork& work = *queued_works_[declared].instances[instance];
  if (spec.delayed) {
    models_.workqueues.init_delayed_work(work, &queued_work_body, spec.name, work.address);
  } else {
    models_.workqueues.init_work(work, &queued_work_body, spec.name, work.address);
  }
}

void Interpreter::reinit_work(const Op& op) {
  const auto instance = static_cast<std::size_t>(std::max(op.instance, 0));
  models_.workqueues.check_unused(queued_work_of(op), "INIT_WORK()");
  init_work(static_cast<std::size_t>(op.object), instance);
}

Workqueue& Interpreter::workqueue_at(std::int32_t index, const Op& op) const {
  Workqueue* wq = workqueues_[static_cast<std::size_t>(index)];
  if (wq == nullptr) {
    defect(op, fmt::format("workqueue {} does not exist",
                           scenario_.workqueues[static_cast<std::size_t>(index)].name));
  }
  return *wq;
}

Co<> Interpreter::alloc_workqueue(const Op& op) {
  const auto index = static_cast<std::size_t>(op.object);
  const scenario::Workqueue& spec = scenario_.workqueues[index];
  if (workqueues_[index] != nullptr && !workqueues_[index]->destroyed) {
    defect(op, fmt::format("workqueue {} exists already", spec.name));
  }
  Workqueue* wq = co_await models_.workqueues.alloc_workqueue(
      spec.name, flags_of(spec), spec.max_active, attrs_of(spec, scenario_.machine.cpus));
  workqueues_[index] = wq;
  if (wq != nullptr) wq->stats = &workqueue_stats_[index];
  returned(op, spec.name, wq != nullptr ? 0 : -ENOMEM);
}

Co<> Interpreter::set_workqueue_attrs(const Op& op) {
  workqueue::AttrsChange change;
  if (op.nice != scenario::kNiceUnchanged) change.nice = op.nice;
  if (op.cpus >= 0) {
    change.cpus = mask_of(scenario_.cpu_sets[static_cast<std::size_t>(op.cpus)],
                          scenario_.machine.cpus);
  }
  const auto scope = static_cast<scenario::AffinityScope>(op.choice);
  if (scope != scenario::AffinityScope::kUnchanged) change.affn_scope = scope_of(scope);
  if (op.strict >= 0) change.affn_strict = op.strict != 0;
  Workqueue& wq = workqueue_at(op.object, op);
  const int result = co_await models_.workqueues.apply_workqueue_attrs(wq, change);
  returned(op, wq.name, result);
}

Co<> Interpreter::set_unbound_cpumask(const Op& op) {
  const cpu::CpuMask mask =
      mask_of(scenario_.cpu_sets[static_cast<std::size_t>(op.cpus)], scenario_.machine.cpus);
  const int result = co_await models_.workqueues.workqueue_set_unbound_cpumask(mask);
  returned(op, "cpumask", result);
}

Co<> Interpreter::queued_work_body(Workqueues&, workqueue::Work& work) {
  const Body& body = *static_cast<const Body*>(work.object);
  return body.interpreter->run_handler(body.index);
}

std::int64_t Interpreter::queued_work_pending(std::int64_t argument) const {
  const QueuedWork& work = queued_works_[static_cast<std::size_t>(scenario::pending_work(argument))];
  const std::int32_t instance = std::max(scenario::pending_instance(argument), 0);
  const workqueue::Work& pending = *work.instances[static_cast<std::size_t>(instance)];
  models_.machine.touch(&pending, cpu::Access::kRead);
  return Workqueues::work_pending(pending) ? 1 : 0;
}

// The instance that a statement names; for the bare name the next one that is not pending.
DelayedWork& Interpreter::queued_work_of(const Op& op) {
  QueuedWork& work = queued_works_[static_cast<std::size_t>(op.object)];
  if (op.instance >= 0) return *work.instances[static_cast<std::size_t>(op.instance)];
  return next_instance(work, [](const DelayedWork& candidate) { return candidate.pending; });
}

Workqueue& Interpreter::workqueue_of(const Op& op) const {
  const scenario::Work& spec = scenario_.works[static_cast<std::size_t>(op.object)];
  return workqueue_at(spec.workqueue, op);
}

Co<> Interpreter::execute_workqueue(const Op& op) {
  Workqueues& workqueues = models_.workqueues;
  switch (op.verb) {
    case Verb::kQueueWork:
      return queue_work_on(op);
    case Verb::kQueueDelayedWork:
    case Verb::kModDelayedWork:
      return queue_delayed_work_on(op);
    case Verb::kFlushWork:
      return returned_by(op, workqueues.flush_work(queued_work_of(op)));
    case Verb::kFlushDelayedWork:
      return returned_by(op, workqueues.flush_delayed_work(queued_work_of(op)));
    case Verb::kCancelWork:
    case Verb::kCancelDelayedWork:
      return returned_by(op, workqueues.cancel_work(queued_work_of(op)));
    case Verb::kCancelWorkSync:
    case Verb::kCancelDelayedWorkSync:
      return returned_by(op, workqueues.cancel_work_sync(queued_work_of(op)));
    case Verb::kDisableWork:
      return returned_by(op, workqueues.disable_work(queued_work_of(op)));
    case Verb::kDisableWorkSync:
      return returned_by(op, workqueues.disable_work_sync(queued_work_of(op)));
    case Verb::kEnableWork:
      return returned_by(op, workqueues.enable_work(queued_work_of(op)));
    case Verb::kFlushWorkqueue:
      return workqueues.flush_workqueue(workqueue_at(op.object, op));
    case Verb::kDrainWorkqueue:
      return workqueues.drain_workqueue(workqueue_at(op.object, op));
    case Verb::kDestroyWorkqueue:
      return workqueues.destroy_workqueue(workqueue_at(op.object, op));
    case Verb::kSetMaxActive:
      return workqueues.workqueue_set_max_active(workqueue_at(op.object, op),
                                                 static_cast<int>(op.number));
    case Verb::kSetWorkerDesc:
      workqueues.set_worker_desc(scenario_.texts[static_cast<std::size_t>(op.object)]);
      return {};
    case Verb::kSetMinActive:
      return workqueues.workqueue_set_min_active(workqueue_at(op.object, op),
                                                 static_cast<int>(op.number));
    case Verb::kSetWorkqueueAttrs:
      return set_workqueue_attrs(op);
    case Verb::kSetUnboundCpumask:
      return set_unbound_cpumask(op);
    case Verb::kAllocWorkqueue:
      return alloc_workqueue(op);
    case Verb::kInitWork:
      reinit_work(op);
      return {};
    case Verb::kFreeWork:
      workqueues.free_work(queued_work_of(op));
      return {};
    default:
      throw sim::InternalError(fmt::format("{}: no statement {}", scenario_.where(op.origin),
                                           scenario::info(op.verb).name));
  }
}

Co<> Interpreter::returned_by(const Op& op, Co<bool> call) {
  const bool result = co_await call;
  returned(op, scenario_.works[static_cast<std::size_t>(op.object)].name, result ? 1 : 0);
}

Co<> Interpreter::queue_work_on(const Op& op) {
  DelayedWork& work = queued_work_of(op);
  bool queued = false;
  if (op.node >= 0) {
    queued = co_await models_.workqueues.queue_work_node(op.node, workqueue_of(op), work);
  } else {
    const int cpu = op.cpu >= 0 ? op.cpu : workqueue::kWorkCpuUnbound;
    queued = co_await models_.workqueues.queue_work_on(cpu, workqueue_of(op), work);
  }
  returned(op, scenario_.works[static_cast<std::size_t>(op.object)].name, queued ? 1 : 0);
}

Co<> Interpreter::queue_delayed_work_on(const Op& op) {
  DelayedWork& work = queued_work_of(op);
  const timers::Jiffies delay = models_.timers.ticks().from_time(op.time);
  const int cpu = op.cpu >= 0 ? op.cpu : workqueue::kWorkCpuUnbound;
  bool result = false;
  if (op.verb == Verb::kQueueDelayedWork) {
    result = co_await models_.workqueues.queue_delayed_work_on(cpu, workqueue_of(op), work, delay);
  } else {
    result = co_await models_.workqueues.mod_delayed_work_on(cpu, workqueue_of(op), work, delay);
  }
  returned(op, scenario_.works[static_cast<std::size_t>(op.object)].name, result ? 1 : 0);
}

}  // namespace kt::run
