// The threads of each CPU at work: on a machine that has booted, with the scheduler under them.
#include "models/kthread/smpboot.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "tests/models/boot/booted_machine.hpp"

namespace kt::boot {
namespace {

struct Log {
  std::vector<std::string> lines;
  bool wanted = false;
};

Co<> note(void* object, cpu::Cpu& cpu, const char* what) {
  static_cast<Log*>(object)->lines.push_back(what + std::to_string(cpu.id()));
  co_await cpu.run(100);
}
bool wanted(void* object, cpu::Cpu&) {
  return std::exchange(static_cast<Log*>(object)->wanted, false);
}
Co<> run(void* object, cpu::Cpu& cpu) {
  return note(object, cpu, "run ");
}
Co<> park(void* object, cpu::Cpu& cpu) {
  return note(object, cpu, "park ");
}
Co<> unpark(void* object, cpu::Cpu& cpu) {
  return note(object, cpu, "unpark ");
}
Co<> setup(void* object, cpu::Cpu& cpu) {
  return note(object, cpu, "setup ");
}
Co<> cleanup(void* object, cpu::Cpu& cpu) {
  return note(object, cpu, "cleanup ");
}

Co<> life_of_a_thread(BootedMachine& booted, kthread::SmpbootThread& thread, Log& log) {
  Kthreads& kthreads = booted.kthreads;
  const kthread::Created made =
      co_await kthreads.kthread_create_on_cpu("percpu/1", &kthread::smpboot_thread_fn, &thread, 1);
  Task& k = *made.task;
  kthreads.kthread_set_per_cpu(k, 1);
  co_await kthreads.kthread_park(k);
  log.lines.push_back("created");
  co_await kthreads.kthread_unpark(k);
  co_await booted.timers.msleep(5'000'000);
  log.wanted = true;
  co_await booted.scheduler.wake_up_process(k);
  co_await booted.timers.msleep(5'000'000);
  co_await kthreads.kthread_park(k);
  log.lines.push_back(k.state == sched::kTaskParked ? "parked" : "not parked");
  co_await kthreads.kthread_unpark(k);
  co_await booted.timers.msleep(5'000'000);
  const int result = co_await kthreads.kthread_stop(k);
  log.lines.push_back("stopped " + std::to_string(result));
  co_await kthreads.do_exit(booted.boot.control());
}

TEST_CASE("a per-CPU thread is set up, runs, parks, goes on and cleans up", "[kthread]") {
  BootedMachine booted(cpus(2), {.minimal = true});
  Log log;
  const kthread::HotplugThread descriptor{.comm = "percpu",
                                          .object = &log,
                                          .thread_should_run = &wanted,
                                          .thread_fn = &run,
                                          .setup = &setup,
                                          .cleanup = &cleanup,
                                          .park = &park,
                                          .unpark = &unpark};
  kthread::SmpbootThread thread{&descriptor, nullptr, 1};
  booted.start(life_of_a_thread(booted, thread, log));
  booted.calendar.run_until(1'000'000'000);
  CHECK(log.lines == std::vector<std::string>{"created", "setup 1", "run 1", "park 1", "parked",
                                              "unpark 1", "cleanup 1", "stopped 0"});
}

Co<> count_action(void* object, cpu::Cpu& cpu) {
  static_cast<std::vector<std::int32_t>*>(object)->push_back(cpu.current->pid);
  co_await cpu.run(100);
}

Co<> raise_from_task(BootedMachine& booted) {
  co_await booted.softirqs.raise(softirq::Vec::kTasklet);
  co_await booted.timers.msleep(5'000'000);
  co_await booted.kthreads.do_exit(booted.boot.control());
}

TEST_CASE("ksoftirqd serves what a task raises", "[boot]") {
  BootedMachine booted(cpus(2));
  std::vector<std::int32_t> served;
  booted.softirqs.open_softirq(softirq::Vec::kTasklet, &count_action, &served);
  booted.start(raise_from_task(booted));
  booted.calendar.run_until(1'000'000'000);
  CHECK(served == std::vector<std::int32_t>{booted.named("ksoftirqd/0").pid});
}

Co<> spin(BootedMachine& booted, Task& self) {
  co_await booted.scheduler.schedule_tail();
  co_await booted.machine.this_cpu().run_user(20'000'000);
  co_await booted.kthreads.do_exit(self);
}

Co<> move_a_running_task(BootedMachine& booted, Task& runner, std::vector<int>& cpus) {
  co_await booted.scheduler.wake_up_new_task(runner);
  co_await booted.timers.msleep(5'000'000);
  cpus.push_back(runner.cpu->id());
  const int other = 1 - runner.cpu->id();
  const cpu::CpuMask mask = cpu::CpuMask::of(2, other);
  cpus.push_back(co_await booted.scheduler.set_cpus_allowed(runner, mask));
  cpus.push_back(runner.cpu->id());
  co_await booted.kthreads.do_exit(booted.boot.control());
}

TEST_CASE("migration/N pushes a running task off its CPU", "[boot]") {
  BootedMachine booted(cpus(2));
  Task& runner = booted.scheduler.new_task("runner");
  runner.body = spin(booted, runner);
  runner.resume_point = runner.body.handle();
  std::vector<int> cpus;
  booted.start(move_a_running_task(booted, runner, cpus));
  booted.calendar.run_until(1'000'000'000);
  REQUIRE(cpus.size() == 3);
  CHECK(cpus[1] == 0);
  CHECK(cpus[2] == 1 - cpus[0]);
  CHECK(runner.exit_state == sched::kExitZombie);
  const Task& stopper = booted.named(cpus[0] == 0 ? "migration/0" : "migration/1");
  CHECK(stopper.stats.nr_wakeups == 1);
  CHECK(stopper.state == sched::kTaskInterruptible);
}

}  // namespace
}  // namespace kt::boot
