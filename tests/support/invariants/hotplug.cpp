// kthread 16-20, 23-25, 28, 29: the steps of CPU hotplug. The steps with interrupts off run on a CPU
// that is not online and leave no trace; what is said of them is what is seen around them.
#include <fmt/format.h>

#include "tests/support/cpuhp_text.hpp"
#include "tests/support/invariants/checker.hpp"

namespace support {

namespace {

constexpr std::int64_t kBringup = 86;
constexpr std::int64_t kIdleDead = 87;
constexpr std::int64_t kTeardown = 145;
constexpr std::int64_t kWaitEmpty = 149;
constexpr std::int64_t kSmpbootThreads = 150;
constexpr std::int64_t kOnline = 236;

class HotplugChecker : public Checker {
 public:
  using Checker::Checker;

  void see(const TraceLine& line, const World& world) override {
    dead_cpu(line);
    if (line.event == "cpuhp_enter" || line.event == "cpuhp_multi_enter") entered(line);
    if (line.event == "cpuhp_exit") left(line, world);
    if (line.event == "sched_switch") switched(line);
  }

 private:
  struct Open {
    std::int64_t cpu = 0;
    std::int64_t step = 0;
    bool up = false;
  };
  struct Last {
    std::int64_t step = 0;
    bool up = false;
    bool failed = false;
  };

  static bool by_cpuhp(const TraceLine& line, std::int64_t cpu) {
    return line.comm == fmt::format("cpuhp/{}", cpu);
  }

  // kthread 25: from the end of the take-down to the begin of the next bring-up.
  void dead_cpu(const TraceLine& line) {
    if (dead_.contains(line.cpu)) report("kthread 25", line, "an event on a CPU that is dead");
  }

  void entered(const TraceLine& line) {
    const HotplugStep step = parse_cpuhp_enter(line.payload);
    const bool kick = step.step == kOnline || step.function == "cpuhp_kick_ap_work";
    const bool up = step.target >= step.step && !kick;
    if (open_.contains(line.pid)) report("kthread 16", line, "a step within a step of the same task");
    open_[line.pid] = {step.cpu, step.step, up};
    const bool own = by_cpuhp(line, step.cpu);
    if (kick) return;
    if (own && (line.cpu != step.cpu || line.flags[0] != '.'))
      report("kthread 20", line, "an online step elsewhere, or with interrupts off");
    if (own != (step.step > kTeardown)) report("kthread 20", line, "a step of another task");
    if (!own) overlap(line);
    if (step.step == kBringup && up) dead_.erase(static_cast<unsigned>(step.cpu));
    order(line, step, up, own);
  }

  // kthread 29: one operation at a time.
  void overlap(const TraceLine& line) {
    for (const auto& [pid, open] : open_) {
      if (pid == line.pid || open.step > kTeardown) continue;
      report("kthread 29", line, fmt::format("pid {} is at step {}", pid, open.step));
    }
  }

  // kthread 17, 18, 28: in order, and back after an error.
  void order(const TraceLine& line, const HotplugStep& step, bool up, bool own) {
    Last& last = last_[{step.cpu, own}];
    const bool same_way = last.step != 0 && last.up == up;
    const bool goes_on = up ? step.step >= last.step : step.step <= last.step;
    if (same_way && !goes_on && !restarts(step, up, own)) {
      report(up ? "kthread 18" : "kthread 17", line, fmt::format("after step {}", last.step));
    }
    if (last.failed && last.up == up && own) report("kthread 28", line, "goes on after an error");
    if (last.failed && last.up != up && own && (up ? step.step <= last.step : step.step >= last.step))
      report("kthread 28", line, fmt::format("step {} failed, and is undone itself", last.step));
    last = {step.step, up, false};
  }

  // The first step of another operation.
  static bool restarts(const HotplugStep& step, bool up, bool own) {
    if (own) return true;  // it begins anew wherever its CPU has been left
    return up ? step.step == 1 : step.step == kTeardown;
  }

  void left(const TraceLine& line, const World& world) {
    const HotplugStepEnd end = parse_cpuhp_exit(line.payload);
    const auto open = open_.find(line.pid);
    if (open == open_.end() || open->second.step != end.step) {
      report("kthread 16", line, "the end of a step that has not begun");
      return;
    }
    const bool up = open->second.up;
    open_.erase(open);
    const bool own = by_cpuhp(line, end.cpu);
    if (end.ret != 0) last_[{end.cpu, own}].failed = true;
    const bool set_up = end.state == kOnline;  // cpuhp_setup_state() calls it on a CPU that is online
    if (end.ret == 0 && own && !set_up && end.state != (up ? end.step : end.step - 1))
      report("kthread 19", line, "the state does not match the step");
    if (end.ret == 0 && end.step == kTeardown && end.state != kIdleDead)
      report("kthread 19", line, "the CPU is not dead");
    if (up || end.ret != 0) {
      if (own) empty_.erase(line.cpu);
      return;
    }
    if (end.step == kTeardown) {
      dead_.insert(static_cast<unsigned>(end.cpu));
      empty_.erase(static_cast<unsigned>(end.cpu));
    }
    if (end.step == kWaitEmpty && own) empty_.insert(line.cpu);
    if (end.step == kSmpbootThreads && own) parked(line, world, end.cpu);
  }

  // kthread 24: ksoftirqd stands for all that are parked.
  void parked(const TraceLine& line, const World& world, std::int64_t cpu) {
    const std::string comm = fmt::format("ksoftirqd/{}", cpu);
    for (const auto& [pid, task] : world.tasks()) {
      if (task.comm == comm && task.out_state != "P")
        report("kthread 24", line, comm + " is not parked");
    }
  }

  // kthread 23: an empty CPU stays empty.
  void switched(const TraceLine& line) {
    if (!empty_.contains(line.cpu) || line.number_of("next_pid") == 0) return;
    const std::string_view next = line.text_of("next_comm");
    if (next != fmt::format("cpuhp/{}", line.cpu) && next != fmt::format("migration/{}", line.cpu))
      report("kthread 23", line, "runs on a CPU that has been emptied");
  }

  std::map<std::int32_t, Open> open_;                           // by pid
  std::map<std::pair<std::int64_t, bool>, Last> last_;          // by CPU, and whether in cpuhp/N
  std::set<unsigned> dead_;
  std::set<unsigned> empty_;
};

}  // namespace

std::unique_ptr<Checker> hotplug_checker(std::vector<Violation>& found) {
  return std::make_unique<HotplugChecker>(found);
}

}  // namespace support
