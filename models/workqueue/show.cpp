#include "models/workqueue/show.hpp"

#include <fmt/format.h>

#include <iterator>

namespace kt::workqueue {

namespace {

using sim::kSecond;

// kernel/workqueue.c: pr_cont_worker_id
std::string worker_id(const Worker& worker) {
  if (worker.task == nullptr) return worker.pool->attrs.nice < 0 ? "bh-hi" : "bh";
  return fmt::format("{}{}", worker.task->pid, worker.rescue_wq != nullptr ? "(RESCUER)" : "");
}

class Printer {
 public:
  explicit Printer(const Workqueues& workqueues)
      : workqueues_(workqueues), names_(workqueues.machine().trace().names()) {}

  std::string print() {
    add("Showing busy workqueues and worker pools:\n");
    for (const auto& wq : workqueues_.workqueues()) show_workqueue(*wq);
    for (const auto& pool : workqueues_.pools()) {
      if (pool != nullptr && pool->nr_workers != pool->nr_idle) show_pool(*pool);
    }
    return std::move(text_);
  }

 private:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }

  [[nodiscard]] std::string item(const Work& work) const {
    if (Workqueues::is_barrier(work)) {
      return fmt::format("BAR({})", static_cast<const Barrier&>(work).task->pid);
    }
    return std::string(names_[work.function_name]);
  }

  // Equal ones in a row count: pr_cont_work.
  void works(std::string_view title, const WorkList& list, const Pwq& pwq) {
    std::string last;
    int count = 0;
    bool any = false;
    const auto flush = [&] {
      if (count == 0) return;
      if (!any) add("    {}:", title);
      add("{} {}{}", any ? "," : "", count > 1 ? fmt::format("{}*", count) : "", last);
      any = true;
    };
    for (const Work& work : list) {
      if (work.pwq != &pwq || &work == &pwq.mayday_cursor) continue;
      std::string name = item(work);
      if (name != last) {
        flush();
        last = std::move(name);
        count = 0;
      }
      ++count;
    }
    flush();
    if (any) add("\n");
  }

  void show_workqueue(const Workqueue& wq) {
    bool any = false;
    for (const auto& pwq : wq.pwqs) {
      if (pwq->empty()) continue;
      if (!any) add("workqueue {}: flags={:#x}\n", wq.name, wq.flags);
      any = true;
      show_pwq(*pwq);
    }
  }

  void show_pwq(const Pwq& pwq) {
    add("  pwq {}:{} active={} refcnt={}{}\n", pwq.pool->id, pool_info(*pwq.pool), pwq.nr_active,
        pwq.refcnt, pwq.mayday_node.is_linked() ? " MAYDAY" : "");
    bool any = false;
    for (const Worker& worker : pwq.pool->workers) {
      if (worker.current_pwq != &pwq) continue;
      add("{} {}:{}", any ? "," : "    in-flight:", worker_id(worker), names_[worker.current_name]);
      for (const Work& work : worker.scheduled) add(" {}", item(work));
      any = true;
    }
    if (any) add("\n");
    works("pending", pwq.pool->worklist, pwq);
    works("inactive", pwq.inactive_works, pwq);
  }

  void show_pool(const WorkerPool& pool) {
    const timers::Timers& timers = workqueues_.timers();
    const Time hung = pool.worklist.empty()
                          ? 0
                          : (timers.ticks().at(timers.machine().now()) - pool.watchdog_ts) *
                                timers.ticks().period / kSecond;
    add("pool {}:{} hung={}s workers={}", pool.id, pool_info(pool), hung, pool.nr_workers);
    if (pool.manager != nullptr) add(" manager: {}", pool.manager->task->pid);
    bool any = false;
    for (const Worker& worker : pool.idle_list) {
      add("{} {}", any ? "" : " idle:", worker_id(worker));
      any = true;
    }
    add("\n");
    for (const Worker& worker : pool.workers) {
      if (worker.current_pwq != nullptr && worker.task != nullptr) show_worker(worker);
    }
  }

  // What print_worker_info() adds to a task's dump, and the sleep.
  void show_worker(const Worker& worker) {
    const Task& task = *worker.task;
    add("  {}[{}] Workqueue: {} {}, since {}", names_[task.comm], task.pid,
        worker.current_pwq->wq->name, names_[worker.current_name],
        sim::format_time(worker.started_at));
    if (task.state == sched::kTaskRunning) {
      add(", runs\n");
      return;
    }
    add(", asleep since {}", sim::format_time(task.sleep_start));
    if (task.wait.name != 0) add(", waits for {}", names_[task.wait.name]);
    if (task.wait.on != nullptr) {
      add(", of {}[{}]", names_[task.wait.on->comm], task.wait.on->pid);
    }
    add("\n");
  }

  const Workqueues& workqueues_;
  const sim::NameTable& names_;
  std::string text_;
};

}  // namespace

std::string pool_info(const WorkerPool& pool) {
  std::string text = fmt::format(" cpus={}", pool.attrs.cpumask.to_list());
  if (pool.node >= 0) text += fmt::format(" node={}", pool.node);
  text += fmt::format(" flags={:#x}", pool.flags);
  if ((pool.flags & kPoolBh) != 0) return text + (pool.attrs.nice < 0 ? " bh-hi" : " bh");
  return text + fmt::format(" nice={}", pool.attrs.nice);
}

std::string show_all_workqueues(const Workqueues& workqueues) {
  return Printer(workqueues).print();
}

}  // namespace kt::workqueue
