#include "tools/run/stuck.hpp"

#include <algorithm>
#include <map>
#include <ranges>

#include "tools/run/task_state.hpp"

namespace kt::run {

using sched::WaitKind;

namespace {

// What a task waits for that somebody has.
struct Edge {
  const Task* to = nullptr;
  std::string what;
};

class Finder {
 public:
  explicit Finder(System& system)
      : system_(system), names_(system.trace().names()), wakers_(system) {}

  Stuck find() {
    collect_edges();
    const auto& threads = system_.scenario().threads;
    for (std::size_t i = 0; i < threads.size(); ++i) {
      const Task* task = system_.interpreter().thread(static_cast<std::int32_t>(i));
      if (task != nullptr && threads[i].kind != scenario::ThreadKind::kKthreadd) add(*task);
    }
    const Task& control = system_.control();
    if (control.wait.kind != WaitKind::kNothing) add(control);
    add_workers();
    add_hotplug();
    add_cycles();
    add_busy();
    return std::move(result_);
  }

  std::vector<Sleeper> describe(const std::vector<const Task*>& tasks) {
    collect_edges();
    for (const Task* task : tasks) {
      if (is_asleep(*task)) {
        add(*task);
      } else {
        result_.sleepers.push_back(awake(*task));
      }
    }
    return std::move(result_.sleepers);
  }

 private:
  [[nodiscard]] std::string name(const Task& task) const {
    return std::string(names_[task.full_name]);
  }
  [[nodiscard]] std::string holder(const Task& task) const {
    const bool frozen = (task.state & sched::kTaskFrozen) != 0;
    return fmt::format("held by {} (pid {}{}{})", name(task), task.pid,
                       has_exited(task) ? ", which has exited" : "",
                       frozen ? ", which is frozen" : "");
  }
  [[nodiscard]] std::string where(const Task& task) const {
    return task.location == 0 ? std::string() : system_.scenario().where(task.location);
  }

  [[nodiscard]] Sleeper awake(const Task& task) const {
    const sched::Rq& rq = system_.scheduler().rq(task.cpu->id());
    Sleeper sleeper;
    sleeper.name = name(task);
    sleeper.pid = task.pid;
    sleeper.state = state_letter(task);
    sleeper.where = where(task);
    sleeper.since = task.runnable_since >= 0 ? task.runnable_since : rq.last_switch;
    sleeper.waits_for =
        rq.curr == &task
            ? fmt::format("nothing: it runs on CPU {}", rq.id())
            : fmt::format("CPU {}, which runs {} (pid {})", rq.id(), name(*rq.curr), rq.curr->pid);
    return sleeper;
  }

  // Under PREEMPT_RT; of a lock that has just been let go nobody is the owner.
  void add_edges(std::string_view kind, const locking::RtMutex& lock) {
    if (lock.owner == nullptr) return;
    const std::string what =
        fmt::format("{} {}, {}", kind, names_[lock.name], holder(*lock.owner));
    for (const auto* waiter = lock.waiters; waiter != nullptr; waiter = waiter->next)
      add_lock_edge(*waiter->task, *lock.owner, what);
  }

  void collect_edges() {
    for (const locking::Mutex& mutex : system_.interpreter().mutexes()) {
      add_edges("mutex", mutex.rt);
      if (mutex.owner == nullptr || mutex.pickup) continue;
      const std::string what =
          fmt::format("mutex {}, {}", names_[mutex.name], holder(*mutex.owner));
      for (const auto* waiter = mutex.head; waiter != nullptr; waiter = waiter->next) {
        add_lock_edge(*waiter->task, *mutex.owner, what);
      }
      if (mutex.spinner != nullptr) {
        spinners_[mutex.spinner->pid] = what;
        add_lock_edge(*mutex.spinner, *mutex.owner, what);
      }
    }
    for (const locking::Spinlock& lock : system_.interpreter().spinlocks()) {
      add_edges("spinlock", lock.rt);
      if (lock.owner == nullptr) continue;
      const std::string what =
          fmt::format("spinlock {}, {}", names_[lock.name], holder(*lock.owner));
      for (const auto* waiter = lock.head; waiter != nullptr; waiter = waiter->next) {
        spinners_[waiter->task->pid] = what;
        add_lock_edge(*waiter->task, *lock.owner, what);
      }
    }
  }

  void add_edge(const Task& from, const Task& to, const std::string& what) {
    edges_[&from] = {&to, what};
    order_.push_back(&from);
  }

  void add_lock_edge(const Task& from, const Task& owner, const std::string& what) {
    add_edge(from, owner, what);
    if (has_exited(owner)) result_.dead_owner = true;
  }

  // Workers that sleep in a work; idle ones wait for nothing.
  void add_workers() {
    for (const auto& pool : system_.interpreter().models().workqueues.pools()) {
      if (pool == nullptr) continue;
      for (const workqueue::Worker& worker : pool->workers) {
        if (worker.task != nullptr && worker.current_pwq != nullptr) add(*worker.task);
      }
    }
  }

  // The lock of CPU hotplug, and the thread that an operation waits for.
  void add_hotplug() {
    const rcu::PercpuRwsem& lock = system_.hotplug().cpu_hotplug_lock();
    const std::string name(names_[lock.name]);
    for (const auto* waiter = lock.head; waiter != nullptr; waiter = waiter->next) {
      if (lock.writer == nullptr) break;
      add_lock_edge(*waiter->task, *lock.writer, fmt::format("{}, {}", name, holder(*lock.writer)));
    }
    if (lock.draining != nullptr && !lock.readers.empty()) {
      const Task& reader = *lock.readers.front();
      add_lock_edge(*lock.draining, reader, fmt::format("{}, read-{}", name, holder(reader)));
    }
    const hotplug::Operation* operation = system_.hotplug().current_operation();
    if (operation == nullptr) return;
    const Task& thread = system_.hotplug().thread(operation->cpu);
    if (thread.wait.kind == WaitKind::kPercpuIdle || thread.wait.kind == WaitKind::kParked) return;
    if (thread.wait.kind != WaitKind::kNothing) add(thread);
  }

  // "cpuhp/2, in step 235 (sched_cpu_deactivate)"
  [[nodiscard]] std::string hotplug_step(const Task& thread) const {
    const hotplug::Operation* operation = system_.hotplug().current_operation();
    if (operation == nullptr) return name(thread);
    for (const hotplug::StepRecord& step : operation->steps | std::views::reverse) {
      if (step.end >= 0 || step.task != thread.comm) continue;
      return fmt::format("{}, in step {} ({})", name(thread), step.state, step.function);
    }
    return name(thread);
  }

  void add(const Task& task) {
    if (!is_asleep(task)) return;
    const sched::Wait& wait = task.wait;
    const Task* runs = system_.interpreter().models().workqueues.flushed_by(task);
    if (wait.kind == WaitKind::kWorkFlush && runs != nullptr) {
      add_edge(task, *runs,
               fmt::format("{} {}, run by {} (pid {})", wait_words(wait.kind), names_[wait.name],
                           name(*runs), runs->pid));
    }
    if ((wait.kind == WaitKind::kKthreadStop || wait.kind == WaitKind::kKthreadPark ||
         wait.kind == WaitKind::kKthreadFlush) &&
        wait.on != nullptr) {
      add_edge(task, *wait.on,
               fmt::format("{} {} (pid {})", wait_words(wait.kind), name(*wait.on), wait.on->pid));
    }
    if (wait.kind == WaitKind::kHotplugStep && wait.on != nullptr) {
      add_edge(task, *wait.on,
               fmt::format("{} {}", wait_words(wait.kind), hotplug_step(*wait.on)));
    }
    Sleeper sleeper;
    sleeper.name = name(task);
    sleeper.pid = task.pid;
    sleeper.state = state_letter(task);
    sleeper.parked = wait.kind == WaitKind::kParked || wait.kind == WaitKind::kKthreadWorker ||
                     wait.kind == WaitKind::kPercpuIdle ||
                     (task.state & sched::kTaskParked) != 0;
    sleeper.waits_for = waits_for(task);
    sleeper.where = where(task);
    sleeper.since = task.sleep_start;
    sleeper.wakers = wakers_.of(task);
    sleeper.lost = lost_wakeup(task);
    result_.sleepers.push_back(std::move(sleeper));
  }

  [[nodiscard]] std::string waits_for(const Task& task) const {
    if (const auto edge = edges_.find(&task); edge != edges_.end()) return edge->second.what;
    const std::string_view words = wait_words(task.wait.kind);
    if (task.wait.kind == WaitKind::kKthreadCreate && task.wait.on == nullptr) {
      return "its first wakeup (created, never woken)";
    }
    if (task.wait.name == 0) return std::string(words);
    return fmt::format("{} {}", words, names_[task.wait.name]);
  }

  // Only a bare schedule() loses wakeups: the primitives announce themselves before they test.
  [[nodiscard]] std::optional<LostWakeup> lost_wakeup(const Task& task) const {
    const sched::NoopWake& wake = task.noop_wake;
    if (task.wait.kind != WaitKind::kSchedule && task.wait.kind != WaitKind::kWaitQueue) return {};
    if (wake.time < 0 || wake.time > task.sleep_start || wake.time < task.last_test) return {};
    return LostWakeup{wake.time, std::string(names_[wake.waker]), wake.waker_pid};
  }

  // Each task waits for one other at most: a walk that meets itself has found a cycle. It is shown
  // from its first task on.
  void add_cycles() {
    std::map<const Task*, std::size_t> walk_of;
    for (std::size_t walk = 0; walk < order_.size(); ++walk) {
      std::vector<const Task*> path;
      const Task* at = order_[walk];
      for (; edges_.contains(at) && walk_of.try_emplace(at, walk).second; at = edges_.at(at).to) {
        path.push_back(at);
      }
      const auto met = std::ranges::find(path, at);
      if (met != path.end()) add_cycle({met, path.end()});
    }
  }

  void add_cycle(std::vector<const Task*> path) {
    const auto first = std::ranges::find_first_of(order_, path);
    std::ranges::rotate(path, std::ranges::find(path, *first));
    std::vector<CycleStep>& cycle = result_.cycles.emplace_back();
    for (const Task* task : path) {
      cycle.push_back({name(*task), task->pid, edges_.at(task).what, where(*task)});
      blocked_.push_back(task);
    }
  }

  [[nodiscard]] bool never_released(const Task& task) const {
    const auto edge = edges_.find(&task);
    return edge != edges_.end() && (has_exited(*edge->second.to) || is_asleep(*edge->second.to));
  }

  void add_busy() {
    for (int id = 0; id < system_.machine().nr_cpus(); ++id) {
      const Task& task = *system_.scheduler().rq(id).curr;
      if (task.is_idle()) continue;
      const auto spins = spinners_.find(task.pid);
      const bool for_ever =
          spins != spinners_.end() &&
          (never_released(task) || std::ranges::find(blocked_, &task) != blocked_.end());
      if (!for_ever && system_.ending() == Ending::kDone) continue;
      result_.busy.push_back({id, name(task), task.pid, system_.machine().cpu(id).irqs_disabled(),
                              spins != spinners_.end() ? spins->second : std::string(),
                              where(task)});
    }
  }

  System& system_;
  const sim::NameTable& names_;
  Wakers wakers_;
  std::map<const Task*, Edge> edges_;
  std::vector<const Task*> order_;
  std::map<std::int32_t, std::string> spinners_;  // by PID: what for
  std::vector<const Task*> blocked_;              // in a cycle
  Stuck result_;
};

}  // namespace

bool Stuck::lost_wakeup() const {
  return std::ranges::any_of(sleepers, [](const Sleeper& s) { return s.lost.has_value(); });
}

std::vector<Sleeper> describe_tasks(System& system, const std::vector<const Task*>& tasks) {
  return Finder(system).describe(tasks);
}

Stuck find_stuck(System& system) {
  return Finder(system).find();
}

bool is_defect(System& system, const Stuck& stuck) {
  if (system.ending() != Ending::kDone || !stuck.cycles.empty() || stuck.dead_owner) return true;
  if (system.nothing_since() == sim::kNever) return false;
  const bool idle = system.horizon() == sim::kNever;
  return std::ranges::any_of(stuck.sleepers, [idle](const Sleeper& sleeper) {
    if (sleeper.parked) return false;
    return idle || sleeper.state == 'D' || sleeper.lost.has_value();
  });
}

}  // namespace kt::run
