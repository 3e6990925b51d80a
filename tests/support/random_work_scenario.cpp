#include "tests/support/random_work_scenario.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <vector>

#include "tests/support/random_draws.hpp"

namespace support {

namespace {

struct PlannedQueue {
  std::string name;
  bool bh = false;
  bool ordered = false;
  bool reclaim = false;
};

struct PlannedWork {
  std::string name;
  std::size_t queue = 0;
  unsigned count = 1;
  bool delayed = false;
  bool modified = false;  ///< by mod_delayed_work; the others are disabled at times
};

class WorkGenerator : RandomDraws {
 public:
  explicit WorkGenerator(std::uint64_t seed)
      : RandomDraws(seed), rt_(seed % 5 == 0), isolation_(seed % 8) {}

  std::string scenario() {
    constexpr std::array<std::string_view, 3> kPreempt{"none", "voluntary", "full"};
    constexpr std::array<int, 5> kCpus{1, 2, 2, 3, 4};
    cpus_ = kCpus[below(kCpus.size())];
    steals_ = one_in(2);
    std::string text = fmt::format(
        R"({{"name": "random_works", "version": 1, "duration": "idle", "kernel": {{"boot": "minimal", )"
        R"("preempt": "{}"{}}}, "machine": {}, "mutexes": ["m"], "variables": {{"budget": {}}}, )",
        rt_ ? "rt" : kPreempt[below(kPreempt.size())], cmdline(), machine(), below(40));
    text += R"("workqueues": {)" + list(1 + below(4), [this](std::uint64_t i) { return queue(i); });
    for (std::uint64_t i = 0, works = 1 + below(5); i < works; ++i) declare(i);
    text += R"(}, "works": {)" + list(works_.size(), [this](std::uint64_t i) { return work(i); });
    text += R"(}, "kthreads": {)" +
            list(1 + below(3), [this](std::uint64_t i) { return thread("kernel", i); });
    text +=
        R"(}, "tasks": {)" + list(below(3), [this](std::uint64_t i) { return thread("user", i); });
    return text + "}}";
  }

 private:
  static constexpr std::size_t kNobody = SIZE_MAX;

  // isolcpus=, nohz_full= or both for the last CPU: three seeds in eight.
  std::string cmdline() const {
    if (isolation_ == 0 || isolation_ > 3 || cpus_ == 1) return "";
    std::string text;
    if ((isolation_ & 1) != 0) text += fmt::format("isolcpus={} ", cpus_ - 1);
    if ((isolation_ & 2) != 0) text += fmt::format("nohz_full={}", cpus_ - 1);
    return fmt::format(R"(, "cmdline": "{}")", text);
  }

  std::string machine() {
    std::string text = fmt::format(R"({{"cpus": {})", cpus_);
    if (cpus_ == 4 && one_in(2)) text += R"(, "nodes": [{"cpus": "0-1"}, {"cpus": "2-3"}])";
    return text + "}";
  }

  std::string queue(std::uint64_t index) {
    PlannedQueue queue{.name = fmt::format("q{}", index)};
    std::string flags;
    const auto add = [&flags](const char* flag) {
      flags += fmt::format(R"({}"{}")", flags.empty() ? "" : ", ", flag);
    };
    const std::uint64_t kind = below(8);
    queue.bh = kind == 0;
    queue.ordered = kind == 1;
    if (queue.bh) add("WQ_BH");
    if (one_in(4)) add("WQ_HIGHPRI");
    if (kind == 2 || kind == 3) add("WQ_UNBOUND");
    if (kind == 4) add("WQ_CPU_INTENSIVE");
    queue.reclaim = !queue.bh && one_in(4);
    if (queue.reclaim) add("WQ_MEM_RECLAIM");
    queues_.push_back(queue);
    std::string limit;
    if (queue.ordered) limit = R"(, "ordered": true)";
    if (!queue.ordered && !queue.bh && one_in(2)) {
      limit = fmt::format(R"(, "max_active": {})", 1 + below(4));
    }
    return fmt::format(R"("{}": {{"flags": [{}]{}}})", queue.name, flags, limit);
  }

  void declare(std::uint64_t index) {
    PlannedWork work{.name = fmt::format("w{}", index), .queue = below(queues_.size())};
    work.count = 1 + static_cast<unsigned>(below(4));
    work.delayed = one_in(3);
    work.modified = work.delayed && steals_ && one_in(2);
    works_.push_back(work);
  }

  std::string work(std::uint64_t index) {
    const PlannedWork& work = works_[index];
    const bool bh = queues_[work.queue].bh;
    inside_ = index;
    const std::string body =
        list(1 + below(4), [&](std::uint64_t) { return bh ? atomic() : sleepable(); });
    inside_ = kNobody;
    return fmt::format(R"("{}": {{"workqueue": "{}", "count": {}{}, "do": [{}]}})", work.name,
                       queues_[work.queue].name, work.count,
                       work.delayed ? R"(, "delayed": true)" : "", body);
  }

  std::string thread(const char* kind, std::uint64_t index) {
    const std::string where =
        one_in(3) ? fmt::format(R"("cpu": {}, )", below(static_cast<std::uint64_t>(cpus_))) : "";
    return fmt::format(R"("{}{}": {{{}"do": [{{"loop": {}, "do": [{}]}}]}})", kind, index, where,
                       1 + below(5),
                       list(2 + below(7), [this](std::uint64_t) { return statement(); }));
  }

  // Statements of threads
  std::string statement() {
    switch (below(12)) {
      case 0:
      case 1:
        return sleepable();
      case 2:
        return disable();
      case 3:
        return limit();
      case 4:
      case 5:
        return wait();
      case 6:
        return run();
      default:
        return put();
    }
  }

  // Statements of works that have a thread
  std::string sleepable() {
    constexpr std::array<std::string_view, 4> kTimes{"50us", "300us", "1ms", "5ms"};
    switch (below(8)) {
      case 0:
      case 1:
        return fmt::format(R"({{"usleep": "{}"}})", kTimes[below(kTimes.size())]);
      case 2:
        return R"({"lock": "m"}, {"run": "20us"}, {"usleep": "50us"}, {"unlock": "m"})";
      case 3:
        return R"({"msleep": "4ms"}, "cond_resched")";
      case 4:
        return wait();
      default:
        return atomic();
    }
  }

  // Statements that do not sleep
  std::string atomic() {
    switch (below(5)) {
      case 0:
      case 1:
        return run();
      case 2:
        return cancel();
      default:
        return put();
    }
  }

  std::string run() {
    constexpr std::array<std::string_view, 5> kTimes{"0", "2us", "40us", "500us", "13ms"};
    return fmt::format(R"({{"run": "{}"}})", kTimes[below(kTimes.size() - (inside_bh() ? 1 : 0))]);
  }

  [[nodiscard]] bool inside_bh() const {
    return inside_ != kNobody && queues_[works_[inside_].queue].bh;
  }

  const PlannedWork& any_work() { return works_[below(works_.size())]; }

  std::string instance(const PlannedWork& work) {
    return work.count == 1 ? work.name : fmt::format("{}/{}", work.name, below(work.count));
  }

  // Works pay for what they queue, or they would never end.
  std::string put() {
    const bool itself = inside_ != kNobody && one_in(2);
    const PlannedWork& work = itself ? works_[inside_] : any_work();
    const std::string one = put(work);
    if (inside_ == kNobody) return one;
    return fmt::format(R"({{"if": "budget > 0", "then": [{{"set": "budget -= 1"}}, {}]}})", one);
  }

  std::string put(const PlannedWork& work) {
    constexpr std::array<std::string_view, 4> kDelays{"0", "1ms", "4ms", "20ms"};
    const std::string cpu =
        one_in(3) ? fmt::format(R"(, "cpu": {})", below(static_cast<std::uint64_t>(cpus_))) : "";
    if (!work.delayed || one_in(3)) {
      return fmt::format(R"({{"queue_work": {{"work": "{}"{}}}}})", instance(work), cpu);
    }
    return fmt::format(R"({{"{}": {{"work": "{}", "delay": "{}"{}}}}})",
                       work.modified && one_in(2) ? "mod_delayed_work" : "queue_delayed_work",
                       instance(work), kDelays[below(kDelays.size())], cpu);
  }

  std::string cancel() {
    if (!steals_) return run();
    const PlannedWork& work = any_work();
    return fmt::format(R"({{"cancel{}_work": "{}"}})", work.delayed ? "_delayed" : "",
                       instance(work));
  }

  // A queue for whose works one may wait: from a work only one behind its own, and with a rescuer
  // if its own has one.
  [[nodiscard]] bool may_wait_for(std::size_t queue) const {
    if (inside_ == kNobody) return true;
    const PlannedQueue& own = queues_[works_[inside_].queue];
    return queue > works_[inside_].queue && (!own.reclaim || queues_[queue].reclaim);
  }

  std::string wait() {
    const PlannedWork& work = any_work();
    if (!may_wait_for(work.queue)) return run();
    const std::string which = instance(work);
    const char* delayed = work.delayed ? "_delayed" : "";
    switch (below(steals_ ? 3 : 2)) {
      case 0:
        return fmt::format(R"({{"mark": "flush all {0}"}}, {{"flush_workqueue": "{0}"}}, )"
                           R"({{"mark": "flushed {0}"}})",
                           queues_[work.queue].name);
      case 1:
        return fmt::format(R"({{"mark": "flush {0}"}}, {{"flush{1}_work": "{0}"}})", which,
                           delayed);
      default:
        if (work.modified) return cancel();  // what mod returns does not tell whether it queued
        return fmt::format(R"({{"mark": "cancel {0}"}}, {{"cancel{1}_work_sync": "{0}"}})", which,
                           delayed);
    }
  }

  std::string disable() {
    const PlannedWork& work = any_work();
    if (work.modified || !steals_) return run();
    const std::string which = instance(work);
    const bool sync = one_in(2);
    return fmt::format(R"({}{{"disable_work{}": "{}"}}, {}, {{"enable_work": "{}"}})",
                       sync ? fmt::format(R"({{"mark": "cancel {}"}}, )", which) : "",
                       sync ? "_sync" : "", which, run(), which);
  }

  std::string limit() {
    const PlannedQueue& queue = queues_[below(queues_.size())];
    if (queue.bh || queue.ordered) return run();
    return fmt::format(R"({{"mark": "limit {0} {1}"}}, )"
                       R"({{"set_max_active": {{"workqueue": "{0}", "max_active": {1}}}}}, )"
                       R"({{"mark": "limited {0}"}})",
                       queue.name, 1 + below(4));
  }

  const bool rt_;
  const std::uint64_t isolation_;
  int cpus_ = 1;
  bool steals_ = false;           ///< works are cancelled, disabled, modified
  std::size_t inside_ = kNobody;  ///< the work whose body is being made
  std::vector<PlannedQueue> queues_;
  std::vector<PlannedWork> works_;
};

}  // namespace

std::string random_work_scenario(std::uint64_t seed) {
  return WorkGenerator(seed).scenario();
}

}  // namespace support
