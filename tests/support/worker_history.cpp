#include "tests/support/worker_history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace support {

namespace {

using sim::kMs;
constexpr sim::Time kThreshold = 10 * kMs;  // of CPU time: workqueue.cpu_intensive_thresh_us
constexpr sim::Time kUnmarked = 9 * kMs;    // with less CPU time nobody was marked CPU intensive
constexpr sim::Time kOnItsWay = kMs / 20;   // whoever activates a work kicks within this time

/// Of a queue whose flags are known.
struct QueueUse {
  bool highpri = false;
  bool intensive = false;
  bool pooled = true;  ///< per-CPU works that any worker of the pool may run
};

struct Waiting {
  std::string pool;
  sim::Time since = 0;
};

struct SeenWorker {
  std::string pool;  ///< "1", "1H", "u8"
  bool bound = false;
  bool idle = false;   ///< switched out in I, and not in since
  bool fresh = false;  ///< forked, and not switched in
  bool woken = false;  ///< since it was switched out
  bool on_cpu = false;
  bool dying = false;
  bool woken_awake = false;  ///< while it was on its CPU
  std::string out_state;
  std::size_t idle_line = 0;
  std::size_t out_line = 0;
  std::size_t free_line = 0;  ///< since then it has looked for works without a break; 0: unknown
  sim::Time in_at = 0;
  sim::Time used = 0;  ///< CPU time since the work began or the worker was woken, up to in_at
  std::string work;    ///< that it executes; empty: none
  const QueueUse* queue = nullptr;
  bool barrier = false;
  bool activated = false;  ///< a work, since it last woke somebody or was switched in
  bool woke_sibling = false;

  [[nodiscard]] bool blocked() const { return !on_cpu && !idle && !fresh && out_state[0] != 'R'; }
};

class WorkerHistory {
 public:
  explicit WorkerHistory(const kt::scenario::Scenario& scenario)
      : tick_(1'000 * kMs / scenario.kernel.hz),
        preemptible_(scenario.kernel.preempt == kt::scenario::Preempt::kFull ||
                     scenario.kernel.preempt == kt::scenario::Preempt::kRt),
        sleeping_locks_(scenario.kernel.preempt == kt::scenario::Preempt::kRt) {
    queues_["events"] = queues_["events_long"] = {};
    queues_["events_highpri"] = {.highpri = true};
    for (const auto& wq : scenario.workqueues) {
      const bool pooled = !wq.flags.bh && !wq.flags.unbound && !wq.ordered && !wq.flags.mem_reclaim;
      queues_[wq.name] = {wq.flags.highpri, wq.flags.cpu_intensive, pooled};
    }
  }

  std::vector<std::string> check(const TraceText& trace) {
    for (const TraceLine& line : trace.lines) {
      if (line.event == "workqueue_queue_work") queued(line);
      if (line.event == "workqueue_activate_work") activated(line);
      if (line.event == "workqueue_execute_start") started(line);
      if (line.event == "workqueue_execute_end") ended(line);
      if (line.event == "sched_waking") woken(line);
      if (line.event == "sched_switch") switched(line);
      if (line.event == "sched_process_fork") forked(line);
      if (line.event == "sched_kthread_stop") stopped(line);
      if (line.event == "mark" || line.event == "return") goes_on(line);
    }
    return std::move(found_);
  }

 private:
  void report(int invariant, const TraceLine& line, const std::string& what) {
    found_.push_back(
        fmt::format("workqueue {}: {}: line {}: {}", invariant, what, line.number, line.text));
  }

  static std::string address(const TraceLine& line) {
    constexpr std::string_view kBefore = "work struct ";
    return line.payload.substr(kBefore.size(), 16);
  }

  /// The worker, or null: "kworker/1:0", "kworker/1:2H", "kworker/u8:1", but no rescuer.
  SeenWorker* worker(std::int64_t pid, std::string_view comm) {
    constexpr std::string_view kPrefix = "kworker/";
    const std::size_t colon = comm.find(':');
    if (!comm.starts_with(kPrefix) || colon == std::string_view::npos ||
        comm[kPrefix.size()] == 'R') {
      return nullptr;
    }
    SeenWorker& found = workers_[pid];
    if (found.pool.empty()) {
      found.pool = comm.substr(kPrefix.size(), colon - kPrefix.size());
      found.bound = found.pool[0] != 'u';
      if (found.bound && comm.ends_with('H')) found.pool += 'H';
      pools_[found.pool].push_back(&found);
    }
    return &found;
  }

  void queued(const TraceLine& line) {
    Item& item = items_[std::string(line.text_of("struct"))];
    const auto queue = queues_.find(std::string(line.text_of("workqueue")));
    item.queue = queue == queues_.end() ? nullptr : &queue->second;
    item.cpu = line.number_of("cpu");
  }

  void activated(const TraceLine& line) {
    const std::string work = address(line);
    const Item& item = items_[work];
    if (item.queue != nullptr && item.queue->pooled && item.cpu >= 0) {
      waiting_[work] = {fmt::format("{}{}", item.cpu, item.queue->highpri ? "H" : ""), line.time};
    }
    if (!line.in_task()) return;
    SeenWorker* self = worker(line.pid, line.comm);
    if (self != nullptr) self->activated = true;
  }

  /// A work of the pool has waited for some time that nobody of the pool executes now.
  [[nodiscard]] bool works_wait(const std::string& pool, sim::Time since) const {
    return std::any_of(waiting_.begin(), waiting_.end(), [&](const auto& entry) {
      const auto& [work, waiting] = entry;
      if (waiting.pool != pool || waiting.since > since) return false;
      const auto& members = pools_.at(pool);
      return std::none_of(members.begin(), members.end(),
                          [&work](const SeenWorker* each) { return each->work == work; });
    });
  }

  /// `self` does not count (any more) and works wait: whether an idle worker should come, and none
  /// has been woken. Where somebody else may count it need not.
  [[nodiscard]] bool nobody_comes(const SeenWorker& self, sim::Time since) const {
    bool idle = false;
    for (const SeenWorker* each : pools_.at(self.pool)) {
      if (each == &self || each->dying) continue;
      if (!each->idle && !each->blocked()) return false;
      if (each->woken && (each->idle || each->work.empty())) return false;
      idle = idle || each->idle;
    }
    return idle && works_wait(self.pool, since);
  }

  [[nodiscard]] sim::Time used(const SeenWorker& self, sim::Time now) const {
    return self.used + (self.on_cpu ? now - self.in_at : 0);
  }

  // 14: nobody else counts when a work is taken (one that leaves in R, not preempted, may still be
  // on its way out of schedule(), before wq_worker_running()); 18: a CPU-intensive one lets the
  // next one start.
  void started(const TraceLine& line) {
    const std::string work = address(line);
    const Item& item = items_[work];
    waiting_.erase(work);
    SeenWorker* self = line.in_task() ? worker(line.pid, line.comm) : nullptr;
    if (self == nullptr) return;
    self->barrier = line.payload.ends_with("wq_barrier_func");
    self->work = work;
    self->queue = item.queue;
    self->used = 0;
    self->in_at = line.time;
    self->woke_sibling = self->activated = self->woken_awake = false;
    if (!self->bound || self->barrier || self->queue == nullptr) return;
    for (const SeenWorker* each : pools_[self->pool]) {
      const bool counts = each != self && !each->work.empty() && !each->barrier &&
                          each->queue != nullptr && !each->queue->intensive && !each->on_cpu &&
                          each->out_state == "R+" && !each->woken_awake && each->used < kUnmarked;
      if (counts && !preemptible_ && self->free_line != 0 && each->out_line < self->free_line)
        report(14, line, "another worker of the pool counts as running");
    }
    if (self->queue->intensive && nobody_comes(*self, line.time - kOnItsWay))
      report(18, line, "a CPU-intensive work starts, and nobody is woken for those that wait");
  }

  void ended(const TraceLine& line) {
    SeenWorker* self = line.in_task() ? worker(line.pid, line.comm) : nullptr;
    if (self == nullptr) return;
    hogs(*self, line);
    goes_on(line);
    self->work.clear();
    self->woke_sibling = false;
    self->free_line = line.number;
  }

  // 16: only who is about to sleep wakes a sibling. It may be preempted, or woken, on the way.
  void goes_on(const TraceLine& line) {
    SeenWorker* self = line.in_task() ? worker(line.pid, line.comm) : nullptr;
    if (self == nullptr || !self->woke_sibling) return;
    if (!self->woken_awake) report(16, line, "it woke a worker of its pool and did not sleep");
    self->woke_sibling = false;
  }

  // 19: with the tick behind the threshold somebody comes for the works that wait.
  void hogs(const SeenWorker& self, const TraceLine& line) {
    if (!self.bound || self.work.empty() || self.barrier || self.queue == nullptr ||
        self.queue->intensive)
      return;
    const sim::Time beyond = used(self, line.time) - kThreshold;
    const sim::Time at_once = std::min(beyond, line.time - self.in_at);
    if (at_once > tick_ + kMs && nobody_comes(self, line.time - tick_ - kMs))
      report(19, line, "it has computed for longer than the threshold, and nobody was woken");
  }

  // 17: the one that went idle last; 16: who wakes a sibling for no work that it queues must sleep.
  void woken(const TraceLine& line) {
    SeenWorker* target = worker(line.number_of("pid"), line.text_of("comm"));
    if (target == nullptr) return;
    if (target->on_cpu || target->out_state.starts_with('R')) target->woken_awake = true;
    if (target->idle && !target->woken && !target->dying) {
      for (const SeenWorker* each : pools_[target->pool]) {
        if (each->idle && !each->dying && each->free_line > target->idle_line)
          report(17, line, "another worker went idle later");
      }
      SeenWorker* self = line.in_task() ? worker(line.pid, line.comm) : nullptr;
      const bool sibling = self != nullptr && self->pool == target->pool && !self->work.empty();
      if (sibling && !self->activated) {
        self->woke_sibling = true;
        if (!self->bound) report(16, line, "an unbound worker wakes another in its work");
      }
      if (sibling) self->activated = false;
    }
    target->woken = true;
  }

  void switched(const TraceLine& line) {
    if (SeenWorker* out = worker(line.number_of("prev_pid"), line.text_of("prev_comm")))
      leaves(*out, line);
    SeenWorker* in = worker(line.number_of("next_pid"), line.text_of("next_comm"));
    if (in == nullptr) return;
    if (in->idle) in->free_line = line.number;
    if (!in->out_state.starts_with('R')) in->used = 0;
    if (!in->out_state.starts_with('R')) in->woken_awake = false;
    in->idle = in->fresh = in->woken = in->activated = false;
    in->on_cpu = true;
    in->in_at = line.time;
  }

  // 15: when a worker that counts sleeps, the next one has been woken.
  void leaves(SeenWorker& out, const TraceLine& line) {
    const std::string state(line.text_of("prev_state"));
    const bool preempted = state[0] == 'R';
    hogs(out, line);
    out.used = used(out, line.time);
    out.on_cpu = false;
    // Who waits for one counts on: schedule_rtlock() does not tell the pool.
    const bool in_lock = sleeping_locks_ && state == "D";
    const bool counted = out.bound && !out.work.empty() && !out.barrier && out.queue != nullptr &&
                         !out.queue->intensive && out.used < kUnmarked;
    if (counted && !preempted && !in_lock && state != "I" && nobody_comes(out, line.time - kOnItsWay))
      report(15, line, "it sleeps, and nobody is woken for the works that wait");
    if (!preempted) out.woke_sibling = false;
    out.out_state = state;
    out.out_line = line.number;
    out.free_line = state == "I" ? out.free_line : 0;
    out.idle = state == "I";
    if (out.idle) out.idle_line = line.number;
    out.woken = false;
  }

  void forked(const TraceLine& line) {
    SeenWorker* child = worker(line.number_of("child_pid"), line.text_of("child_comm"));
    if (child != nullptr) child->fresh = true;
  }

  void stopped(const TraceLine& line) {
    SeenWorker* self = worker(line.number_of("pid"), line.text_of("comm"));
    if (self != nullptr) self->dying = true;
  }

  struct Item {
    const QueueUse* queue = nullptr;
    std::int64_t cpu = -1;
  };

  const sim::Time tick_;
  const bool preemptible_;  ///< also in schedule(), when it no longer counts
  const bool sleeping_locks_;  ///< PREEMPT_RT: spinlocks sleep
  std::map<std::string, QueueUse> queues_;
  std::map<std::string, Item> items_;
  std::map<std::string, Waiting> waiting_;  ///< active works that nobody has started
  std::map<std::int64_t, SeenWorker> workers_;
  std::map<std::string, std::vector<SeenWorker*>> pools_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> check_worker_history(const TraceText& trace,
                                              const kt::scenario::Scenario& scenario) {
  return WorkerHistory(scenario).check(trace);
}

}  // namespace support
