// Random histories of two CPUs' queues against the naive reference: every field, every pick, every
// reschedule; and after each step the invariants of EEVDF.
#include <array>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "tests/models/sched/eevdf_reference.hpp"
#include "tests/models/sched/fair_cpu.hpp"

using namespace kt::sched;
using namespace kt::sched::test;

namespace {

struct TrackedTask {
  Entity se;
  ReferenceTask ref;
  std::size_t cpu = 0;
};

class History {
 public:
  History(unsigned seed, std::size_t nr_tasks, bool equal_weights)
      : random_(seed), equal_weights_(equal_weights), tasks_(nr_tasks) {
    for (TrackedTask& t : tasks_) t.se.load = t.ref.load = any_weight();
  }

  void step() {
    now_ += below(4) == 0 ? below(6'000'000) : below(300'000);
    for (FairCpu& cpu : cpus_) cpu.now = now_;
    TrackedTask& t = tasks_[static_cast<std::size_t>(below(static_cast<sim::Time>(tasks_.size())))];
    const auto cpu = static_cast<std::size_t>(below(2));
    switch (below(8)) {
      case 0:
      case 1:
        if (!t.ref.queued || t.ref.delayed) wake(t, cpu);
        break;
      case 2:
      case 3:
        sleep(cpu, below(6) == 0);
        break;
      case 4:
        migrate(t);
        break;
      case 5:
        change_weight(t);
        break;
      case 6:
        yield(cpu);
        break;
      default:
        tick(cpu);
        break;
    }
    check();
  }

 private:
  sim::Time below(sim::Time bound) {
    return static_cast<sim::Time>(random_() % static_cast<std::uint64_t>(bound));
  }

  LoadWeight any_weight() {
    return load_weight_of_nice(equal_weights_ ? 0 : static_cast<int>(below(40)) - 20);
  }

  TrackedTask* task_of(const ReferenceTask* ref) {
    for (TrackedTask& t : tasks_) {
      if (&t.ref == ref) return &t;
    }
    return nullptr;
  }

  void schedule(std::size_t cpu) {
    refs_[cpu].update(now_);
    ReferenceTask* next = refs_[cpu].pick();
    cpus_[cpu].schedule();
    refs_[cpu].switch_to(next, now_);
    TrackedTask* expected = task_of(next);
    REQUIRE(cpus_[cpu].rq.curr() == (expected != nullptr ? &expected->se : nullptr));
  }

  void settle(std::size_t cpu, bool expected_resched) {
    REQUIRE(cpus_[cpu].need_resched == expected_resched);
    if (expected_resched || refs_[cpu].current == nullptr) schedule(cpu);
  }

  void join(TrackedTask& t, EnqueueFlags flags) {
    cpus_[t.cpu].wake(t.se, flags);
    ReferenceQueue& ref = refs_[t.cpu];
    bool resched = ref.enqueue(t.ref, now_);
    if (!resched && ref.current != nullptr && ref.current != &t.ref) {
      resched = ref.update(now_);
      resched = ref.best() == &t.ref || resched;
    }
    settle(t.cpu, resched);
  }

  void wake(TrackedTask& t, std::size_t cpu) {
    if (!t.ref.delayed) t.cpu = cpu;
    join(t, {});
  }

  void sleep(std::size_t cpu, bool special) {
    ReferenceQueue& ref = refs_[cpu];
    if (ref.current == nullptr) return;
    TrackedTask& t = *task_of(ref.current);
    ref.update(now_);
    const bool expected = ref.dequeue(t.ref, true, special, false);
    REQUIRE(cpus_[cpu].rq.dequeue(t.se, {.sleep = true, .special = special}, now_) == expected);
    schedule(cpu);
  }

  void migrate(TrackedTask& t) {
    if (!t.ref.queued || t.ref.delayed || refs_[t.cpu].current == &t.ref) return;
    const bool resched = refs_[t.cpu].update(now_);
    refs_[t.cpu].dequeue(t.ref, false, false, false);
    REQUIRE(cpus_[t.cpu].rq.dequeue(t.se, {}, now_));
    settle(t.cpu, resched);
    t.cpu = 1 - t.cpu;
    join(t, {.migrated = true});
  }

  void change_weight(TrackedTask& t) {
    if (t.ref.queued) return;
    const LoadWeight load = any_weight();
    reweight(t.se, load);
    t.ref.vlag = t.ref.vlag * t.ref.load.weight / load.weight;
    t.ref.load = load;
  }

  void yield(std::size_t cpu) {
    if (refs_[cpu].current == nullptr || cpus_[cpu].rq.nr_running() < 2) return;
    refs_[cpu].update(now_);
    refs_[cpu].yield();
    cpus_[cpu].rq.yield(now_);
    schedule(cpu);
  }

  void tick(std::size_t cpu) {
    const bool expected = refs_[cpu].update(now_);
    cpus_[cpu].rq.update_curr(now_);
    settle(cpu, expected);
  }

  void check() {
    for (const TrackedTask& t : tasks_) {
      REQUIRE(static_cast<std::int64_t>(t.se.vruntime) == t.ref.vruntime);
      REQUIRE(static_cast<std::int64_t>(t.se.deadline) == t.ref.deadline);
      REQUIRE(t.se.sum_exec_runtime == t.ref.service);
      REQUIRE(t.se.on_rq == t.ref.queued);
      REQUIRE(t.se.sched_delayed == t.ref.delayed);
      if (!t.ref.queued) REQUIRE(t.se.vlag == t.ref.vlag);
      if (!t.ref.queued) REQUIRE(std::abs(t.se.vlag) <= refs_[t.cpu].limit(t.ref) + 1);
    }
    for (std::size_t cpu = 0; cpu < 2; ++cpu) check_queue(cpu);
  }

  void check_queue(std::size_t cpu) {
    CfsRq& rq = cpus_[cpu].rq;
    const Wide weight = refs_[cpu].sum_of_weights();
    REQUIRE(static_cast<std::int64_t>(rq.load_weight()) == static_cast<std::int64_t>(weight));
    unsigned queued = 0;
    unsigned delayed = 0;
    Wide sum_of_lags = 0;
    const auto average = static_cast<std::int64_t>(rq.avg_vruntime());
    for (const TrackedTask& t : tasks_) {
      if (!t.ref.queued || t.cpu != cpu) continue;
      ++queued;
      if (t.ref.delayed) ++delayed;
      sum_of_lags += Wide{t.ref.load.weight} * (average - t.ref.vruntime);
      REQUIRE(rq.eligible(t.se) == refs_[cpu].eligible(t.ref));
    }
    REQUIRE(rq.nr_running() == queued);
    REQUIRE(rq.h_nr_delayed() == delayed);
    REQUIRE(rq.h_nr_runnable() == queued - delayed);
    if (queued == 0) return;
    // V is a floor, so lags add up to zero but for less than one virtual ns of the whole weight.
    REQUIRE(average == refs_[cpu].average());
    REQUIRE(sum_of_lags <= 0);
    REQUIRE(sum_of_lags > -weight);
    REQUIRE((rq.curr() != nullptr && !rq.curr()->sched_delayed));
  }

  std::mt19937_64 random_;
  bool equal_weights_;
  std::vector<TrackedTask> tasks_;
  std::array<FairCpu, 2> cpus_;
  std::array<ReferenceQueue, 2> refs_{ReferenceQueue{2'800'000, 4'000'000},
                                      ReferenceQueue{2'800'000, 4'000'000}};
  sim::Time now_ = 1'000'000;
};

}  // namespace

TEST_CASE("random histories match the naive reference and keep the invariants",
          "[eevdf][property]") {
  const unsigned seed = GENERATE(range(1U, 41U));
  CAPTURE(seed);
  History history(seed, 2 + seed % 11, seed % 3 == 0);
  for (int step = 0; step < 1000; ++step) {
    CAPTURE(step);
    history.step();
  }
}
