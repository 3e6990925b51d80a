// One CPU with nothing but a fair run queue and a tick, driven by hand: what the tests of CfsRq run
// on. It reschedules at once when asked, except inside wake(), whose answer is left in
// need_resched.
#pragma once

#include <vector>

#include "models/sched/eevdf.hpp"

namespace kt::sched::test {

class FairCpu final : public FairHooks {
 public:
  explicit FairCpu(unsigned online_cpus = 8) : tunables{base_slice_of(online_cpus), 4'000'000} {}

  void account(Entity&, sim::Time delta_exec) override { charged += delta_exec; }
  void resched_curr() override { need_resched = true; }
  void block(Entity& se) override { blocked.push_back(&se); }

  /// kernel/sched/core.c: try_to_wake_up, on this CPU. Afterwards need_resched tells the
  /// preemption.
  void wake(Entity& se, EnqueueFlags flags = {}) {
    flags.delayed = se.sched_delayed;
    rq.enqueue(se, flags, now);
    if (rq.curr() != nullptr && !need_resched) rq.wakeup_preempt(se, now);
  }

  /// The current entity blocks; returns what dequeue said.
  bool sleep(bool special = false) {
    const bool complete = rq.dequeue(*rq.curr(), {.sleep = true, .special = special}, now);
    schedule();
    return complete;
  }

  void schedule() {
    need_resched = false;
    Entity* next = rq.pick(now);
    Entity* prev = rq.curr();
    if (next == prev) return;
    if (prev != nullptr) rq.put_prev(*prev, now);
    if (next != nullptr) rq.set_next(*next, now);
  }

  void change_nice(Entity& se, int nice) {
    const bool running = rq.curr() == &se;
    rq.dequeue(se, {}, now);
    if (running) rq.put_prev(se, now);
    reweight(se, load_weight_of_nice(nice));
    rq.enqueue(se, {}, now);
    if (running) rq.set_next(se, now);
  }

  /// Advances to the next multiple of the tick; true if the tick asked for a reschedule, which it
  /// then does.
  bool tick() {
    now += tunables.tick - now % tunables.tick;
    rq.update_curr(now);
    const bool asked = need_resched;
    if (asked) schedule();
    return asked;
  }

  /// Advances without a tick.
  void run(sim::Time duration) {
    now += duration;
    rq.update_curr(now);
  }

  std::int64_t lag(const Entity& se) {
    return static_cast<std::int64_t>(rq.avg_vruntime() - se.vruntime);
  }

  FairTunables tunables;
  CfsRq rq{tunables, *this};
  sim::Time now = 0;
  bool need_resched = false;
  sim::Time charged = 0;
  std::vector<Entity*> blocked;
};

inline Entity of_nice(int value) {
  Entity se;
  se.load = load_weight_of_nice(value);
  return se;
}

}  // namespace kt::sched::test
