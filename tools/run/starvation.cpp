#include "tools/run/starvation.hpp"

#include <fmt/format.h>

#include "tools/run/task_state.hpp"
#include "tools/run/time_text.hpp"

namespace kt::run {

namespace {

// As long as the fair server's period.
constexpr Time kBound = 1'000'000'000;  // ns

std::optional<Starvation> of_thread(System& system, const sched::Task& task, Time bound) {
  const bool waits = task.runnable_since >= 0 && !has_exited(task);
  const Time waited = waits ? system.now() - task.runnable_since : 0;
  const Time longest = std::max(waited, task.stats.wakeup_latency_max);
  if (longest < bound) return {};
  const sim::NameTable& names = system.trace().names();
  const std::string name(names[task.full_name]);
  std::string text = fmt::format("{} (pid {}) was runnable for {} without a CPU", name, task.pid,
                                 time_text(longest));
  if (waited == longest) {
    const cpu::ThreadInfo& there = *task.cpu->current;
    text += fmt::format(", at the end: {} (pid {}) runs on CPU {}", names[there.comm], there.pid,
                        task.cpu->id());
  }
  return Starvation{name, text};
}

std::optional<Starvation> of_pool(System& system, const workqueue::WorkerPool& pool, Time bound) {
  const sim::NameTable& names = system.trace().names();
  const bool for_ever = system.nothing_since() != sim::kNever;
  for (const workqueue::Work& work : pool.worklist) {
    if (&work == &work.pwq->mayday_cursor) continue;
    const Time waited = system.now() - work.activated_at;
    if (waited < bound && !for_ever) continue;
    const std::string name(names[work.function_name]);
    return Starvation{
        name, fmt::format("work {} of {} waits since t={}, {}, and no worker starts it", name,
                          work.pwq->wq->name, time_text(work.activated_at),
                          for_ever ? std::string("nothing can happen any more")
                                   : fmt::format("for {}", time_text(waited)))};
  }
  return {};
}

}  // namespace

std::optional<Starvation> find_starvation(System& system, Time held_back) {
  const Time bound = kBound + held_back;
  for (const sched::Task* task : system.scenario_threads()) {
    if (auto found = of_thread(system, *task, bound)) return found;
  }
  for (const auto& pool : system.workqueues().pools()) {
    if (pool == nullptr) continue;
    if (auto found = of_pool(system, *pool, bound)) return found;
  }
  return {};
}

}  // namespace kt::run
