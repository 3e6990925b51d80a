// kernel/cpu.c: the state machine, and the thread cpuhp/N of each CPU.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "models/hotplug/hotplug.hpp"
#include "sim/error.hpp"

namespace kt::hotplug {

using trace::Event;

Task& Hotplug::thread(int cpu) const {
  Task* k = base_.smpboot.thread(cpuhp_threads_, cpu);
  KT_ASSERT(k != nullptr, "CPU {} has no cpuhp thread", cpu);
  return *k;
}

const Step* Hotplug::step(int state) const {
  const Step& step = steps_[static_cast<std::size_t>(state)];
  return step.name.empty() ? nullptr : &step;
}

int Hotplug::cpuhp_set_state(int cpu, int target) {
  CpuState& st = at(cpu);
  const bool bringup = st.state < target;
  st.rollback = false;
  st.target = target;
  st.single = false;
  st.bringup = bringup;
  scheduler_.set_cpu_dying(cpu, !bringup);
  return st.state;
}

// The way back: from the step that has failed, which is not undone itself.
void Hotplug::cpuhp_reset_state(int cpu, int prev_state) {
  CpuState& st = at(cpu);
  const bool bringup = !st.bringup;
  st.target = prev_state;
  if (st.rollback) return;
  st.rollback = true;
  if (bringup) {
    ++st.state;
  } else {
    --st.state;
  }
  st.bringup = bringup;
  scheduler_.set_cpu_dying(cpu, !bringup);
}

// The state is changed ahead of the callback. False: the target is reached.
bool Hotplug::cpuhp_next_state(bool bringup, int& state, CpuState& st, int target) const {
  for (;;) {
    if (bringup ? st.state >= target : st.state <= target) return false;
    state = bringup ? ++st.state : st.state--;
    const Step* next = step(state);
    if (next != nullptr && !(bringup ? next->startup : next->teardown).name.empty()) return true;
  }
}

Co<int> Hotplug::cpuhp_invoke_callback(int cpu, int state, bool bringup) {
  const Step& todo = *step(state);
  const StepCallback& callback = bringup ? todo.startup : todo.teardown;
  const int times = std::max(todo.instances, 1);
  for (int i = 0; i < times; ++i) {
    const int result = co_await invoke_once(cpu, todo, callback, bringup);
    if (result != 0) co_return result;
  }
  co_return 0;
}

namespace {

std::uint32_t intern(cpu::Machine& machine, std::string_view name) {
  return machine.trace().names().intern(name);
}

}  // namespace

void Hotplug::trace_enter(int cpu, int state, std::string_view function, bool multi) {
  Cpu& here = machine().this_cpu();
  const Event event = multi ? Event::kCpuhpMultiEnter : Event::kCpuhpEnter;
  if (!here.traced(event)) return;
  here.trace(event, cpu::pack(static_cast<std::uint32_t>(cpu), at(cpu).target), state,
             intern(machine(), function));
}

void Hotplug::trace_exit(int cpu, int step, int result) {
  machine().this_cpu().trace(Event::kCpuhpExit,
                             cpu::pack(static_cast<std::uint32_t>(cpu), at(cpu).state),
                             cpu::pack(static_cast<std::uint32_t>(step), result));
}

// Outside of an operation, when a step is set up, nothing is recorded.
std::size_t Hotplug::record_step(int state, bool up, std::string_view function) {
  if (operation_ == nullptr) return 0;
  operation_->steps.push_back({state, up, function, scheduler_.current().comm,
                               machine().this_cpu().id(), machine().now()});
  return operation_->steps.size() - 1;
}

void Hotplug::record_end(std::size_t index, int result) {
  if (operation_ == nullptr) return;
  operation_->steps[index].end = machine().now();
  operation_->steps[index].result = result;
}

Co<int> Hotplug::invoke_once(int cpu, const Step& todo, const StepCallback& callback,
                             bool bringup) {
  trace_enter(cpu, todo.state, callback.name, todo.instances != 0);
  const std::size_t index = record_step(todo.state, bringup, callback.name);
  co_await machine().run(callback.cost);
  int result = 0;
  if (callback.function != nullptr) {
    result = co_await callback.function(*this, machine().cpu(cpu), callback.object);
  }
  record_end(index, result);
  trace_exit(cpu, todo.state, result);
  co_return result;
}

Co<int> Hotplug::cpuhp_invoke_callback_range(bool bringup, int cpu, int target) {
  int state = 0;
  while (cpuhp_next_state(bringup, state, at(cpu), target)) {
    const int result = co_await cpuhp_invoke_callback(cpu, state, bringup);
    if (result != 0) co_return result;
  }
  co_return 0;
}

Co<int> Hotplug::cpuhp_up_callbacks(int cpu, int target) {
  const int prev_state = at(cpu).state;
  const int result = co_await cpuhp_invoke_callback_range(true, cpu, target);
  if (result == 0) co_return 0;
  cpuhp_reset_state(cpu, prev_state);
  const int undone = co_await cpuhp_invoke_callback_range(false, cpu, prev_state);
  if (undone != 0) rollback_failed(cpu, undone);
  co_return result;
}

Co<int> Hotplug::cpuhp_down_callbacks(int cpu, int target) {
  const int prev_state = at(cpu).state;
  const int result = co_await cpuhp_invoke_callback_range(false, cpu, target);
  if (result == 0) co_return 0;
  cpuhp_reset_state(cpu, prev_state);
  if (at(cpu).state < prev_state) {
    const int undone = co_await cpuhp_invoke_callback_range(true, cpu, prev_state);
    if (undone != 0) rollback_failed(cpu, undone);
  }
  co_return result;
}

void Hotplug::rollback_failed(int cpu, int result) const {
  throw sim::Defect(fmt::format(
      "CPU {}: a callback of CPU hotplug gave {} while an operation was rolled back, which leaves "
      "the CPU between two states",
      cpu, result));
}

// Has cpuhp/N run callbacks and waits for it. kernel/cpu.c: __cpuhp_kick_ap
Co<> Hotplug::kick_ap(int cpu) {
  CpuState& st = at(cpu);
  if (!st.single && st.state == st.target) co_return;
  st.result = 0;
  st.should_run = true;
  co_await scheduler_.wake_up_process(thread(cpu));
  co_await wait_for_ap_thread(cpu, st.bringup);
}

Co<int> Hotplug::cpuhp_kick_ap(int cpu, int target) {
  CpuState& st = at(cpu);
  const int prev_state = cpuhp_set_state(cpu, target);
  co_await kick_ap(cpu);
  const int result = st.result;
  if (result != 0) {
    cpuhp_reset_state(cpu, prev_state);
    co_await kick_ap(cpu);
  }
  co_return result;
}

Co<int> Hotplug::cpuhp_kick_ap_work(int cpu) {
  const int prev_state = at(cpu).state;
  constexpr std::string_view kName = "cpuhp_kick_ap_work";
  trace_enter(cpu, prev_state, kName, false);
  const std::size_t index = record_step(prev_state, at(cpu).bringup, kName);
  const int result = co_await cpuhp_kick_ap(cpu, at(cpu).target);
  record_end(index, result);
  trace_exit(cpu, prev_state, result);
  co_return result;
}

// One callback on a CPU that is online, when a step is set up (kernel/cpu.c:
// cpuhp_invoke_ap_callback).
Co<int> Hotplug::cpuhp_invoke_ap_callback(int cpu, int state, bool bringup) {
  CpuState& st = at(cpu);
  if (!machine().cpu(cpu).online) co_return 0;
  st.rollback = false;
  st.bringup = bringup;
  st.cb_state = state;
  st.single = true;
  co_await kick_ap(cpu);
  st.single = false;
  co_return st.result;
}

bool Hotplug::cpuhp_should_run(void* self, Cpu& cpu) {
  return static_cast<Hotplug*>(self)->at(cpu.id()).should_run;
}

// One callback for each call: stopping and parking are looked at in between.
Co<> Hotplug::cpuhp_thread_fun(void* self, Cpu& cpu) {
  Hotplug& hotplug = *static_cast<Hotplug*>(self);
  CpuState& st = hotplug.at(cpu.id());
  const bool bringup = st.bringup;
  int state = 0;
  bool run = true;
  if (st.single) {
    state = st.cb_state;
    st.should_run = false;
  } else {
    st.should_run = run = hotplug.cpuhp_next_state(bringup, state, st, st.target);
  }
  if (run) {
    st.result = co_await hotplug.cpuhp_invoke_callback(cpu.id(), state, bringup);
    if (st.result != 0) {
      if (st.rollback) hotplug.rollback_failed(cpu.id(), st.result);
      st.should_run = false;
    }
  }
  if (!st.should_run) co_await hotplug.complete_ap_thread(cpu.id(), bringup);
}

Co<> Hotplug::complete_ap_thread(int cpu, bool bringup) {
  CpuState& st = at(cpu);
  return base_.completions.complete(bringup ? st.done_up : st.done_down);
}

Co<> Hotplug::wait_for_ap_thread(int cpu, bool bringup) {
  CpuState& st = at(cpu);
  Task& k = thread(cpu);
  co_await base_.completions.wait_for_completion(
      bringup ? st.done_up : st.done_down, sched::kTaskUninterruptible,
      timers::kMaxScheduleTimeout, {sched::WaitKind::kHotplugStep, k.full_name, &k});
}

// The first free state, or -ENOSPC.
int Hotplug::cpuhp_reserve_state(bool online) const {
  const int first = online ? kCpuhpApOnlineDyn : kCpuhpBpPrepareDyn;
  const int last = online ? kCpuhpApOnlineDynEnd : kCpuhpBpPrepareDynEnd;
  for (int state = first; state <= last; ++state) {
    if (step(state) == nullptr) return state;
  }
  return -ENOSPC;
}

// A step of a dynamic state is a step like the others from here on.
Co<int> Hotplug::cpuhp_setup_state(std::string name, bool online, StepCallback startup,
                                   StepCallback teardown, bool invoke) {
  co_await cpus_read_lock();
  co_await base_.mutexes.lock(cpuhp_state_mutex_);
  const int state = cpuhp_reserve_state(online);
  int result = std::min(state, 0);
  if (result == 0) {
    names_.push_back(std::move(name));
    add({state, names_.back(), startup, teardown});
    if (invoke && !startup.name.empty()) result = co_await invoke_on_all(state);
    if (result != 0) steps_[static_cast<std::size_t>(state)] = {};
  }
  co_await base_.mutexes.unlock(cpuhp_state_mutex_);
  co_await cpus_read_unlock();
  co_return result != 0 ? result : state;
}

// Every CPU that has passed the state; if one fails, those before it are undone.
Co<int> Hotplug::invoke_on_all(int state) {
  int result = 0;
  int cpu = 0;
  for (; cpu < machine().nr_cpus() && result == 0; ++cpu) {
    if (at(cpu).state >= state) result = co_await issue_call(cpu, state, true);
  }
  for (cpu -= 2; result != 0 && cpu >= 0; --cpu) {
    if (at(cpu).state < state || step(state)->teardown.name.empty()) continue;
    co_await issue_call(cpu, state, false);
  }
  co_return result;
}

// kernel/cpu.c: cpuhp_issue_call
Co<int> Hotplug::issue_call(int cpu, int state, bool bringup) {
  return ap_state(state) ? cpuhp_invoke_ap_callback(cpu, state, bringup)
                         : cpuhp_invoke_callback(cpu, state, bringup);
}

}  // namespace kt::hotplug
