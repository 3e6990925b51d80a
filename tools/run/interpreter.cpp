#include "sim/error.hpp"
#include "tools/run/frame.hpp"
#include "tools/run/samples.hpp"

namespace kt::run {

using scenario::Op;
using scenario::Verb;
using sched::WaitKind;
using trace::Event;

/// What expressions read.
struct Environment {
  const Interpreter& interpreter;
  Task& self;

  [[nodiscard]] std::int64_t variable(std::int32_t index) const {
    return interpreter.read_variable(index);
  }
  [[nodiscard]] std::int64_t call(scenario::Call function, std::int64_t argument) const {
    using scenario::Call;
    switch (function) {
      case Call::kShouldStop:
        return self.kthread != nullptr && kthread::Kthreads::should_stop(self);
      case Call::kShouldPark:
        return self.kthread != nullptr && kthread::Kthreads::should_park(self);
      case Call::kFreezing:
        return interpreter.models().kthreads.freezing(self);
      case Call::kCpu:
        return self.cpu->id();
      case Call::kNode:
        return interpreter.models().machine.topology().node_of(self.cpu->id());
      case Call::kState: {
        const Task* task = interpreter.thread(static_cast<std::int32_t>(argument));
        if (task != nullptr) self.cpu->touch(task, cpu::Access::kRead);
        return task != nullptr ? task->state : std::uint32_t{sched::kTaskDead};
      }
      case Call::kPending:
        return interpreter.queued_work_pending(argument);
      case Call::kKthreadPending:
        return interpreter.work_pending(argument);
    }
    return 0;
  }
};

namespace {

template <class Object>
void name_objects(std::vector<Object>& objects, const std::vector<scenario::Named>& names,
                  const Interpreter& interpreter) {
  objects.resize(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) objects[i].name = interpreter.intern(names[i].name);
}

}  // namespace

Interpreter::Interpreter(const scenario::Scenario& scenario, Models& models, std::uint64_t seed)
    : scenario_(scenario), models_(models) {
  for (const scenario::Variable& variable : scenario.variables) {
    variables_.push_back(variable.initial);
  }
  name_objects(waitqueues_, scenario.waitqueues, *this);
  name_objects(completions_, scenario.completions, *this);
  name_objects(mutexes_, scenario.mutexes, *this);
  name_objects(spinlocks_, scenario.spinlocks, *this);
  threads_.resize(scenario.threads.size());
  kthread_bodies_.reserve(scenario.kthreads.size());
  for (std::size_t i = 0; i < scenario.kthreads.size(); ++i) {
    kthread_bodies_.push_back({this, static_cast<std::int32_t>(i)});
  }
  for (const scenario::Duration& duration : scenario.durations) {
    durations_.push_back({distribution_of(duration),
                          sim::RandomStream(seed, scenario.origins[duration.origin].pointer)});
  }
  if (scenario.kernel.memory_model == scenario::MemoryModel::kTso)
    stores_.resize(static_cast<std::size_t>(scenario.machine.cpus));
  make_timers();
  make_softirqs();
  make_works();
}

Co<int> Interpreter::kthread_body(kthread::Kthreads&, Task& self, void* data) {
  Body& body = *static_cast<Body*>(data);
  const scenario::Kthread& kthread =
      body.interpreter->scenario_.kthreads[static_cast<std::size_t>(body.index)];
  if (kthread.freezable) return body.interpreter->freezable_body(self, kthread.program);
  return body.interpreter->run_body(self, kthread.program);
}

Co<int> Interpreter::freezable_body(Task& self, std::int32_t program) {
  co_await models_.kthreads.set_freezable();
  const int result = co_await run_body(self, program);
  co_return result;
}

// A handler runs as the task that it interrupted; what is atomic, or about to sleep, is inside a
// system call.
bool Interpreter::in_user_mode(const Task& self) const {
  return self.is_user() && &self != control_ && self.preempt_count == 0 &&
         !self.cpu->irqs_disabled() && self.state == sched::kTaskRunning;
}

// Between two statements. What the control task does is one system call each for a shell, so that it
// sees to signals there, if to nothing else.
bool Interpreter::leaves_kernel(const Task& self) const {
  if (in_user_mode(self)) return true;
  return &self == control_ && self.sigpending && self.preempt_count == 0 &&
         !self.cpu->irqs_disabled() && self.state == sched::kTaskRunning;
}

Co<int> Interpreter::run_body(Task& self, std::int32_t program_index) {
  const scenario::Program& program =
      scenario_.programs[static_cast<std::size_t>(program_index)];
  Frame frame{.self = self, .program = program};
  frame.make_counters(program.counters);
  const cpu::CostTable& costs = models_.machine.costs();
  frame.cost = costs.statement + (in_user_mode(self) ? costs.syscall : 0);
  return run_program(std::move(frame));
}

namespace {

// A wakeup that belongs to something else may come between the state and schedule(); states without
// a condition loop never see one.
bool woken_spuriously(Task& self) {
  sim::Chooser* const chooser = self.cpu->machine().chooser;
  if (chooser == nullptr || self.state == sched::kTaskRunning || sched::special_state(self.state))
    return false;
  const auto subject = static_cast<std::uint32_t>(self.pid);
  if (sim::choose(chooser, sim::Question::kSpuriousWakeup, 2, subject) == 0) return false;
  self.cpu->touch(&self, cpu::Access::kWrite);
  self.state = sched::kTaskRunning;
  return true;
}

}  // namespace

// A sleeper's frame stays small: one segment and one coroutine for all statements.
Co<int> Interpreter::run_program(Frame frame) {
  cpu::Segment segment{};
  Co<> statement;
  for (;;) {
    const Op& op = frame.program.ops[static_cast<std::size_t>(frame.at++)];
    frame.self.location = op.origin;
    check_progress(op);
    while (!stores_.empty() && store_leaves(frame.self, op)) {
      segment = frame.self.cpu->run(StoreBuffer::kLeaves);
      co_await segment;
      oldest_leaves(frame.self);
    }
    if (!stores_.empty()) drain_for_long(op);
    if (segment_of(frame, op, segment)) co_await segment;
    if (!stores_.empty()) drain_before(op);
    switch (op.verb) {
      case Verb::kReturn:
        co_return static_cast<int>(op.number);
      case Verb::kSchedule:
        if (woken_spuriously(frame.self)) break;
        // After prepare_to_wait() the queue is what it waits for.
        if (frame.self.wait.kind == WaitKind::kNothing) frame.self.wait.kind = WaitKind::kSchedule;
        statement = models_.scheduler.schedule();
        co_await statement;
        if (frame.self.wait.kind == WaitKind::kSchedule) frame.self.wait.kind = WaitKind::kNothing;
        break;
      case Verb::kUsleep:
        co_await models_.timers.usleep_range(op.time, op.time);
        break;
      default:
        if (op.verb <= Verb::kSet && execute_inline(frame, op)) break;
        statement = execute(frame, op);
        co_await statement;
    }
    statement.reset();
    if (leaves_kernel(frame.self)) {
      if (models_.scheduler.exit_work(frame.self)) {
        statement = models_.scheduler.exit_to_user_mode();
        co_await statement;
      }
      if (frame.self.fatal_signal) co_return 0;
    }
  }
}

// The CPU time that belongs to a statement itself; false if it takes none.
bool Interpreter::segment_of(const Frame& frame, const Op& op, cpu::Segment& segment) {
  const Task& self = frame.self;
  switch (op.verb) {
    case Verb::kJump:
    case Verb::kLoopBegin:
    case Verb::kLoopNext:
      return false;
    case Verb::kReturn:  // there is a barrier behind it, but not at once
      if (stores_.empty() || stores_[static_cast<std::size_t>(self.cpu->id())].entries.empty())
        return false;
      segment = self.cpu->run(frame.cost);
      return true;
    case Verb::kRun:
      segment = in_user_mode(self) ? self.cpu->run_user(duration(op))
                                   : self.cpu->run(duration(op));
      return true;
    case Verb::kStall:
      segment = self.cpu->run_until(models_.machine.now() + op.time);
      return true;
    default:
      segment = self.cpu->run(frame.cost);
      return true;
  }
}

// Statements that neither sleep nor call the kernel; false if `op` is not one.
bool Interpreter::execute_inline(Frame& frame, const Op& op) {
  switch (op.verb) {
    case Verb::kJump:
      frame.at = op.target;
      return true;
    case Verb::kBranchUnless:
      frame.self.last_test = models_.machine.now();
      if (evaluate(frame.self, op.expression) == 0) frame.at = op.target;
      return true;
    case Verb::kLoopBegin:
      frame.counter(op.counter) = op.number;
      return true;
    case Verb::kLoopNext:
      if (frame.counter(op.counter) == 0) frame.at = op.target;
      --frame.counter(op.counter);
      return true;
    case Verb::kRun:
    case Verb::kStall:
      return true;
    case Verb::kSet:
      assign(frame.self, op);
      return true;
    default:
      return false;
  }
}

// A loop without a statement that takes time would never end.
void Interpreter::check_progress(const Op& op) {
  constexpr std::uint64_t kLimit = 1'000'000;
  const Time now = models_.machine.now();
  if (now != last_step_) {
    last_step_ = now;
    steps_without_time_ = 0;
  } else if (++steps_without_time_ > kLimit) {
    defect(op, "livelock: a million statements without time passing");
  }
}

std::int64_t Interpreter::evaluate(Task& self, std::int32_t expression) {
  Environment environment{*this, self};
  return scenario::evaluate(scenario_.expressions[static_cast<std::size_t>(expression)],
                            environment);
}

void Interpreter::assign(Task& self, const Op& op) {
  const std::int64_t value = evaluate(self, op.expression);
  std::int64_t& target = variables_[static_cast<std::size_t>(op.object)];
  const bool plain =
      static_cast<scenario::SetOperator>(op.choice) == scenario::SetOperator::kAssign;
  if (plain && !stores_.empty() && store_waits(self)) {
    stores_[static_cast<std::size_t>(self.cpu->id())].entries.push_back(
        {.variable = &target,
         .object = &target,
         .value = value,
         .pid = self.pid,
         .location = op.origin});
    return;
  }
  auto& variable = reinterpret_cast<std::uint64_t&>(target);
  self.cpu->touch(&variable, plain ? cpu::Access::kStore : cpu::Access::kWrite);
  switch (static_cast<scenario::SetOperator>(op.choice)) {
    case scenario::SetOperator::kAssign:
      variable = static_cast<std::uint64_t>(value);
      break;
    case scenario::SetOperator::kAdd:
      variable += static_cast<std::uint64_t>(value);
      break;
    case scenario::SetOperator::kSubtract:
      variable -= static_cast<std::uint64_t>(value);
      break;
  }
}

// Whether a plain store goes to the store buffer. What is younger than a store that waits waits too.
bool Interpreter::store_waits(const Task& self) {
  StoreBuffer& stores = stores_[static_cast<std::size_t>(self.cpu->id())];
  if (!stores.entries.empty()) return true;
  if (sim::choose(models_.machine.chooser, sim::Question::kStoreBuffer, 2,
                  static_cast<std::uint32_t>(self.pid)) == 0)
    return false;
  stores.since = models_.machine.now();
  return true;
}

void Interpreter::drain_stores(int cpu) {
  if (stores_.empty()) return;
  StoreBuffer& stores = stores_[static_cast<std::size_t>(cpu)];
  for (const StoreBuffer::Entry& entry : stores.entries) become_visible(cpu, entry);
  stores.entries.clear();
}

void Interpreter::become_visible(int cpu, const StoreBuffer::Entry& entry) {
  models_.machine.cpu(cpu).touch(entry.object, cpu::Access::kStore);
  seen_late_.push_back({models_.machine.now(), entry.pid, entry.location});
  if (entry.lock != nullptr) {
    models_.spinlocks.store_release(*entry.lock);
  } else if (entry.state != nullptr) {
    *entry.state = static_cast<std::uint32_t>(entry.value);
  } else {
    *entry.variable = entry.value;
  }
}

// Whether the oldest store leaves between two statements: a step of its own.
bool Interpreter::store_leaves(const Task& self, const Op& op) {
  const bool takes_no_time = op.verb == Verb::kJump || op.verb == Verb::kLoopBegin ||
                             op.verb == Verb::kLoopNext;
  return !takes_no_time && !stores_[static_cast<std::size_t>(self.cpu->id())].entries.empty() &&
         sim::choose(models_.machine.chooser, sim::Question::kStoreLeaves, 2,
                     static_cast<std::uint32_t>(self.pid)) != 0;
}

void Interpreter::oldest_leaves(const Task& self) {
  const int cpu = self.cpu->id();
  std::vector<StoreBuffer::Entry>& entries = stores_[static_cast<std::size_t>(cpu)].entries;
  if (entries.empty()) return;  // an interrupt has been quicker
  become_visible(cpu, entries.front());
  entries.erase(entries.begin());
}

// Plain loads and stores do not empty the buffer; whatever else a statement does has a barrier in it.
void Interpreter::drain_before(const Op& op) {
  const int cpu = models_.machine.this_cpu().id();
  const StoreBuffer& stores = stores_[static_cast<std::size_t>(cpu)];
  if (stores.entries.empty()) return;
  const bool plain =
      op.verb <= Verb::kLoopNext || op.verb == Verb::kAssert || op.verb == Verb::kMark ||
      op.verb == Verb::kSetStateRelaxed || op.verb == Verb::kSpinUnlock ||
      op.verb == Verb::kSpinUnlockIrqrestore || op.verb == Verb::kPreemptDisable ||
      op.verb == Verb::kPreemptEnable || op.verb == Verb::kLocalIrqDisable ||
      op.verb == Verb::kLocalIrqEnable ||
      (op.verb == Verb::kSet &&
       static_cast<scenario::SetOperator>(op.choice) == scenario::SetOperator::kAssign);
  const bool may_switch = models_.scheduler.current().need_resched;
  if (!plain || may_switch || models_.machine.now() - stores.since > StoreBuffer::kLongest)
    drain_stores(cpu);
}

// No store waits for as long as that takes.
void Interpreter::drain_for_long(const Op& op) {
  if (op.verb != Verb::kRun && op.verb != Verb::kStall) return;
  if (op.object >= 0 || op.time > StoreBuffer::kLongest)
    drain_stores(models_.machine.this_cpu().id());
}

// Whether letting the lock go waits behind other stores: then all of unlocking but that is done.
bool Interpreter::unlock_waits(Task& self, locking::Spinlock& lock, const Op& op) {
  if (stores_.empty()) return false;
  StoreBuffer& stores = stores_[static_cast<std::size_t>(self.cpu->id())];
  if (stores.entries.empty()) return false;
  if (!models_.spinlocks.begin_unlock(lock, op.verb == Verb::kSpinUnlockIrqrestore)) {
    drain_stores(self.cpu->id());
    return false;
  }
  stores.entries.push_back(
      {.lock = &lock, .object = &lock, .pid = self.pid, .location = op.origin});
  return true;
}

Time Interpreter::duration(const Op& op) {
  if (op.object < 0) return op.time;
  Draw& draw = durations_[static_cast<std::size_t>(op.object)];
  return draw.distribution.draw(draw.stream);
}

Task& Interpreter::existing(std::int32_t index, const Op& op) const {
  Task* task = thread(index);
  if (task == nullptr) {
    defect(op, fmt::format("thread {} does not exist yet",
                           scenario_.threads[static_cast<std::size_t>(index)].name));
  }
  return *task;
}

void Interpreter::defect(const Op& op, const std::string& what) const {
  throw sim::Defect(fmt::format("{}: {}", scenario_.where(op.origin), what));
}

void Interpreter::returned(const Op& op, std::string_view object, std::int64_t value) {
  cpu::Cpu& cpu = models_.machine.this_cpu();
  if (!cpu.traced(Event::kReturn)) return;
  cpu.trace(Event::kReturn, intern(scenario::info(op.verb).name), intern(object), value);
}

void Interpreter::returned(const Op& op, const Task& object, std::int64_t value) {
  returned(op, models_.machine.trace().names()[object.full_name], value);
}

// Statements that sleep, wake and mark; the other groups have files of their own.
Co<> Interpreter::execute(Frame& frame, const Op& op) {
  Task& self = frame.self;
  switch (op.verb) {
    case Verb::kMsleep:
      return models_.timers.msleep(op.time);
    case Verb::kYield:
      return models_.scheduler.yield();
    case Verb::kCondResched:
      return cond_resched();
    case Verb::kMem:
      return mem(op);
    case Verb::kIo:
      return io(op);
    case Verb::kAssert:
      if (evaluate(self, op.expression) == 0) {
        defect(op, fmt::format(
                       "assertion failed: {}",
                       scenario_.expressions[static_cast<std::size_t>(op.expression)].text));
      }
      return {};
    case Verb::kMark:
      marks_.push_back({models_.machine.now(), op.object});
      self.cpu->trace(Event::kMark, intern(scenario_.texts[static_cast<std::size_t>(op.object)]));
      return {};
    case Verb::kSetStateRelaxed:
      if (!stores_.empty() && store_waits(self)) {
        stores_[static_cast<std::size_t>(self.cpu->id())].entries.push_back(
            {.state = &self.state,
             .object = &self,
             .value = op.number,
             .pid = self.pid,
             .location = op.origin});
        return {};
      }
      [[fallthrough]];
    case Verb::kSetState:
      self.cpu->touch(&self, cpu::Access::kWrite);
      self.state = static_cast<std::uint32_t>(op.number);
      return {};
    case Verb::kScheduleTimeout:
      return schedule_timeout(op);
    case Verb::kWake:
      return wake(op);
    case Verb::kSignal:
      return models_.kthreads.send_signal(existing(op.object, op), static_cast<int>(op.number));
    default:
      return execute_locking(frame, op);
  }
}

Co<> Interpreter::cond_resched() { co_await models_.scheduler.cond_resched(); }

Co<> Interpreter::schedule_timeout(const Op& op) {
  co_await models_.timers.schedule_timeout(models_.timers.ticks().from_time(op.time));
}

Co<> Interpreter::wake(const Op& op) {
  Task& target = existing(op.object, op);
  const bool woken = co_await models_.scheduler.wake_up_process(target);
  returned(op, target, woken ? 1 : 0);
}

// The CPU stalls on memory for as long as the stream takes.
Co<> Interpreter::mem(const Op& op) {
  cpu::Cpu& cpu = models_.machine.this_cpu();
  const int here = models_.machine.topology().node_of(cpu.id());
  cpu::Segment stall = cpu.spin();
  devices_->stream(op.number, here, op.node >= 0 ? op.node : here, stall);
  co_await stall;
}

Co<> Interpreter::io(const Op& op) {
  locking::Completion done;
  done.name = intern(scenario_.machine.disks[static_cast<std::size_t>(op.object)].name);
  const bool write = static_cast<scenario::IoDirection>(op.choice) == scenario::IoDirection::kWrite;
  co_await devices_->submit_bio(op.object, op.number, write, done);
  co_await models_.completions.wait_for_completion(done, sched::kTaskUninterruptible,
                                                   timers::kMaxScheduleTimeout,
                                                   {WaitKind::kIo, done.name, nullptr});
}

}  // namespace kt::run
