#include "tests/support/random_scenario.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <vector>

#include "tests/support/random_draws.hpp"

namespace support {

namespace {

constexpr std::array<std::string_view, 4> kPreemption{"none", "voluntary", "full", "rt"};

class ThreadGenerator : RandomDraws {
 public:
  explicit ThreadGenerator(std::uint64_t seed) : RandomDraws(seed), changes_speed_(seed % 7 == 3) {}

  /// On a machine whose last CPUs are isolated.
  RandomIsolation isolated_scenario() {
    isolation_.cpus = 1;
    isolation_.domain = one_in(3) || one_in(2);
    isolation_.nohz_full = !isolation_.domain || one_in(2);
    isolation_.scenario = scenario();
    return isolation_;
  }

  std::string scenario() {
    cpus_ = kCpus[below(kCpus.size())];
    if (isolation_.cpus > 0) isolate();
    std::string text = R"({"name": "random", "version": 1, "duration": "idle", )";
    text += fmt::format(R"("kernel": {{"preempt": "{}"{}}}, "machine": {}, )",
                        kPreemption[below(kPreemption.size())], cmdline(), machine());
    text += R"("mutexes": ["m0", "m1"], "completions": ["c0", "c1"], "waitqueues": ["q0"], )"
            R"("spinlocks": ["s0", "s1"], "variables": {"x": 0}, )";
    const int kthreads = 1 + static_cast<int>(below(5));
    const int tasks = static_cast<int>(below(5));
    text += R"("timers": {"t0": {"do": [{"complete": "c0"}, {"wake_up_all": "q0"}]}, )"
            R"("t1": {"pinned": true, "do": [{"complete": "c1"}, {"run": "3us"}]}}, )"
            R"("hrtimers": {"h0": {"do": [{"complete_all": "c0"}, {"set": "x += 1"}]}, )"
            R"("h1": {"soft": true, "do": [{"run": "2us"}, {"wake_up": "q0"}]}}, )";
    text += interrupts();
    text += R"("kthreads": {)";
    for (int i = 0; i < kthreads; ++i) {
      names_.push_back(fmt::format("kernel{}", i));  // exists for those behind it
      text += fmt::format(R"({}"{}": {})", i == 0 ? "" : ", ", names_.back(), thread());
    }
    if (isolation_.cpus > 0) text += fmt::format(R"(, "kernel_wanderer": {})", wanderer());
    text += R"(}, "tasks": {)";
    for (int i = 0; i < tasks; ++i) names_.push_back(fmt::format("user{}", i));
    for (int i = 0; i < tasks; ++i) {
      text += fmt::format(R"({}"user{}": {})", i == 0 ? "" : ", ", i, thread());
    }
    if (isolation_.cpus > 0) {
      text += fmt::format(R"({}"user_wanderer": {})", tasks == 0 ? "" : ", ", wanderer());
    }
    return text + "}}";
  }

 private:
  static constexpr std::array<int, 6> kCpus{1, 2, 3, 4, 6, 8};

  void isolate() {
    if (cpus_ == 1) cpus_ = 2;
    isolation_.cpus = 1 + static_cast<int>(below(static_cast<std::uint64_t>(cpus_) - 1));
    isolation_.first = cpus_ - isolation_.cpus;
  }

  std::string cmdline() const {
    if (isolation_.cpus == 0) return "";
    const std::string list = fmt::format("{}-{}", isolation_.first, cpus_ - 1);
    std::string text;
    if (isolation_.domain) text += "isolcpus=domain,managed_irq," + list + " ";
    if (isolation_.nohz_full) text += "nohz_full=" + list;
    return fmt::format(R"(, "cmdline": "{}")", text);
  }

  /// A thread that says nothing of its affinity, and that nobody changes.
  std::string wanderer() {
    return fmt::format(R"({{"do": [{{"loop": {}, "do": [{}, {{"usleep": "{}"}}]}}]}})",
                       5 + below(20), run(), delay());
  }

  std::string machine() {
    std::string text = fmt::format(R"({{"cpus": {})", cpus_);
    if (cpus_ % 2 == 0 && one_in(2)) text += R"(, "smt": 2)";
    if (cpus_ % 4 == 0 && one_in(2)) {
      text += fmt::format(R"(, "nodes": [{{"cpus": "0-{}"}}, {{"cpus": "{}-{}"}}])", cpus_ / 2 - 1,
                          cpus_ / 2, cpus_ - 1);
    }
    // Every seventh has CPUs that change their speed.
    if (changes_speed_)
      text += R"(, "freq": {"pstates": ["3GHz", "2GHz", "1GHz"], "governor": "schedutil"})";
    return text + "}";
  }

  std::string cpu_list() {
    const std::uint64_t first = below(static_cast<std::uint64_t>(cpus_));
    const std::uint64_t last = first + below(static_cast<std::uint64_t>(cpus_) - first);
    return fmt::format("{}-{}", first, last);
  }

  std::string scheduling() {
    switch (below(6)) {
      case 0:
        return fmt::format(R"("policy": "{}:{}")", one_in(2) ? "fifo" : "rr", 1 + below(5));
      case 1:
        return fmt::format(R"("policy": "{}")", one_in(2) ? "batch" : "idle");
      default:
        return fmt::format(R"("nice": {})", one_in(2) ? 0 : static_cast<int>(below(40)) - 20);
    }
  }

  /// Devices that fall silent; softirqs and tasklets that they and the threads raise.
  std::string interrupts() {
    std::string text =
        R"("softirqs": {"NET_RX": {"do": [{"run": "15us"}, {"set": "x += 1"}, )"
        R"({"spin_lock_irqsave": "s1"}, {"run": "1us"}, {"spin_unlock_irqrestore": "s1"}]}, )"
        R"("BLOCK": {"do": [{"complete": "c1"}]}}, )"
        R"("tasklets": {"l0": {"do": [{"run": "5us"}, {"wake_up_all": "q0"}]}, )"
        R"("l1": {"highpri": true, "do": [{"run": "300ns"}, {"tasklet_schedule": "l0"}]}}, )"
        R"("irqs": {)";
    const std::uint64_t irqs = below(4);
    for (std::uint64_t i = 0; i < irqs; ++i) {
      text += fmt::format(R"({}"dev{}": {})", i == 0 ? "" : ", ", i, irq());
    }
    return text + "}, ";
  }

  std::string irq() {
    std::string text = "{";
    if (one_in(2)) text += fmt::format(R"("cpus": "{}", )", cpu_list());
    std::string times;
    std::uint64_t when = 0;
    const std::uint64_t arrivals = 1 + below(12);
    for (std::uint64_t i = 0; i < arrivals; ++i) {
      when += one_in(3) ? below(20) : below(6'000);  // us: bursts and pauses
      times += fmt::format(R"({}"{}us")", i == 0 ? "" : ", ", when);
    }
    text += fmt::format(R"("arrival": {{"at": [{}]}}, "do": [{{"run": "1us"}}, {}])", times,
                        deferring());
    if (one_in(3)) text += R"(, "threaded": [{"run": "10us"}, {"lock": "m0"}, {"unlock": "m0"}])";
    return text + "}";
  }

  /// A statement that leaves work to a softirq.
  std::string deferring() {
    switch (below(5)) {
      case 0:
      case 1:
        return fmt::format(R"({{"raise_softirq": "{}"}})", one_in(3) ? "BLOCK" : "NET_RX");
      case 2:
      case 3:
        return fmt::format(R"({{"tasklet_schedule": "l{}"}})", below(2));
      default:
        return fmt::format(R"({{"start_hrtimer": {{"name": "h{}", "delay": "{}"}}}})", below(2),
                           delay());
    }
  }

  std::string thread() {
    std::string text = "{" + scheduling();
    if (one_in(4)) {
      text += fmt::format(R"(, "cpu": {})", below(static_cast<std::uint64_t>(cpus_)));
    } else if (one_in(3)) {
      text += fmt::format(R"(, "cpus": "{}")", cpu_list());
    }
    return text + fmt::format(R"(, "do": [{{"loop": {}, "do": [{}]}}]}})", 1 + below(6), body());
  }

  std::string body() {
    std::string text;
    const std::uint64_t statements = 1 + below(7);
    for (std::uint64_t i = 0; i < statements; ++i) text += (i == 0 ? "" : ", ") + statement();
    return text;
  }

  std::string run() {
    constexpr std::array<std::string_view, 6> kTimes{"0", "700ns", "20us", "300us", "2ms", "9ms"};
    return fmt::format(R"({{"run": "{}"}})", kTimes[below(kTimes.size())]);
  }

  std::string delay() {
    constexpr std::array<std::string_view, 5> kTimes{"50us", "1ms", "4ms", "9ms", "30ms"};
    return std::string(kTimes[below(kTimes.size())]);
  }

  std::string other() { return names_[below(names_.size())]; }

  std::string statement() {
    switch (below(11)) {
      case 9:
        return deferring();
      case 10:
        return fmt::format(R"("local_bh_disable", {}, {}, "local_bh_enable")", deferring(), run());
      case 0:
      case 1:
        return run();
      case 2:
        return sleep();
      case 3:
      case 4:
        return locked();
      case 5:
      case 6:
        return waking();
      case 7:
        return timer();
      default:
        return change();
    }
  }

  std::string sleep() {
    switch (below(5)) {
      case 0:
        return fmt::format(R"({{"usleep": "{}"}})", delay());
      case 1:
        return fmt::format(R"({{"msleep": "{}"}})", one_in(2) ? "1ms" : "8ms");
      case 2:
        return fmt::format(R"({{"set_state": "TASK_{}"}}, {{"schedule_timeout": "{}"}})",
                           one_in(2) ? "INTERRUPTIBLE" : "IDLE", delay());
      case 3:
        return R"("yield")";
      default:
        return R"("cond_resched")";
    }
  }

  std::string locked() {
    switch (below(6)) {
      case 5:
        return R"({"spin_lock_irqsave": "s1"}, {"run": "5us"}, {"spin_unlock_irqrestore": "s1"})";
      case 0:
        return fmt::format(R"({{"spin_lock": "s0"}}, {}, {{"spin_unlock": "s0"}})", run());
      case 1:
        return fmt::format(R"("preempt_disable", {}, "preempt_enable")", run());
      case 2:
        return fmt::format(R"("local_irq_disable", {}, "local_irq_enable")", run());
      default: {
        const std::uint64_t mutex = below(2);
        const std::string inside = one_in(2) ? run() : run() + R"(, {"usleep": "60us"})";
        return fmt::format(R"({{"lock": "m{}"}}, {}, {{"unlock": "m{}"}})", mutex, inside, mutex);
      }
    }
  }

  std::string waking() {
    switch (below(7)) {
      case 0:
      case 1:
        return fmt::format(R"({{"wake": "{}"}})", other());
      case 2:
        return fmt::format(R"({{"complete": "c{}"}})", below(2));
      case 3:
        return R"({"set": "x += 1"}, {"wake_up": "q0"})";
      case 4:
        return fmt::format(
            R"({{"wait_event_timeout": {{"waitqueue": "q0", "until": "x % 3 == 0", "timeout": "{}"}}}})",
            delay());
      default:
        return fmt::format(R"({{"wait_for_completion": {{"completion": "c{}", "timeout": "{}"}}}})",
                           below(2), delay());
    }
  }

  std::string timer() {
    switch (below(4)) {
      case 0:
        return R"({"del_timer_sync": "t0"})";
      case 1:
        return fmt::format(R"({{"start_hrtimer": {{"name": "h0", "delay": "{}"}}}})", delay());
      default:
        return fmt::format(R"({{"mod_timer": {{"name": "t{}", "delay": "{}"}}}})", below(2),
                           delay());
    }
  }

  std::string change() {
    switch (below(3)) {
      case 0:
        return fmt::format(R"({{"set_cpus_allowed": {{"thread": "{}", "cpus": "{}"}}}})", other(),
                           cpu_list());
      case 1:
        return fmt::format(R"({{"set_user_nice": {{"thread": "{}", "nice": {}}}}})", other(),
                           static_cast<int>(below(40)) - 20);
      default: {
        const bool real_time = one_in(2);
        return fmt::format(R"({{"sched_setscheduler": {{"thread": "{}", "policy": "{}"{}}}}})",
                           other(), real_time ? (one_in(2) ? "fifo" : "rr") : "normal",
                           real_time ? fmt::format(R"(, "priority": {})", 1 + below(5)) : "");
      }
    }
  }

  int cpus_ = 1;
  RandomIsolation isolation_;
  bool changes_speed_;  // the CPUs, by schedutil
  std::vector<std::string> names_;
};

}  // namespace

std::string random_scenario(std::uint64_t seed) {
  return ThreadGenerator(seed).scenario();
}

RandomIsolation random_isolated_scenario(std::uint64_t seed) {
  return ThreadGenerator(seed).isolated_scenario();
}

}  // namespace support
