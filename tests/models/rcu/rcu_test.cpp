#include <catch2/catch.hpp>

#include "models/rcu/percpu_rwsem.hpp"
#include "tests/models/boot/booted_machine.hpp"

namespace {

using namespace kt;
using boot::BootedMachine;
using boot::cpus;
using sim::Co;
using sim::kMs;
using sim::Time;
constexpr Time kTick = 4 * kMs;

struct Times {
  Time before = 0;
  Time after = 0;
  std::uint64_t grace_periods = 0;
};

Co<> synchronize(BootedMachine& booted, Times& times, bool expedited) {
  co_await booted.timers.msleep(10 * kMs);
  const std::uint64_t completed = booted.rcu.completed();
  times.before = booted.machine.now();
  if (expedited) booted.rcu.rcu_expedite_gp();
  co_await booted.rcu.synchronize_rcu();
  times.after = booted.machine.now();
  times.grace_periods = booted.rcu.completed() - completed;
  co_await booted.kthreads.do_exit(booted.boot.control());
}

constexpr Time kAtomic = 2'500'000;  // ns

Co<int> atomic_thread(kthread::Kthreads& kthreads, sched::Task&, void*) {
  sched::Scheduler& scheduler = kthreads.scheduler();
  scheduler.preempt_disable();
  co_await scheduler.machine().run(kAtomic);
  co_await scheduler.preempt_enable();
  co_return 0;
}

// While `thread` is not preemptible on its CPU; within a tick.
Co<> synchronize_against(BootedMachine& booted, sched::Task& thread, Times& times) {
  co_await booted.timers.msleep(10 * kMs);
  co_await booted.scheduler.wake_up_process(thread);
  co_await booted.timers.usleep_range(kMs / 10, kMs / 10);
  times.before = booted.machine.now();
  booted.rcu.rcu_expedite_gp();
  co_await booted.rcu.synchronize_rcu();
  times.after = booted.machine.now();
  co_await booted.kthreads.do_exit(booted.boot.control());
}

struct Writers {
  std::vector<Time> waits;
};

// Two writers in a row: the second finds the slow path of the first.
Co<> write_twice(BootedMachine& booted, rcu::PercpuRwsems& rwsems, rcu::PercpuRwsem& sem,
                 Writers& writers) {
  for (int i = 0; i < 2; ++i) {
    const Time before = booted.machine.now();
    co_await rwsems.down_write(sem);
    writers.waits.push_back(booted.machine.now() - before);
    co_await rwsems.up_write(sem);
  }
  co_await booted.kthreads.do_exit(booted.boot.control());
}

}  // namespace

TEST_CASE("a grace period of an idle machine takes a few ticks", "[rcu]") {
  BootedMachine booted(cpus(4));
  Times times;
  booted.start(synchronize(booted, times, false));
  booted.calendar.run_until(1'000 * kMs);
  CHECK(times.grace_periods == 1);
  CHECK(times.after - times.before >= 2 * kTick);
  CHECK(times.after - times.before <= 7 * kTick);
  CHECK_FALSE(booted.rcu.busy());
}

TEST_CASE("an expedited one takes microseconds", "[rcu]") {
  BootedMachine booted(cpus(4));
  Times times;
  booted.start(synchronize(booted, times, true));
  booted.calendar.run_until(1'000 * kMs);
  CHECK(times.after > times.before);
  CHECK(times.after - times.before < kMs);
  CHECK(times.grace_periods == 0);
}

TEST_CASE("an expedited one ends when a CPU that could not be preempted switches", "[rcu]") {
  BootedMachine booted(cpus(2));
  sched::Task& thread =
      booted.kthreads.boot_thread("atomic", &atomic_thread, nullptr, sched::kTaskInterruptible);
  booted.scheduler.set_cpus_mask(thread, cpu::CpuMask::of(2, 1));
  thread.cpu = &booted.machine.cpu(1);
  Times times;
  booted.start(synchronize_against(booted, thread, times));
  booted.calendar.run_until(1'000 * kMs);
  CHECK(times.after - times.before >= kAtomic - kMs / 2);
  CHECK(times.after - times.before <= kAtomic);  // and not at the next tick
}

TEST_CASE("only the first writer for a while waits for a grace period", "[rcu]") {
  BootedMachine booted(cpus(2));
  locking::Waits waits(booted.scheduler, booted.timers);
  rcu::PercpuRwsems rwsems(booted.rcu, waits, booted.scheduler);
  rcu::PercpuRwsem sem;
  Writers writers;
  booted.start(write_twice(booted, rwsems, sem, writers));
  booted.calendar.run_until(1'000 * kMs);
  REQUIRE(writers.waits.size() == 2);
  CHECK(writers.waits[0] >= 2 * kTick);
  CHECK(writers.waits[1] < kTick);
  CHECK(sem.rss.state == rcu::RcuSync::State::kIdle);
}
