#include "tests/support/work_history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>

#include "tests/support/work_facts.hpp"

namespace support {

namespace {

/// One work. Its queueings are counted over all works; 0: none.
struct Item {
  std::string workqueue;
  std::int64_t cpu = -1;
  std::deque<std::uint64_t> queued;  ///< not started; two if the work was claimed and queued again
  std::uint64_t running = 0;         ///< the one that executes
  std::uint64_t fence = 0;           ///< somebody has waited for all up to this one
};

/// An execution of wq_barrier_func, and the work that its worker ran last before it.
struct Barrier {
  std::size_t line = 0;
  std::string behind;
};

/// Who waits, and for all that was queued up to when.
struct Wait {
  std::size_t line = 0;
  std::string work;  ///< empty: for a whole queue
  std::string workqueue;
  std::uint64_t until = 0;
};

class History {
 public:
  History(const kt::scenario::Scenario& scenario, bool steals)
      : scenario_(scenario), steals_(steals), names_(work_names(scenario)) {
    for (const auto& wq : scenario.workqueues) {
      limits_[wq.name] = {wq.max_active == 0 ? 256 : wq.max_active};
      ordered_[wq.name] = wq.ordered;
    }
  }

  std::vector<std::string> check(const TraceText& trace) {
    for (const TraceLine& line : trace.lines) {
      if (line.event == "workqueue_queue_work") queue(line);
      if (line.event == "workqueue_execute_start") start(line);
      if (line.event == "workqueue_execute_end") end(line);
      if (line.event == "mark") mark(line);
      if (line.event == "return") returned(line);
    }
    for (const auto& [name, balance] : balance_) {
      if (balance != 0) found_.push_back(fmt::format("{}: {} queued and never run", name, balance));
    }
    return std::move(found_);
  }

 private:
  void report(const TraceLine& line, const std::string& what) {
    found_.push_back(fmt::format("line {}: {}: {}", line.number, what, line.text));
  }

  // The declared name of "name/3".
  static std::string declared(const std::string& name) { return name.substr(0, name.find('/')); }

  [[nodiscard]] std::string name_of(const TraceLine& line) const {
    constexpr std::string_view kBefore = "work struct ";
    const auto found = names_.find(line.payload.substr(kBefore.size(), 16));
    return found == names_.end() ? "" : found->second;
  }

  void queue(const TraceLine& line) {
    const std::string name = name_of(line);
    if (name.empty()) return;
    Item& item = items_[name];
    item.queued.push_back(++queueings_);
    queueing_times_.push_back(line.time);
    item.workqueue = line.text_of("workqueue");
    item.cpu = line.number_of("cpu");
  }

  /// How many queueings were over. The line comes first: the work is on no list until a bit later.
  [[nodiscard]] std::uint64_t queued_before(const TraceLine& line) const {
    constexpr sim::Time kInserted = 500;  // ns
    std::uint64_t count = queueings_;
    while (count > 0 && queueing_times_[count - 1] + kInserted > line.time) --count;
    return count;
  }

  std::uint64_t take(Item& item) const {
    if (item.queued.empty()) return UINT64_MAX;  // never: the trace has the queueing
    const std::uint64_t taken = steals_ ? item.queued.back() : item.queued.front();
    if (!steals_) item.queued.pop_front();
    return taken;
  }

  static std::string executor(const TraceLine& line) {
    return line.in_softirq() ? fmt::format("softirq {}", line.cpu)
                             : fmt::format("task {}", line.pid);
  }

  void start(const TraceLine& line) {
    const std::string name = name_of(line);
    std::string& last = last_run_[executor(line)];
    if (line.payload.ends_with("wq_barrier_func")) {
      barriers_.push_back({line.number, last});
      return;
    }
    last = name;
    if (name.empty()) return;
    Item& item = items_[name];
    --balance_[declared(name)];
    if (item.running != 0) report(line, "it runs twice at once");
    item.running = take(item);
    if (item.running <= item.fence) report(line, "it starts behind a wait for it");
    if (ordered_[item.workqueue] && !steals_) {
      if (item.running < last_ordered_[item.workqueue]) report(line, "out of order");
      last_ordered_[item.workqueue] = item.running;
    }
    int& executing = executing_[{item.workqueue, item.cpu}];
    ++executing;
    const std::vector<int>& limits = limits_[item.workqueue];
    const bool counted = item.cpu >= 0 || ordered_[item.workqueue];
    // A limit that was lowered holds when those that were active have ended.
    const int limit =
        ordered_[item.workqueue] ? 1 : *std::max_element(limits.begin(), limits.end());
    if (counted && !is_bh(item.workqueue) && executing > limit) report(line, "beyond max_active");
  }

  [[nodiscard]] bool is_bh(const std::string& workqueue) const {
    for (const auto& wq : scenario_.workqueues) {
      if (wq.name == workqueue) return wq.flags.bh;
    }
    return false;
  }

  void end(const TraceLine& line) {
    const std::string name = name_of(line);
    if (name.empty()) return;
    Item& item = items_[name];
    item.running = 0;
    --executing_[{item.workqueue, item.cpu}];
  }

  void mark(const TraceLine& line) {
    const std::string& text = line.payload;
    const auto rest = [&text](std::string_view word) { return text.substr(word.size()); };
    if (text.starts_with("flush all ")) {
      waits_[line.pid] = {line.number, "", rest("flush all "), queued_before(line)};
    } else if (text.starts_with("flushed ")) {
      waited(line);
    } else if (text.starts_with("flush ") && !steals_) {
      waits_[line.pid] = {line.number, rest("flush "), "", queued_before(line)};
    } else if (text.starts_with("cancel ")) {
      waits_[line.pid] = {line.number, rest("cancel "), "", queued_before(line)};
    } else if (text.starts_with("limit ")) {
      const std::string queue = text.substr(6, text.rfind(' ') - 6);
      limits_[queue].push_back(std::stoi(text.substr(text.rfind(' '))));
    }
  }

  void returned(const TraceLine& line) {
    const std::string& text = line.payload;
    const std::string verb = text.substr(0, text.find('('));
    const std::string name = text.substr(verb.size() + 1, text.find(')') - verb.size() - 1);
    const bool one = text.ends_with(" = 1");
    const bool queues = verb == "queue_work" || verb == "queue_delayed_work";
    const bool takes = verb.starts_with("cancel_") || verb.starts_with("disable_");
    if ((queues && one) || (verb == "mod_delayed_work" && !one)) ++balance_[name];
    if (takes && one) --balance_[name];
    const bool flushes = verb == "flush_work" || verb == "flush_delayed_work";
    if (flushes && one && !steals_) behind_barrier(line);
    if (verb.starts_with("flush_") || verb.ends_with("_sync")) waited(line);
  }

  // workqueue 40: the worker that ran the work runs the barrier next.
  void behind_barrier(const TraceLine& line) {
    const auto wait = waits_.find(line.pid);
    if (wait == waits_.end()) return;
    const bool found = std::any_of(barriers_.begin(), barriers_.end(), [&](const Barrier& barrier) {
      return barrier.line > wait->second.line && barrier.behind == wait->second.work;
    });
    if (!found) report(line, fmt::format("no barrier ran behind {}", wait->second.work));
  }

  void waited(const TraceLine& line) {
    const auto found = waits_.find(line.pid);
    if (found == waits_.end()) return;
    const Wait wait = found->second;
    waits_.erase(found);
    for (auto& [name, item] : items_) {
      if (wait.work.empty() ? item.workqueue != wait.workqueue : name != wait.work) continue;
      if (item.running != 0 && item.running <= wait.until)
        report(line, fmt::format("{} still runs", name));
      item.fence = std::max(item.fence, wait.until);
    }
  }

  const kt::scenario::Scenario& scenario_;
  const bool steals_;
  const WorkNames names_;
  std::vector<std::string> found_;
  std::uint64_t queueings_ = 0;
  std::vector<sim::Time> queueing_times_;
  std::map<std::string, Item> items_;
  std::map<std::string, std::int64_t> balance_;     ///< queueings less executions, by declared work
  std::map<std::string, std::vector<int>> limits_;  ///< that a queue has had
  std::map<std::string, bool> ordered_;
  std::map<std::string, std::uint64_t> last_ordered_;
  std::map<std::pair<std::string, std::int64_t>, int> executing_;  ///< by queue and CPU of the pool
  std::map<std::int32_t, Wait> waits_;                             ///< by pid
  std::map<std::string, std::string> last_run_;                    ///< by who executes
  std::vector<Barrier> barriers_;
};

}  // namespace

std::vector<std::string> check_work_history(const TraceText& trace,
                                            const kt::scenario::Scenario& scenario, bool steals) {
  return History(scenario, steals).check(trace);
}

}  // namespace support
