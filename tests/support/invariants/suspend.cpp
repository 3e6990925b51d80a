// kthread-hotplug-suspend 33 to 38, 41 to 43: suspending and resuming. By convention of the
// scenarios user tasks are those whose names begin with "user", freezable workqueues those with
// "fz".
#include <fmt/format.h>

#include <charconv>

#include "tests/support/invariants/checker.hpp"

namespace support {

namespace {

constexpr sim::Time kMillisecond = 1'000'000;

/// "dpm_suspend[2] begin"
struct Action {
  explicit Action(const TraceLine& line) {
    const std::string_view text = line.payload;
    const std::size_t open = text.find('[');
    const std::size_t close = text.find(']');
    name = text.substr(0, open);
    std::from_chars(text.data() + open + 1, text.data() + close, value);
    begins = text.ends_with("begin");
  }
  std::string_view name;
  int value = 0;
  bool begins = false;
};

class SuspendChecker : public Checker {
 public:
  using Checker::Checker;

  void see(const TraceLine& line, const World&) override {
    if (line.event == "suspend_resume") action(line, Action(line));
    if (line.event == "sched_switch") switched(line);
    if (line.event == "workqueue_queue_work") queued(line);
    if (line.event == "workqueue_execute_start") started(line);
    if (line.event == "hrtimer_start") slept(line);
    if (line.event == "sched_process_hang" && frozen_)
      report("suspend 43", line, "a hung task is found while the system is suspended");
  }

 private:
  void action(const TraceLine& line, const Action& action) {
    if (action.name == "suspend_enter") return enter(line, action);
    nest(line, action);
    order(line, action);
    cpus(line, action);
    const bool deep_only = action.name.starts_with("CPU_O") || action.name.starts_with("syscore");
    if (state_ == 1 && deep_only) report("suspend 42", line, "suspend-to-idle goes too deep");
    if (action.name == "freeze_processes") freeze(line, action);
    if (action.name == "thaw_processes") thaw(action);
    last_ = std::string(line.payload);
  }

  void enter(const TraceLine& line, const Action& action) {
    if (action.begins) {
      state_ = action.value;
      open_.clear();
    } else if (failed_) {
      report("suspend 41", line, "a freeze that failed is followed by the end of the preparation");
    }
    failed_ = false;
    last_ = std::string(line.payload);
  }

  // Only syscore_suspend may begin and not end.
  void nest(const TraceLine& line, const Action& action) {
    const std::string name = fmt::format("{}[{}]", action.name, action.value);
    if (action.begins) {
      open_.push_back(name);
      return;
    }
    while (!open_.empty() && open_.back() != name && open_.back().starts_with("syscore_suspend"))
      open_.pop_back();
    if (open_.empty() || open_.back() != name)
      report("suspend 33", line, "an action ends that did not begin last");
    else
      open_.pop_back();
  }

  void order(const TraceLine& line, const Action& action) {
    const auto after = [&](std::string_view before) {
      if (last_ != before)
        report("suspend 35", line, fmt::format("it follows \"{}\", not \"{}\"", last_, before));
    };
    if (!action.begins) return;
    if (action.name == "freeze_processes") after("sync_filesystems[0] end");
    if (action.name == "dpm_prepare") after(fmt::format("suspend_enter[{}] end", state_));
    if (action.name == "thaw_processes" && last_ != "freeze_processes[0] begin")
      if (!last_.starts_with("resume_console") && !last_.starts_with("suspend_enter"))
        report("suspend 35", line, fmt::format("it follows \"{}\"", last_));
  }

  void cpus(const TraceLine& line, const Action& action) {
    if (!action.begins) return;
    if (action.name == "CPU_OFF") {
      if (!off_.empty() && action.value >= off_.back())
        report("suspend 34", line, "CPUs do not go down from the last to the first");
      off_.push_back(action.value);
    }
    if (action.name == "CPU_ON") {
      if (off_.empty() || action.value != off_.back())
        report("suspend 34", line, "a CPU comes up out of turn, or did not go down");
      else
        off_.pop_back();
    }
    if (action.name == "sync_filesystems") off_.clear();
  }

  void freeze(const TraceLine& line, const Action& action) {
    if (action.begins) {
      freezer_ = line.pid;
      freeze_start_ = line.time;
      slack_ = 0;
      return;
    }
    freezer_ = -1;
    constexpr sim::Time kTwoPhases = 2 * (20'000 + 8 + 10 + 50) * kMillisecond;
    if (line.time - freeze_start_ > kTwoPhases)
      report("suspend 38", line, "freezing took longer than it may");
    if (failed_) return;
    frozen_ = true;
    suspender_ = line.pid;
  }

  void thaw(const Action& action) {
    frozen_ = false;
    if (action.begins && freezer_ >= 0) failed_ = true;
  }

  void switched(const TraceLine& line) {
    if (!frozen_ || line.number_of("next_pid") == suspender_) return;
    if (line.text_of("next_comm").starts_with("user"))
      report("suspend 36", line, "a user task runs while it should be frozen");
  }

  static std::string work_of(const TraceLine& line) {
    const std::size_t at = line.payload.find("ffff");
    return line.payload.substr(at, 16);
  }

  void queued(const TraceLine& line) {
    freezable_[work_of(line)] = line.text_of("workqueue").starts_with("fz");
  }

  void started(const TraceLine& line) {
    const auto found = freezable_.find(work_of(line));
    if (frozen_ && found != freezable_.end() && found->second)
      report("suspend 36", line, "a work of a freezable workqueue starts while it is frozen");
  }

  // What lies between the two expiry times of the freezer's usleep_range() doubles from 0.5 to 4
  // ms.
  void slept(const TraceLine& line) {
    if (line.pid != freezer_ || !line.in_task()) return;
    if (line.text_of("function") != "hrtimer_wakeup") return;
    const sim::Time slack = line.number_of("expires") - line.number_of("softexpires");
    if (slack == 0) return;
    constexpr sim::Time kFirst = kMillisecond / 2;
    constexpr sim::Time kLast = 4 * kMillisecond;
    const sim::Time next = slack_ == 0 ? kFirst : std::min(2 * slack_, kLast);
    if (slack != next && slack != kFirst)
      report("suspend 37", line, fmt::format("the freezer sleeps with a slack of {} ns", slack));
    slack_ = slack;
  }

  std::vector<std::string> open_;
  std::vector<int> off_;
  std::map<std::string, bool> freezable_;
  std::string last_;
  int state_ = 0;
  std::int64_t freezer_ = -1;
  std::int64_t suspender_ = -1;
  sim::Time freeze_start_ = 0;
  sim::Time slack_ = 0;
  bool frozen_ = false;
  bool failed_ = false;
};

}  // namespace

std::unique_ptr<Checker> suspend_checker(std::vector<Violation>& found) {
  return std::make_unique<SuspendChecker>(found);
}

}  // namespace support
