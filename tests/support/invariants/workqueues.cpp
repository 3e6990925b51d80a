// workqueue 1-6, 10, 11, 27, 37, 38, 49: works, by address, and who runs them. A work that was
// queued before the trace began is taken in where it is first seen. A cancelled work leaves its
// list without an event: a work that is passed over must not be activated later. The two queues
// named "events" count as one. Barriers (wq_barrier_func) lie on stacks and have no queue event:
// they only start and end.
#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "tests/support/invariants/checker.hpp"

namespace support {

namespace {

constexpr std::string_view kBarrier = "wq_barrier_func";
// Runs what a dead CPU has left behind within itself.
constexpr std::string_view kDrainDead = "drain_dead_softirq_workfn";
constexpr std::int64_t kAnyCpu = 8192;  // NR_CPUS of the recorded kernel's build
constexpr std::int64_t kUnboundPool = -1;

/// A work may be queued again between its claim, which leaves no event, and its start: its events
/// are counted.
struct Item {
  int queued = 0;         ///< less those that were activated; a stolen one stays in the count
  int active = 0;         ///< less those that were started
  std::string workqueue;  ///< of the last queueing
  std::int64_t cpu = kUnboundPool;
};

struct Execution {
  std::string work;
  std::string function;
  std::string workqueue;
  std::int64_t cpu = kUnboundPool;
};

/// "work struct ADDRESS: function NAME", "work struct ADDRESS function=NAME "
struct Words {
  explicit Words(const TraceLine& line) {
    constexpr std::string_view kBefore = "work struct ";
    constexpr std::string_view kName = "function ";
    const std::string& text = line.payload;
    work = text.substr(kBefore.size(), text.find_first_of(": ", kBefore.size()) - kBefore.size());
    function = text.substr(text.find("function", kBefore.size()) + kName.size());
  }
  std::string work;
  std::string function;
};

class WorkqueueChecker : public Checker {
 public:
  using Checker::Checker;

  void see(const TraceLine& line, const World& world) override {
    const std::string& event = line.event;
    if (event == "workqueue_queue_work") queue(line);
    if (event == "workqueue_activate_work") activate(line);
    if (event == "workqueue_execute_start") start(line, world);
    if (event == "workqueue_execute_end") end(line);
    if (event == "sched_waking") waking(line, world);
    if (event == "sched_switch") out_since_[line.number_of("prev_pid")] = line.time;
    if (event == "sched_process_exit") exits(line);
    if (event == "softirq_entry") heads_[line.cpu] = 0;
  }

 private:
  /// Who executes: a task, or the softirqs of a CPU.
  static std::string executor(const TraceLine& line) {
    return line.in_softirq() ? fmt::format("softirq {}", line.cpu)
                             : fmt::format("task {}", line.pid);
  }

  void queue(const TraceLine& line) {
    const std::string work(line.text_of("struct"));
    Item& item = items_[work];
    ++item.queued;
    const std::int64_t last_cpu = item.cpu;
    const bool moved_queue = item.workqueue != line.text_of("workqueue");
    item.workqueue = line.text_of("workqueue");
    item.cpu = line.number_of("cpu");
    const std::int64_t wanted =
        line.number_of("req_cpu") == kAnyCpu ? line.cpu : line.number_of("req_cpu");
    // Where it was before it may still be claimed: before its start or behind its end.
    const bool elsewhere = item.cpu == last_cpu && !moved_queue;
    if (item.cpu != kUnboundPool && item.cpu != wanted && !elsewhere)
      report("workqueue 10", line, "a per-CPU workqueue chose another CPU's pool");
    if (item.cpu != kUnboundPool) waiting_[{item.workqueue, item.cpu}].push_back(work);
  }

  void activate(const TraceLine& line) {
    const Words words(line);
    const auto known = items_.find(words.work);
    if (known == items_.end()) {  // queued before the trace began
      items_[words.work] = {0, 1, "", kUnboundPool};
      return;
    }
    Item& item = known->second;
    if (--item.queued < 0)
      report("workqueue 1", line, "a work is activated more often than it was queued");
    ++item.active;
    if (item.cpu == kUnboundPool) return;
    auto& waiting = waiting_[{item.workqueue, item.cpu}];
    const auto found = std::find(waiting.begin(), waiting.end(), words.work);
    if (found == waiting.end()) {
      report("workqueue 6", line, "a work is activated after one that was queued behind it");
      return;
    }
    waiting.erase(waiting.begin(), found + 1);
  }

  void start(const TraceLine& line, const World& world) {
    const Words words(line);
    if (words.function == kDrainDead) return;
    const std::string who = executor(line);
    if (executions_.contains(who)) report("workqueue 2", line, "a work starts within another");
    Execution& execution = executions_[who] = {words.work, words.function, "", kUnboundPool};
    seen_.insert(who);
    if (words.function == kBarrier) return;
    const auto known = items_.find(words.work);
    if (known == items_.end()) return;  // queued before the trace began
    Item& item = known->second;
    if (--item.active < 0)
      report("workqueue 1", line, "a work starts more often than it was activated");
    execution.workqueue = item.workqueue;
    execution.cpu = item.cpu;
    for (const auto& [other, runs] : executions_) {
      const bool same = runs.work == words.work && runs.function == words.function &&
                        runs.workqueue == item.workqueue;
      if (other != who && same) report("workqueue 3", line, "a work runs twice at once");
    }
    place(line, item, world);
  }

  void place(const TraceLine& line, const Item& item, const World& world) {
    if (item.cpu != kUnboundPool && item.cpu != line.cpu && !world.hotplugged(item.cpu))
      report("workqueue 11", line, fmt::format("a work of CPU {} runs elsewhere", item.cpu));
    constexpr std::string_view kRescuer = "kworker/R-";
    if (line.in_task() && line.comm.starts_with(kRescuer) &&
        !item.workqueue.starts_with(line.comm.substr(kRescuer.size())))
      report("workqueue 38", line, "a rescuer runs a work of " + item.workqueue);
    constexpr int kBhWorkerRestarts = 10;
    if (line.in_softirq() && ++heads_[line.cpu] > kBhWorkerRestarts)
      report("workqueue 49", line, "more than ten works in one softirq");
  }

  void end(const TraceLine& line) {
    const Words words(line);
    if (words.function == kDrainDead) return;
    const std::string who = executor(line);
    const auto found = executions_.find(who);
    if (found == executions_.end()) {
      if (seen_.contains(who)) report("workqueue 2", line, "a work ends that was not started");
      return;
    }
    if (found->second.work != words.work || found->second.function != words.function)
      report("workqueue 2", line, "another work ends than was started");
    executions_.erase(found);
  }

  /// kernel/workqueue.c: create_worker sets the nice value before the first wakeup. Under
  /// PREEMPT_RT somebody more urgent may lend a worker his priority.
  void waking(const TraceLine& line, const World& world) {
    const std::string_view comm = line.text_of("comm");
    if (!comm.starts_with("kworker/") || !bound_cpu(comm)) return;
    const std::int64_t wanted = comm.ends_with('H') ? 100 : 120;
    const std::int64_t prio = line.number_of("prio");
    if (prio != wanted && !(world.preempt_rt() && prio < wanted))
      report("workqueue 37", line, fmt::format("its priority is not {}", wanted));
  }

  /// IDLE_WORKER_TIMEOUT. Workers of unbound pools go with them.
  void exits(const TraceLine& line) {
    if (!line.comm.starts_with("kworker/") || !bound_cpu(line.comm)) return;
    constexpr sim::Time kIdle = 300'000'000'000;
    const auto out = out_since_.find(line.pid);
    if (out != out_since_.end() && line.time - out->second < kIdle)
      report("workqueue 27", line, "a worker exits that was idle for less than 300 s");
  }

  using Pwq = std::pair<std::string, std::int64_t>;  ///< workqueue, CPU

  std::map<std::string, Item> items_;
  std::map<Pwq, std::deque<std::string>> waiting_;  ///< queued and not activated
  std::map<std::string, Execution> executions_;     ///< by who executes
  std::set<std::string> seen_;                      ///< who has started a work
  std::map<std::int64_t, sim::Time> out_since_;     ///< by pid
  std::map<unsigned, int> heads_;                   ///< works in this softirq, by CPU
};

}  // namespace

std::unique_ptr<Checker> workqueue_checker(std::vector<Violation>& found) {
  return std::make_unique<WorkqueueChecker>(found);
}

}  // namespace support
