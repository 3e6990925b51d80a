#include "tests/support/invariants.hpp"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>
#include <string>

namespace {

/// Builds ftrace text, one line a call; every line is 10 us after the one before.
class Script {
 public:
  Script& line(unsigned cpu, const std::string& by, const std::string& flags,
               const std::string& body) {
    time_ += 10;
    text_ += fmt::format("{:>24} [{:03}] {} {:5}.{:06}: {}\n", padded(by), cpu, flags,
                         time_ / 1'000'000, time_ % 1'000'000, body);
    return *this;
  }
  /// Tasks are "comm-pid" everywhere.
  Script& swap(unsigned cpu, const std::string& prev, const std::string& state,
               const std::string& next) {
    return line(
        cpu, prev, "d..2.",
        fmt::format("sched_switch: prev_comm={} prev_pid={} prev_prio=120 prev_state={} ==> "
                    "next_comm={} next_pid={} next_prio=120",
                    comm(prev), pid(prev), state, comm(next), pid(next)));
  }
  Script& waking(unsigned cpu, const std::string& by, const std::string& who, unsigned target,
                 const std::string& flags = "d..2.") {
    return line(cpu, by, flags,
                about("sched_waking", who) + fmt::format(" target_cpu={:03}", target));
  }
  Script& wakeup(unsigned cpu, const std::string& by, const std::string& who, unsigned target,
                 const std::string& event = "sched_wakeup") {
    return line(cpu, by, "d..3.", about(event, who) + fmt::format(" target_cpu={:03}", target));
  }
  Script& wake(unsigned cpu, const std::string& by, const std::string& who, unsigned target) {
    return waking(cpu, by, who, target).wakeup(cpu, by, who, target);
  }
  Script& migrate(unsigned cpu, const std::string& by, const std::string& who, unsigned from,
                  unsigned to) {
    return line(
        cpu, by, "d..2.",
        about("sched_migrate_task", who) + fmt::format(" orig_cpu={} dest_cpu={}", from, to));
  }
  Script& fork(unsigned cpu, const std::string& by, const std::string& child) {
    return line(cpu, by, ".....",
                fmt::format("sched_process_fork: comm={} pid={} child_comm={} child_pid={}",
                            comm(by), pid(by), comm(child), pid(child)));
  }
  /// kthreadd, running on the CPU, forks a thread that is placed there.
  Script& kthread(unsigned cpu, const std::string& child) {
    return fork(cpu, "kthreadd-2", child).wakeup(cpu, "kthreadd-2", child, cpu, "sched_wakeup_new");
  }
  Script& softirq(unsigned cpu, const std::string& what, int vector, const std::string& flags) {
    return line(cpu, "a-10", flags, fmt::format("softirq_{}: vec={} [action=X]", what, vector));
  }
  Script& pass(std::int64_t us) {
    time_ += us;
    return *this;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  static std::string comm(const std::string& task) { return task.substr(0, task.rfind('-')); }
  static std::string pid(const std::string& task) { return task.substr(task.rfind('-') + 1); }
  static std::string padded(const std::string& task) {
    return fmt::format("{:>16}-{:<7}", pid(task) == "0" ? "<idle>" : comm(task), pid(task));
  }
  static std::string about(const std::string& event, const std::string& who) {
    return fmt::format("{}: comm={} pid={} prio=120", event, comm(who), pid(who));
  }

  std::string text_;
  std::int64_t time_ = 1'000'000;
};

using Names = std::set<std::string>;

Names broken(const Script& script) {
  Names names;
  for (const auto& violation : support::check_invariants(support::parse_trace(script.text())))
    names.insert(violation.invariant);
  return names;
}

const std::string kIdle = "swapper/0-0";
const std::string kStart =
    "timer_start: timer=t1 function=f expires=100 [timeout=5] bucket_expiry=";
const std::string kExpire = "timer_expire_entry: timer=t1 function=f baseclk=101 now=";
const std::string kTickStart =
    "hrtimer_start: hrtimer=h1 function=tick_nohz_handler softexpires=4000000 mode=ABS|PINNED|HARD "
    "was_armed=0 expires=";

std::string kwork(const std::string& event, const std::string& work) {
  return event == "queue_work"
             ? fmt::format("sched_kthread_work_queue_work: work struct={} function=f worker=w1",
                           work)
             : fmt::format("sched_kthread_work_{}: work struct {}: function f", event, work);
}

}  // namespace

TEST_CASE("the recorded kernel keeps the invariants", "[conformance][invariants]") {
  namespace fs = std::filesystem;
  for (const auto& entry :
       fs::directory_iterator(fs::path(KTSIM_SOURCE_DIR) / "tests/conformance")) {
    if (!fs::exists(entry.path() / "trace.txt")) continue;
    INFO(entry.path());
    const auto trace = support::parse_trace(support::read_text(entry.path() / "trace.txt"));
    const auto violations = support::check_invariants(trace);
    INFO(support::describe(violations));
    CHECK(violations.empty());
  }
}

TEST_CASE("a violation names its line", "[invariants]") {
  const Script script = Script().swap(0, "a-10", "S", kIdle).swap(0, kIdle, "R", "a-10");
  const auto violations = support::check_invariants(support::parse_trace(script.text()));
  REQUIRE(violations.size() == 1);
  REQUIRE(violations[0].line == 2);
  REQUIRE_THAT(support::describe(violations),
               Catch::StartsWith("line 2: sched 3: switched out in S and not woken since: "));
}

TEST_CASE("switches that no kernel makes are found", "[invariants]") {
  CHECK(broken(Script().swap(0, "a-10", "R+", "b-11").swap(0, "c-12", "R+", "b-11")) ==
        Names{"sched 1", "sched 2"});
  CHECK(broken(Script().swap(0, "a-10", "R", "a-10")) == Names{"sched 1"});
  CHECK(broken(Script().swap(0, "a-10", "R+", "b-11").swap(1, "c-12", "S", "b-11")) ==
        Names{"sched 2", "sched 7"});
  CHECK(broken(Script().swap(0, "a-10", "D", "b-11").swap(0, "b-11", "S", "a-10")) ==
        Names{"sched 3"});
  CHECK(broken(Script().swap(0, "a-10", "R+", "b-11").swap(0, "b-11", "S", "a-10")).empty());
  CHECK(broken(Script().swap(0, kIdle, "S", "b-11")) == Names{"sched 15"});
  CHECK(broken(Script().swap(0, "a-10", "R+", kIdle)) == Names{"sched 15"});
  CHECK(broken(Script().wake(0, "a-10", "b-11", 0).swap(0, "a-10", "S", kIdle)) ==
        Names{"sched 15"});
  CHECK(broken(Script().swap(0, "a-10", "X", "b-11").swap(0, "b-11", "S", "a-10")) ==
        Names{"sched 33"});
  CHECK(broken(Script().swap(0, "a-10", "X", "b-11").wake(0, "b-11", "a-10", 0)) ==
        Names{"sched 33"});
  CHECK(broken(Script().swap(0, "a-10", "X", "b-11").line(1, "a-10", ".....", "mark: x")) ==
        Names{"sched 33"});
}

TEST_CASE("a stopper or an idle CPU that does not take a wakeup is found", "[invariants]") {
  CHECK(broken(Script().wake(0, "a-10", "migration/0-5", 0).swap(0, "a-10", "S", "b-11")) ==
        Names{"sched 13"});
  CHECK(broken(Script().swap(0, "migration/0-5", "R+", "b-11")) == Names{"sched 13"});
  Script idle;
  idle.swap(1, "a-10", "S", "swapper/1-0").wake(0, "b-11", "a-10", 1).pass(2000);
  CHECK(broken(idle.line(0, "b-11", ".....", "mark: x")) == Names{"sched 16"});
  Script early;
  early.swap(0, kIdle, "R", "a-10").wake(1, "b-11", "a-10", 0);
  CHECK(broken(early.swap(0, "a-10", "S", kIdle)) == Names{"sched 35"});
}

TEST_CASE("wakeups and migrations that do not fit are found", "[invariants]") {
  CHECK(broken(Script().wakeup(0, "a-10", "b-11", 0)) == Names{"sched 5"});
  CHECK(broken(Script().wakeup(0, "a-10", "b-11", 0, "sched_wakeup_new")) == Names{"sched 5"});
  CHECK(broken(Script().wake(0, "a-10", "b-11", 0).swap(1, "c-12", "S", "b-11")) ==
        Names{"sched 7"});
  CHECK(broken(Script().waking(0, "a-10", "b-11", 0).wakeup(0, "a-10", "b-11", 1)) ==
        Names{"sched 8"});
  CHECK(broken(Script()
                   .waking(0, "a-10", "b-11", 0)
                   .migrate(0, "a-10", "b-11", 0, 1)
                   .wakeup(0, "a-10", "b-11", 1))
            .empty());
  CHECK(broken(Script().swap(0, "a-10", "S", "b-11").migrate(1, "c-12", "b-11", 0, 1)) ==
        Names{"sched 9"});
  CHECK(broken(Script().swap(0, "a-10", "S", "b-11").migrate(1, "c-12", "a-10", 2, 1)) ==
        Names{"sched 10"});
  CHECK(broken(Script().swap(1, "a-10", "S", "ksoftirqd/0-16")) == Names{"sched 11"});
  CHECK(broken(Script().migrate(1, "a-10", "kworker/1:0-30", 1, 0)) == Names{"sched 11"});
  CHECK(broken(Script().swap(1, "a-10", "S", "kworker/u8:0-16")).empty());
  CHECK(broken(Script().swap(0, "a-10", "P", "b-11").waking(0, "b-11", "a-10", 0, "d.h2.")) ==
        Names{"sched 12"});
}

TEST_CASE("softirqs and handlers that do not fit are found", "[invariants]") {
  Script ok;
  ok.softirq(0, "raise", 1, "d.h1.").softirq(0, "entry", 1, "..s..").softirq(0, "exit", 1, "..s..");
  CHECK(broken(ok).empty());
  Script again = ok;
  CHECK(broken(again.softirq(0, "entry", 1, "..s..")) == Names{"sched 20"});
  Script nested = ok;
  nested.softirq(0, "raise", 1, "d.h1.")
      .softirq(0, "raise", 7, "d.h1.")
      .softirq(0, "entry", 1, "..s..");
  CHECK(broken(nested.softirq(0, "entry", 7, "..s..")) == Names{"sched 19"});
  Script hard = ok;
  CHECK(broken(hard.softirq(0, "raise", 1, "d.h1.").softirq(0, "entry", 1, "..H..")) ==
        Names{"sched 19"});
  Script open = ok;
  open.softirq(0, "raise", 1, "d.h1.").softirq(0, "entry", 1, "..s..");
  CHECK(broken(open.swap(0, "a-10", "S", "b-11")) == Names{"sched 23"});
  Script restart;
  restart.softirq(0, "raise", 1, "d.h1.");
  for (int i = 0; i < 11; ++i)
    restart.softirq(0, "entry", 1, "..s..")
        .softirq(0, "raise", 1, "d.s..")
        .softirq(0, "exit", 1, "..s..");
  CHECK(broken(restart) == Names{"sched 21"});
  Script due;
  due.softirq(0, "raise", 1, "d.h1.")
      .softirq(0, "entry", 1, "..s..")
      .softirq(0, "raise", 1, "d.s..");
  CHECK(broken(due.softirq(0, "exit", 1, ".Ns..").softirq(0, "entry", 1, ".Ns..")) ==
        Names{"sched 21"});
  Script task;
  task.softirq(0, "raise", 6, "d....");
  CHECK(broken(Script(task).line(0, "a-10", ".....", "mark: x")) == Names{"sched 22"});
  CHECK(broken(
            Script(task).waking(0, "a-10", "ksoftirqd/0-16", 0).line(0, "a-10", ".....", "mark: x"))
            .empty());
  Script handler;
  handler.line(0, "a-10", "d.h..", "irq_handler_entry: irq=5 name=eth0");
  CHECK(broken(Script(handler).swap(0, "a-10", "S", "b-11")) == Names{"sched 23"});
  CHECK(broken(Script(handler).line(0, "a-10", "d.h..", "irq_handler_exit: irq=6 ret=handled")) ==
        Names{"sched 23"});
  CHECK(broken(Script(handler).line(0, "a-10", "d.h..", "irq_handler_exit: irq=5 ret=handled"))
            .empty());
}

TEST_CASE("timers that expire at the wrong time or place are found", "[invariants]") {
  const auto timer = [](const std::string& bucket, const std::string& flags, unsigned cpu,
                        const std::string& now) {
    Script script;
    script.line(0, "a-10", "d..1.", kStart + bucket + " cpu=0 idx=37 flags=" + flags);
    script.softirq(cpu, "raise", 1, "d.h..").softirq(cpu, "entry", 1, "..s..");
    return broken(script.line(cpu, "a-10", "..s..", kExpire + now));
  };
  CHECK(timer("101", "", 0, "101").empty());
  CHECK(timer("101", "", 1, "102").empty());
  CHECK(timer("101", "P", 1, "101") == Names{"sched 26"});
  CHECK(timer("101", "", 0, "100") == Names{"sched 24"});
  CHECK(timer("102", "", 0, "102") == Names{"sched 24"});
  CHECK(timer("100", "", 0, "100") == Names{"sched 24"});
  CHECK(broken(Script().line(0, "a-10", ".....", kExpire + "101")) == Names{"sched 25"});

  const std::string start =
      "hrtimer_start: hrtimer=h2 function=f expires=50 softexpires=40 mode=REL";
  const auto hrtimer = [&](const std::string& mode, const std::string& flags,
                           const std::string& now) {
    return broken(
        Script()
            .line(0, "a-10", "d..1.", start + mode + " was_armed=0")
            .line(0, "a-10", flags, "hrtimer_expire_entry: hrtimer=h2 function=f now=" + now));
  };
  CHECK(hrtimer("", "d.h1.", "40").empty());
  CHECK(hrtimer("", "d.h1.", "39") == Names{"sched 27"});
  CHECK(hrtimer("", "d....", "50") == Names{"sched 25"});
  CHECK(hrtimer("|SOFT", "d.h1.", "50") == Names{"sched 25"});
}

TEST_CASE("a tick off its grid is found", "[invariants]") {
  const auto ticks = [](const std::string& second) {
    return broken(Script()
                      .line(0, "a-10", "d.h1.", kTickStart + "4000000")
                      .line(0, "a-10", "d.h1.", kTickStart + second));
  };
  CHECK(ticks("8000000").empty());
  CHECK(ticks("9000000") == Names{"sched 28"});
  CHECK(ticks("12000000") == Names{"sched 28"});
  CHECK(broken(Script()
                   .line(0, "a-10", "d.h1.", kTickStart + "4000000")
                   .swap(0, "a-10", "S", kIdle)
                   .line(0, kIdle, "d.h1.", kTickStart + "12000000"))
            .empty());
}

TEST_CASE("kthreads that are created in the wrong way are found", "[invariants]") {
  Script run;
  run.swap(1, "x-9", "S", "kthreadd-2").kthread(1, "k-40").swap(1, "kthreadd-2", "S", "k-40");
  CHECK(broken(run).empty());
  CHECK(broken(Script(run).swap(1, "k-40", "D", "swapper/1-0")).empty());
  CHECK(broken(Script(run).swap(1, "k-40", "S", "swapper/1-0")) == Names{"kthread 2"});
  CHECK(broken(Script().wake(0, "a-10", "k-40", 0).kthread(1, "k-40")) == Names{"kthread 1"});
  CHECK(broken(Script().fork(1, "kthreadd-2", "k-40").swap(1, "kthreadd-2", "S", "k-40")) ==
        Names{"kthread 1"});
  CHECK(broken(Script().kthread(1, "k-40").kthread(1, "j-39")) == Names{"kthread 4"});
  Script created;
  created.swap(0, kIdle, "R", "a-10").wake(0, "a-10", "kthreadd-2", 1).swap(0, "a-10", "D", kIdle);
  created.swap(1, "swapper/1-0", "R", "kthreadd-2")
      .kthread(1, "k-40")
      .swap(1, "kthreadd-2", "S", "k-40");
  CHECK(broken(Script(created).swap(1, "k-40", "D", "swapper/1-0")) == Names{"kthread 3"});
  created.waking(1, "k-40", "a-10", 0);
  CHECK(broken(created.swap(1, "k-40", "D", "swapper/1-0")).empty());
}

TEST_CASE("kthreads that are stopped in the wrong way are found", "[invariants]") {
  const std::string stop = "sched_kthread_stop: comm=k pid=40";
  const std::string stopped = "sched_kthread_stop_ret: ret=";
  Script run;
  run.swap(1, "x-9", "S", "kthreadd-2").kthread(1, "k-40").swap(1, "kthreadd-2", "S", "k-40");
  run.swap(1, "k-40", "D", "swapper/1-0").line(0, "a-10", ".....", stop);
  CHECK(broken(Script(run).line(0, "a-10", ".....", stop)) == Names{"kthread 5"});
  CHECK(broken(Script().line(0, "a-10", ".....", stopped + "0")) == Names{"kthread 5"});
  CHECK(broken(Script(run).line(0, "a-10", ".....", stopped + "-4")) == Names{"kthread 7"});
  run.wake(0, "a-10", "k-40", 1).swap(1, "swapper/1-0", "R", "k-40");
  CHECK(broken(Script(run).line(0, "a-10", ".....", stopped + "-4")).empty());
  CHECK(broken(Script(run).line(0, "a-10", ".....", stopped + "0")) == Names{"kthread 6"});
  CHECK(broken(Script(run).line(1, "k-40", ".....", "tracing_mark_write: ran")) ==
        Names{"kthread 6"});
  run.line(1, "k-40", ".....", "sched_process_exit: comm=k pid=40 prio=120");
  CHECK(broken(Script(run).swap(1, "k-40", "S", "swapper/1-0")) == Names{"kthread 8"});
  run.swap(1, "k-40", "X", "swapper/1-0");
  CHECK(broken(run.waking(0, "a-10", "k-40", 1)) == Names{"kthread 8", "sched 33"});
}

TEST_CASE("parked threads that are handled in the wrong way are found", "[invariants]") {
  Script parked;
  parked.swap(0, "k-40", "P", "a-10");
  CHECK(broken(Script(parked).line(0, "a-10", ".....", "ktsim_return: KPARK(k) = 0")).empty());
  CHECK(broken(Script()
                   .swap(0, "k-40", "S", "a-10")
                   .line(0, "a-10", ".....", "ktsim_return: KPARK(k) = 0")) == Names{"kthread 9"});
  Script ksoftirqd;
  ksoftirqd.swap(1, "ksoftirqd/1-16", "P", "swapper/1-0");
  CHECK(broken(Script(ksoftirqd).wake(0, "a-10", "ksoftirqd/1-16", 1)) == Names{"kthread 10"});
  CHECK(broken(Script(ksoftirqd).wake(1, "cpuhp/1-14", "ksoftirqd/1-16", 1)).empty());
  Script smpboot;
  smpboot.swap(1, "kpc/1-50", "P", "a-10").wake(1, "a-10", "kpc/1-50", 0);
  CHECK(broken(smpboot.swap(0, kIdle, "R", "kpc/1-50")) == Names{"kthread 11"});
}

TEST_CASE("kthread_worker events that do not fit are found", "[invariants]") {
  const auto queue = [](const std::string& work) { return kwork("queue_work", work); };
  const auto start = [](const std::string& work) { return kwork("execute_start", work); };
  const auto end = [](const std::string& work) { return kwork("execute_end", work); };
  Script two;
  two.line(0, "a-10", "d..1.", queue("A")).line(0, "a-10", "d..1.", queue("B"));
  CHECK(broken(Script(two).line(1, "w-40", ".....", start("A")).line(1, "w-40", ".....", end("A")))
            .empty());
  CHECK(
      broken(Script(two).line(1, "w-40", ".....", start("A")).line(1, "w-40", ".....", end("B"))) ==
      Names{"kthread 12"});
  CHECK(
      broken(
          Script(two).line(1, "w-40", ".....", start("A")).line(1, "w-40", ".....", start("B"))) ==
      Names{"kthread 12"});
  CHECK(broken(Script(two).line(1, "w-40", ".....", start("C"))) == Names{"kthread 13"});
  Script passed = two;
  passed.line(1, "w-40", ".....", start("B")).line(1, "w-40", ".....", end("B"));
  CHECK(broken(Script(passed).line(1, "w-40", ".....", start("A"))) == Names{"kthread 13"});
  Script busy = two;
  busy.line(1, "w-40", ".....", start("A")).line(0, "a-10", "d..1.", queue("C"));
  CHECK(broken(busy.waking(0, "a-10", "w-40", 1)) == Names{"kthread 14"});
  const std::string timer = "function=kthread_delayed_work_timer_fn ";
  CHECK(broken(Script()
                   .line(0, "a-10", "d..1.",
                         "timer_start: timer=t " + timer +
                             "expires=9 [timeout=5] "
                             "bucket_expiry=10 cpu=0 idx=10 flags=I")
                   .line(0, "a-10", "d..1.", queue("A"))) == Names{"kthread 15"});
}

TEST_CASE("suspends that go the wrong way are found", "[invariants]") {
  const auto action = [](Script script, std::initializer_list<const char*> texts) {
    for (const char* text : texts) {
      script.line(0, "control-1", ".....", std::string("suspend_resume: ") + text);
    }
    return script;
  };
  const Script frozen =
      action({}, {"suspend_enter[1] begin", "sync_filesystems[0] begin", "sync_filesystems[0] end",
                  "freeze_processes[0] begin", "freeze_processes[0] end", "suspend_enter[1] end"});
  const Script down = action(frozen, {"dpm_prepare[2] begin", "dpm_prepare[2] end"});
  CHECK(broken(action(down, {"resume_console[1] begin", "resume_console[1] end",
                             "thaw_processes[0] begin", "thaw_processes[0] end"}))
            .empty());
  CHECK(broken(action(down, {"dpm_suspend[2] begin", "dpm_resume[16] end"})) ==
        Names{"suspend 33"});
  CHECK(broken(action(frozen, {"thaw_processes[0] begin", "thaw_processes[0] end",
                               "freeze_processes[0] begin"})) == Names{"suspend 35"});
  CHECK(broken(action(down, {"CPU_OFF[1] begin"})) == Names{"suspend 42"});
  const Script deep =
      action({}, {"suspend_enter[3] begin", "sync_filesystems[0] begin", "sync_filesystems[0] end",
                  "freeze_processes[0] begin", "freeze_processes[0] end", "suspend_enter[3] end"});
  CHECK(broken(action(deep, {"CPU_OFF[2] begin", "CPU_OFF[2] end", "CPU_OFF[1] begin",
                             "CPU_OFF[1] end", "syscore_suspend[0] begin", "CPU_ON[1] begin",
                             "CPU_ON[1] end", "CPU_ON[2] begin", "CPU_ON[2] end"}))
            .empty());
  CHECK(broken(action(deep, {"CPU_OFF[1] begin", "CPU_OFF[1] end", "CPU_OFF[2] begin"})) ==
        Names{"suspend 34"});
  CHECK(broken(Script(down).swap(0, "control-1", "D", "user0-50")) == Names{"suspend 36"});
  CHECK(broken(action(
            {}, {"suspend_enter[1] begin", "sync_filesystems[0] begin", "sync_filesystems[0] end",
                 "freeze_processes[0] begin", "thaw_processes[0] begin", "thaw_processes[0] end",
                 "freeze_processes[0] end", "suspend_enter[1] end"})) == Names{"suspend 41"});
  CHECK(broken(Script(down).line(0, "khungtaskd-30", ".....",
                                 "sched_process_hang: comm=a pid=50")) == Names{"suspend 43"});
}
