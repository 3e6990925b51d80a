// The rules of EEVDF written as plainly as possible: no tree, no running sums, no zero point; every
// question is answered by adding up all competitors in 128 bits. Slow, and meant to be checked by
// eye against the rules. Covers what the property test exercises: tasks of policy normal.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "models/sched/load_weight.hpp"

namespace kt::sched::test {

__extension__ using Wide = __int128;

struct ReferenceTask {
  std::int64_t vruntime = 0;
  std::int64_t deadline = 0;
  std::int64_t vlag = 0;
  std::int64_t protected_until = 0;  // the deadline at switch-in
  std::int64_t slice = 0;
  std::int64_t exec_start = 0;
  std::int64_t service = 0;
  LoadWeight load;
  bool queued = false;
  bool delayed = false;
  bool relative = false;
};

class ReferenceQueue {
 public:
  using Task = ReferenceTask;

  ReferenceQueue(std::int64_t base_slice, std::int64_t tick)
      : base_slice_(base_slice), tick_(tick) {}

  Wide sum_of_weights() const {
    Wide sum = 0;
    for (const Task* t : all()) sum += t->load.weight;
    return sum;
  }

  Wide sum_of_products() const {
    Wide sum = 0;
    for (const Task* t : all()) sum += Wide{t->load.weight} * t->vruntime;
    return sum;
  }

  // Floor of the weighted mean; an empty queue keeps the time line where the last one left it.
  std::int64_t average() const {
    const Wide weight = sum_of_weights();
    if (weight == 0) return resting_average_;
    const Wide sum = sum_of_products();
    const Wide quotient = sum / weight;
    return static_cast<std::int64_t>(sum % weight < 0 ? quotient - 1 : quotient);
  }

  bool eligible(const Task& t) const {
    return sum_of_products() >= Wide{t.vruntime} * sum_of_weights();
  }

  std::int64_t limit(const Task& t) const { return virtual_time(std::max(2 * t.slice, tick_), t); }

  std::int64_t lag(const Task& t) const {
    return std::clamp(average() - t.vruntime, -limit(t), limit(t));
  }

  bool update(std::int64_t now) {
    if (current == nullptr || now <= current->exec_start) return false;
    const std::int64_t ran = now - current->exec_start;
    current->exec_start = now;
    current->service += ran;
    current->vruntime += virtual_time(ran, *current);
    const bool crossed = renew(*current);
    return all().size() != 1 && (crossed || (!is_protected() && !eligible(*current)));
  }

  bool enqueue(Task& t, std::int64_t now) {
    if (t.delayed && t.queued) {
      wake_delayed(t);
      return false;
    }
    const bool resched = update(now);
    place(t);
    t.queued = true;
    waiting.push_back(&t);
    return resched;
  }

  bool dequeue(Task& t, bool sleep, bool special, bool finish) {
    if (!finish && sleep && !special && !eligible(t)) {
      t.delayed = true;
      return false;
    }
    t.vlag = lag(t);
    if (!sleep) {
      t.deadline -= t.vruntime;
      t.relative = true;
    }
    resting_average_ = average();
    t.queued = false;
    remove(t);
    if (finish) {
      t.delayed = false;
      t.vlag = std::min<std::int64_t>(t.vlag, 0);
    }
    return true;
  }

  Task* best() const {
    const std::vector<Task*> candidates = all();
    if (candidates.size() == 1) return candidates.front();
    const bool current_counts = current != nullptr && current->queued && eligible(*current);
    if (current_counts && is_protected()) return current;
    Task* winner = nullptr;
    for (Task* t : waiting) {
      if (eligible(*t) && (winner == nullptr || t->deadline < winner->deadline)) winner = t;
    }
    if (current_counts && (winner == nullptr || current->deadline < winner->deadline))
      return current;
    return winner;
  }

  Task* pick() {
    while (!all().empty()) {
      Task* t = best();
      if (!t->delayed) return t;
      dequeue(*t, true, false, true);
    }
    return nullptr;
  }

  void switch_to(Task* t, std::int64_t now) {
    if (t == current) return;
    if (current != nullptr && current->queued) waiting.push_back(current);
    current = t;
    if (t == nullptr) return;
    remove(*t);
    t->protected_until = t->deadline;
    t->exec_start = now;
  }

  void yield() {
    if (!eligible(*current)) return;
    current->vruntime = current->deadline;
    renew(*current);
  }

  Task* current = nullptr;
  std::vector<Task*> waiting;  // in order of joining the wait, so that ties are first in, first out

 private:
  std::vector<Task*> all() const {
    std::vector<Task*> result = waiting;
    if (current != nullptr && current->queued) result.push_back(current);
    return result;
  }

  static std::int64_t virtual_time(std::int64_t real, const Task& t) {
    return static_cast<std::int64_t>(calc_delta_fair(static_cast<std::uint64_t>(real), t.load));
  }

  bool is_protected() const { return current->deadline == current->protected_until; }

  bool renew(Task& t) {
    if (t.vruntime < t.deadline) return false;
    t.slice = base_slice_;
    t.deadline = t.vruntime + virtual_time(t.slice, t);
    return true;
  }

  void place(Task& t) {
    t.slice = base_slice_;
    const Wide weight = sum_of_weights();
    const Wide inflated = weight == 0 ? 0 : t.vlag * (weight + t.load.weight) / weight;
    t.vruntime = average() - static_cast<std::int64_t>(inflated);
    t.deadline = t.relative ? t.vruntime + t.deadline : t.vruntime + virtual_time(t.slice, t);
    t.relative = false;
  }

  void wake_delayed(Task& t) {
    t.vlag = lag(t);
    if (t.vlag > 0) {
      remove(t);
      t.vlag = 0;
      place(t);
      waiting.push_back(&t);
    }
    t.delayed = false;
  }

  void remove(Task& t) {
    waiting.erase(std::remove(waiting.begin(), waiting.end(), &t), waiting.end());
  }

  std::int64_t base_slice_;
  std::int64_t tick_;
  std::int64_t resting_average_ = -(std::int64_t{1} << 20);
};

}  // namespace kt::sched::test
