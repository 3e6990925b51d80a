// Statements on softirqs, tasklets and timers, and what these run.
#include "sim/error.hpp"
#include "tools/run/frame.hpp"

namespace kt::run {

using scenario::Op;
using scenario::Verb;

namespace {

constexpr std::uint64_t kModuleData = 0xffffffffc0400000;  // as in a module's data
constexpr std::uint64_t kStride = 0x80;

}  // namespace

Co<> Interpreter::execute_softirq(Frame& frame, const Op& op) {
  switch (op.verb) {
    case Verb::kRaiseSoftirq:
      return models_.softirqs.raise(static_cast<softirq::Vec>(
          scenario_.softirqs[static_cast<std::size_t>(op.object)].vector));
    case Verb::kTaskletSchedule:
      return tasklet_schedule(op);
    case Verb::kLocalBhDisable:
      return models_.softirqs.local_bh_disable();
    case Verb::kLocalBhEnable:
      if (!models_.softirqs.bh_disabled(frame.self)) {
        defect(op, "local_bh_enable without local_bh_disable");
      }
      return models_.softirqs.local_bh_enable();
    case Verb::kModTimer:
      return mod_timer(op);
    case Verb::kDelTimer:
      return del_timer(op, false);
    case Verb::kDelTimerSync:
      return del_timer(op, true);
    case Verb::kStartHrtimer:
      return start_hrtimer(op);
    default:
      return execute_worker(op);
  }
}

void Interpreter::make_softirqs() {
  for (const scenario::Softirq& spec : scenario_.softirqs) {
    softirq_bodies_.push_back({this, spec.program});
  }
  for (std::size_t i = 0; i < scenario_.softirqs.size(); ++i) {
    models_.softirqs.open_softirq(static_cast<softirq::Vec>(scenario_.softirqs[i].vector),
                                  &softirq_body, &softirq_bodies_[i]);
  }
  const std::size_t timers = scenario_.timers.size() + scenario_.hrtimers.size();
  std::uint64_t address = kModuleData + timers * kStride;
  for (const scenario::Tasklet& spec : scenario_.tasklets) {
    ScenarioTasklet& tasklet = *tasklets_.emplace_back(std::make_unique<ScenarioTasklet>());
    tasklet.body = {this, spec.program};
    tasklet.tasklet.function = &tasklet_body;
    tasklet.tasklet.object = &tasklet.body;
    tasklet.tasklet.function_name = intern(spec.name);
    tasklet.tasklet.address = address;
    tasklet.tasklet.highpri = spec.highpri;
    address += kStride;
  }
}

void Interpreter::make_timers() {
  std::uint64_t address = kModuleData;
  for (std::size_t i = 0; i < scenario_.timers.size(); ++i, address += kStride) {
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
  for (std::size_t i = 0; i < scenario_.hrtimers.size(); ++i, address += kStride) {
    const scenario::Hrtimer& spec = scenario_.hrtimers[i];
    auto& timer = *hrtimers_.emplace_back(std::make_unique<ScenarioHrtimer>());
    timer.body = {this, static_cast<std::int32_t>(i)};
    timer.timer.function = &hrtimer_body;
    timer.timer.object = &timer.body;
    timer.timer.function_name = intern(spec.name);
    timer.timer.address = address;
    timer.timer.pinned = spec.pinned;
    models_.timers.hrtimer_init(timer.timer, spec.soft);
  }
}

// Handlers run as whatever task the interrupt hit, or as the thread that serves them.
Co<> Interpreter::softirq_body(void* object, cpu::Cpu&) {
  const Body& body = *static_cast<const Body*>(object);
  return body.interpreter->run_handler(body.index);
}

Co<> Interpreter::tasklet_body(softirq::Tasklets&, softirq::Tasklet& tasklet) {
  const Body& body = *static_cast<const Body*>(tasklet.object);
  return body.interpreter->run_handler(body.index);
}

Co<> Interpreter::timer_body(timers::Timers&, timers::KernelTimer& timer) {
  const Body& body = *static_cast<const Body*>(timer.object);
  return body.interpreter->run_handler(body.index);
}

Co<bool> Interpreter::hrtimer_body(timers::Timers&, timers::KernelHrtimer& timer, cpu::Cpu& cpu) {
  const Body& body = *static_cast<const Body*>(timer.object);
  const scenario::Hrtimer& spec =
      body.interpreter->scenario_.hrtimers[static_cast<std::size_t>(body.index)];
  co_await body.interpreter->run_handler(spec.program);
  if (spec.period == 0) co_return false;
  timers::hrtimer_forward(timer, cpu.now(), spec.period);
  co_return true;
}

// What the interrupted task was doing is still what it does.
Co<> Interpreter::run_handler(std::int32_t program) {
  Task& current = models_.scheduler.current();
  const std::uint32_t location = current.location;
  const Time last_test = current.last_test;
  co_await run_body(current, program);
  current.location = location;
  current.last_test = last_test;
}

Co<> Interpreter::tasklet_schedule(const Op& op) {
  softirq::Tasklet& tasklet = tasklets_[static_cast<std::size_t>(op.object)]->tasklet;
  co_await models_.tasklets.tasklet_schedule(tasklet);
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
