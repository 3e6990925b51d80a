// Why a work starts late, from what its pool and its worker remember. Nothing here decides
// anything.
#include <algorithm>

#include "models/workqueue/workqueues.hpp"

namespace kt::workqueue {

namespace {

struct Window {
  Time from = 0;
  Time to = 0;

  [[nodiscard]] Time overlap(Time begin, Time end) const {
    return std::max<Time>(std::min(to, end) - std::max(from, begin), 0);
  }
  // How much of it a worker waited. Only the last wait is known by its limits; those before it get
  // the room that there is.
  [[nodiscard]] Time overlap(const CpuWaits& waits) const {
    if (waits.total == 0) return 0;
    const Time last = overlap(waits.last.from, waits.last.to);
    const Time earlier = waits.total - (waits.last.to - waits.last.from);
    return last + std::clamp<Time>(earlier, 0, overlap(from, waits.last.from));
  }
};

// What a work waited for since no other one kept its worker.
struct Turn {
  Time from = 0;
  Window creation;   // empty: nobody made a worker
  CpuWaits manager;  // until then
  CpuWaits runner;   // since then
};

// The parts of a turn until a moment.
struct Parts {
  Parts(const Turn& turn, Time until)
      : creation(Window{turn.from, until}.overlap(turn.creation.from, turn.creation.to)),
        manager_waited(
            Window{turn.from, std::min(until, turn.creation.from)}.overlap(turn.manager)),
        runner_waited(Window{std::max(turn.from, turn.creation.to), until}.overlap(turn.runner)) {}

  [[nodiscard]] Time cpu_wait() const { return manager_waited + runner_waited; }
  [[nodiscard]] Time sum() const { return creation + cpu_wait(); }

  Time creation;
  Time manager_waited;
  Time runner_waited;
};

// So much more behind one other work: the one that took longest is named.
void add_behind(LateStart& late, Time time, std::uint32_t work, std::uint32_t worker) {
  if (time > late.behind) {
    late.behind_work = work;
    late.behind_worker = worker;
  }
  late.behind += time;
}

// Until the worker was done with the item before, and until another one slept and gave way.
void add_kept(LateStart& late, const Worker& worker, Time since) {
  const WorkerPool& pool = *worker.pool;
  const Time ended = std::max(since, worker.ended_at);
  add_behind(late, ended - since, worker.previous_name, late.worker);
  if (pool.lifted_at > ended) {
    add_behind(late, pool.lifted_at - ended, pool.lifted_work, pool.lifted_by);
  }
}

void add_turn(LateStart& late, const Turn& turn, Time until) {
  const Parts parts(turn, until);
  late.creation = parts.creation;
  late.cpu_wait = parts.cpu_wait();
  if (late.cpu_wait == 0) return;
  const bool manager = parts.manager_waited > parts.runner_waited;
  const sched::CpuWait& longer = manager ? turn.manager.last : turn.runner.last;
  late.cpu_taken_by = longer.behind;
  late.cpu_taken_by_pid = longer.behind_pid;
}

// What is left: of the time until another work was taken all that can be said is that it was ahead.
void add_rest(LateStart& late, const Turn& turn, const Taken& ahead) {
  late.way = late.latency - late.inactive - late.behind - late.creation - late.cpu_wait;
  if (ahead.at <= turn.from) return;
  const Time left = ahead.at - turn.from - Parts(turn, ahead.at).sum();
  const Time behind = std::clamp<Time>(left, 0, late.way);
  add_behind(late, behind, ahead.work, ahead.worker);
  late.way -= behind;
}

}  // namespace

CpuWaits Workqueues::cpu_waits(const Worker& worker) {
  if (worker.task == nullptr) return {};  // bottom halves run on whatever is there
  return {worker.task->stats.run_delay - worker.run_delay, worker.task->cpu_wait};
}

LateStart Workqueues::late_start(const Worker& worker, const Queueing& queueing) const {
  const WorkerPool& pool = *worker.pool;
  const Time now = machine_.now();
  LateStart late{.queued_at = queueing.queued_at,
                 .latency = now - queueing.queued_at,
                 .inactive = queueing.activated_at - queueing.queued_at,
                 .address = worker.current_address,
                 .function_name = worker.current_name,
                 .queued_by = queueing.queued_by,
                 .queued_by_pid = queueing.queued_by_pid,
                 .queued_on = queueing.queued_on,
                 .queued_from = queueing.queued_from,
                 .rescued = worker.rescue_wq != nullptr,
                 .bh = worker.task == nullptr,
                 .cpu = machine_.this_cpu().id(),
                 .worker = scheduler_.current().comm};
  add_kept(late, worker, queueing.activated_at);
  const Time from = queueing.activated_at + late.behind;
  Turn turn{from, {from, from}, {}, cpu_waits(worker)};
  const Time created_until = pool.manager != nullptr ? now : pool.created_until;
  if (created_until > turn.from) {
    turn.creation = {std::max(turn.from, pool.creating_since), created_until};
    turn.manager = pool.manager_waits;
  }
  const Turn alone{from, {from, from}, {}, turn.runner};
  if (Parts(alone, now).sum() > Parts(turn, now).sum()) turn = alone;  // it was made for others
  add_turn(late, turn, now);
  add_rest(late, turn, worker.before);
  return late;
}

}  // namespace kt::workqueue
