// kthread 12-15: kthread_worker. Which thread serves a worker is learnt from the first work that it
// runs. A cancelled work leaves its queue without an event: a work that is passed over must not run
// later.
#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "tests/support/invariants/checker.hpp"

namespace support {

namespace {

constexpr std::string_view kDelayedTimer = "kthread_delayed_work_timer_fn";

/// The words of "work struct WORK: function FUNCTION".
std::string executed_work(const TraceLine& line) {
  const std::string_view text = line.payload;
  const std::size_t begin = std::string_view("work struct ").size();
  return std::string(text.substr(begin, text.find(':') - begin));
}

/// The work of "work struct=WORK function=... worker=...".
std::string queued_work(const TraceLine& line) {
  return std::string(line.text_of("struct"));
}

class KthreadWorkerChecker : public Checker {
 public:
  using Checker::Checker;

  void see(const TraceLine& line, const World&) override {
    const std::string& event = line.event;
    delayed(line);
    if (event == "sched_waking") waking(line);
    if (event == "sched_kthread_work_queue_work") {
      const std::string worker(line.text_of("worker"));
      const bool flush = line.text_of("function") == "kthread_flush_work_fn";
      if (!flush) queues_[worker].push_back(queued_work(line));
      flushes_[queued_work(line)] = flush;
    }
    if (event == "sched_kthread_work_execute_start") start(line);
    if (event == "sched_kthread_work_execute_end") end(line);
    last_[line.cpu] = line;
  }

 private:
  void start(const TraceLine& line) {
    const std::string work = executed_work(line);
    if (open_.contains(line.pid)) report("kthread 12", line, "a work starts within another");
    open_[line.pid] = work;
    if (flushes_[work]) return;
    for (auto& [worker, queue] : queues_) {
      const auto known = threads_.find(worker);
      if (known != threads_.end() && known->second != line.pid) continue;
      const auto found = std::find(queue.begin(), queue.end(), work);
      if (found == queue.end()) continue;
      threads_[worker] = line.pid;
      queue.erase(queue.begin(), found + 1);
      return;
    }
    report("kthread 13", line, "a work starts that is not queued, or was passed over");
  }

  void end(const TraceLine& line) {
    const auto open = open_.find(line.pid);
    if (open == open_.end() || open->second != executed_work(line))
      report("kthread 12", line, "a work ends that was not started");
    if (open != open_.end()) open_.erase(open);
  }

  /// kernel/kthread.c: kthread_insert_work wakes right behind its event, under the worker's lock.
  /// The works of rcu_exp_gp_kthr sleep until CPUs have reported, and one may do so in the switch
  /// that follows its queueing (rcu_note_context_switch).
  void waking(const TraceLine& line) {
    if (line.text_of("comm") == "rcu_exp_gp_kthr") return;
    const auto last = last_.find(line.cpu);
    if (last == last_.end() || last->second.event != "sched_kthread_work_queue_work" ||
        last->second.pid != line.pid)
      return;
    const auto thread = threads_.find(std::string(last->second.text_of("worker")));
    if (thread == threads_.end() || thread->second != line.number_of("pid")) return;
    if (open_.contains(thread->second))
      report("kthread 14", line, "a busy worker is woken by a queueing");
  }

  void delayed(const TraceLine& line) {
    if (line.event == "timer_expire_entry" && line.text_of("function") == kDelayedTimer)
      in_delayed_[line.cpu] = true;
    if (line.event == "timer_expire_exit") in_delayed_[line.cpu] = false;
    if (line.event != "sched_kthread_work_queue_work") return;
    if (in_delayed_[line.cpu] && !line.in_softirq())
      report("kthread 15", line, "a delayed work is queued outside of softirq context");
    const auto last = last_.find(line.cpu);
    if (last != last_.end() && last->second.event == "timer_start" &&
        last->second.pid == line.pid && last->second.text_of("function") == kDelayedTimer)
      report("kthread 15", line, "arming a delayed work queued it");
  }

  std::map<std::string, std::deque<std::string>> queues_;  ///< works, by worker
  std::map<std::string, bool> flushes_;
  std::map<std::string, std::int32_t> threads_;  ///< pid, by worker
  std::map<std::int32_t, std::string> open_;     ///< work, by thread
  std::map<unsigned, TraceLine> last_;
  std::map<unsigned, bool> in_delayed_;
};

}  // namespace

std::unique_ptr<Checker> kthread_worker_checker(std::vector<Violation>& found) {
  return std::make_unique<KthreadWorkerChecker>(found);
}

}  // namespace support
