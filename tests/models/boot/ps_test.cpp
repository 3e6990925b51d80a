#include "models/boot/ps.hpp"

#include <catch2/catch.hpp>

#include "tests/models/boot/booted_machine.hpp"

namespace kt::boot {
namespace {

// The same letters, classes and dashes that procps-ng 4.0.2 printed for tasks started by chrt and
// nice; the columns are those of its table.
TEST_CASE("the table looks like that of ps", "[boot]") {
  BootedMachine booted(cpus(2), {.minimal = true, .workers = false});
  sched::Scheduler& scheduler = booted.scheduler;
  const auto task = [&](const char* name, sched::Policy policy, int rt_priority, int nice) {
    Task& p = scheduler.new_task(name);
    p.ppid = 1;
    p.state = sched::kTaskInterruptible;
    scheduler.init_policy(p, policy, rt_priority, nice);
  };
  task("batch", sched::Policy::kBatch, 0, 5);
  task("idle", sched::Policy::kIdle, 0, 0);
  task("fifo", sched::Policy::kFifo, 10, 0);
  task("rr", sched::Policy::kRr, 7, 0);
  task("a_name_of_more_than_fifteen", sched::Policy::kNormal, 0, -7);
  CHECK(ps_table(ps_rows(scheduler), 2) ==
        "  PID  PPID STAT PSR CLS RTPRIO  NI COMMAND\n"
        "    1     0 R      0  TS      -   0 control\n"
        "    2     0 S      0  TS      -   0 [kthreadd]\n"
        "    3     2 S      0  TS      -   0 [ksoftirqd/0]\n"
        "    4     2 S      0  FF     99   - [migration/0]\n"
        "    5     2 S      1  FF     99   - [migration/1]\n"
        "    6     2 S      1  TS      -   0 [ksoftirqd/1]\n"
        "    7     1 SN     0   B      0   5 batch\n"
        "    8     1 S      0 IDL      0   - idle\n"
        "    9     1 S      0  FF     10   - fifo\n"
        "   10     1 S      0  RR      7   - rr\n"
        "   11     1 S<     0  TS      -  -7 a_name_of_more_\n");
}

TEST_CASE("states print as the kernel reports them", "[boot]") {
  BootedMachine booted(cpus(1), {.minimal = true});
  Task& p = booted.boot.control();
  const auto letter = [&](std::uint32_t state, sched::ExitState exit = sched::kExitNone) {
    p.state = state;
    p.exit_state = exit;
    return ps_rows(booted.scheduler).front().stat;
  };
  CHECK(letter(sched::kTaskRunning) == "R");
  CHECK(letter(sched::kTaskWaking) == "R");
  CHECK(letter(sched::kTaskNew) == "R");
  CHECK(letter(sched::kTaskInterruptible | sched::kTaskFreezable) == "S");
  CHECK(letter(sched::kTaskKillable) == "D");
  CHECK(letter(sched::kTaskFrozen) == "D");
  CHECK(letter(sched::kTaskIdle) == "I");
  CHECK(letter(sched::kTaskStopped) == "T");
  CHECK(letter(sched::kTaskTraced) == "t");
  CHECK(letter(sched::kTaskParked) == "P");
  CHECK(letter(sched::kTaskDead, sched::kExitZombie) == "Z");
  CHECK(ps_rows(booted.scheduler).front().comm == "control <defunct>");
  p.exit_state = sched::kExitDead;
  CHECK(ps_rows(booted.scheduler).front().comm == "[kthreadd]");
}

TEST_CASE("a machine with more CPUs has wider PIDs", "[boot]") {
  CHECK(ps_table({}, 32).starts_with("  PID  PPID STAT"));
  CHECK(ps_table({}, 1024).starts_with("    PID    PPID STAT"));
  CHECK(ps_table({}, 8192).starts_with("    PID    PPID STAT"));
}

}  // namespace
}  // namespace kt::boot
