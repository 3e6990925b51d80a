// kthread 1-8: creation, stop and exit. Who asked kthreadd for a thread is not in a trace: kthread
// 3 takes the task that woke kthreadd before the fork, if it is the only one with a request open.
#include <fmt/format.h>

#include <deque>
#include <set>

#include "tests/support/invariants/checker.hpp"

namespace support {

namespace {

struct Stop {
  std::int64_t pid = 0;
  bool never_woken = false;  ///< in its creation when it was stopped
  bool was_dead = false;
  unsigned switched_in = 0;  ///< at that moment
  bool running = false;      ///< at that moment
};

struct Creation {
  std::int32_t creator = 0;
  bool creator_slept = false;  ///< when the thread first ran
  bool creator_woken = false;  ///< by the thread
};

class KthreadChecker : public Checker {
 public:
  using Checker::Checker;

  void see(const TraceLine& line, const World& world) override {
    const std::string& event = line.event;
    if (event == "sched_waking") waking(line);
    if (event == "sched_process_fork") forked(line, world);
    if (event == "sched_wakeup_new") woken_new(line, world);
    if (event == "sched_switch") {
      out(line, world);
      in(line, world);
    }
    if (event == "sched_kthread_stop") stop(line, world);
    if (event == "sched_kthread_stop_ret") stop_ret(line, world);
    const bool own = line.in_task() && !event.starts_with("sched_") && !event.starts_with("ipi_");
    if (never_ran_.contains(line.pid) && own)
      report("kthread 6", line, "a thread that was stopped before its first wake ran");
  }

 private:
  void waking(const TraceLine& line) {
    if (line.number_of("pid") == 2 && line.in_task()) requesters_.push_back(line.pid);
    for (auto& [thread, creation] : creations_) {
      if (line.number_of("pid") != creation.creator) continue;
      if (thread == line.pid && line.in_task()) creation.creator_woken = true;
      if (thread != line.pid) creation.creator_slept = false;  // a signal, say, woke it
    }
  }

  void forked(const TraceLine& line, const World& world) {
    if (line.number_of("pid") != 2) return;
    const std::int64_t child = line.number_of("child_pid");
    const Task* known = world.find(child);
    if (known != nullptr && !known->dead)
      report("kthread 1", line, "the child was named before its fork");
    if (last_child_ && child <= *last_child_) report("kthread 4", line, "pids do not ascend");
    last_child_ = child;
    const std::int32_t only = requesters_.size() == 1 ? requesters_.front() : 0;
    if (!requesters_.empty()) requesters_.pop_front();
    creations_[static_cast<std::int32_t>(child)] = {only, false, false};
  }

  void woken_new(const TraceLine& line, const World& world) {
    const Task* task = world.find(line.number_of("pid"));
    if (task != nullptr && task->forked_by_kthreadd && task->parent != line.pid)
      report("kthread 1", line, "wakeup_new by another task than the one that forked");
  }

  void in(const TraceLine& line, const World& world) {
    const std::int64_t pid = line.number_of("next_pid");
    const Task* task = world.find(pid);
    if (task == nullptr || !task->forked_by_kthreadd || task->switched_in != 0) return;
    if (!task->woken_new) report("kthread 1", line, "switched in before its wakeup_new");
    const auto creation = creations_.find(static_cast<std::int32_t>(pid));
    const Task* creator = world.find(creation->second.creator);
    creation->second.creator_slept =
        creator != nullptr && creator->blocked() && !creator->waking && creator->out_state == "D";
  }

  void out(const TraceLine& line, const World& world) {
    const std::int64_t pid = line.number_of("prev_pid");
    const Task* task = world.find(pid);
    const std::string_view state = line.text_of("prev_state");
    if (task == nullptr || !task->forked_by_kthreadd || state[0] == 'R') return;
    if (task->exiting && state != "X" && state != "Z")
      report("kthread 8", line, "an exiting kthread sleeps");
    const auto creation = creations_.find(static_cast<std::int32_t>(pid));
    if (creation == creations_.end()) return;
    if (state != "D" && state != "X")
      report("kthread 2", line, "the first voluntary switch-out of a kthread is not D");
    if (state == "D" && creation->second.creator_slept && !creation->second.creator_woken)
      report("kthread 3", line, "the thread sleeps before it woke its creator");
    creations_.erase(creation);
  }

  void stop(const TraceLine& line, const World& world) {
    if (stops_.contains(line.pid))
      report("kthread 5", line, "a second stop before the first one's return");
    Stop stopped;
    stopped.pid = line.number_of("pid");
    if (const Task* task = world.find(stopped.pid)) {
      stopped.was_dead = task->dead || task->exiting;
      stopped.running = task->running_on.has_value();
      stopped.switched_in = task->switched_in;
      stopped.never_woken = task->forked_by_kthreadd && task->wakeups == 0 && task->blocked() &&
                            task->out_state == "D" && task->switched_in == 1;
    }
    if (stopped.never_woken) never_ran_.insert(static_cast<std::int32_t>(stopped.pid));
    stops_[line.pid] = stopped;
  }

  void stop_ret(const TraceLine& line, const World& world) {
    const auto found = stops_.find(line.pid);
    if (found == stops_.end()) {
      report("kthread 5", line, "the return of a stop that was not begun");
      return;
    }
    const Stop stopped = found->second;
    stops_.erase(found);
    if (stopped.never_woken && line.number_of("ret") != -4)
      report("kthread 6", line, "stopped before its first wake and the result is not -4");
    const Task* task = world.find(stopped.pid);
    const bool ran = task != nullptr && task->switched_in > stopped.switched_in;
    if (!ran && !stopped.running && !stopped.was_dead && task != nullptr)
      report("kthread 7", line, "the target did not run between stop and return");
  }

  std::deque<std::int32_t> requesters_;  ///< tasks that have woken kthreadd and got no thread yet
  std::optional<std::int64_t> last_child_;
  std::map<std::int32_t, Creation> creations_;  ///< threads that have not yet blocked
  std::map<std::int32_t, Stop> stops_;          ///< by the stopping task
  std::set<std::int32_t> never_ran_;
};

}  // namespace

std::unique_ptr<Checker> kthread_checker(std::vector<Violation>& found) {
  return std::make_unique<KthreadChecker>(found);
}

}  // namespace support
