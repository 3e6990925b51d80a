#include "tests/support/random_suspend_scenario.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "tests/support/random_draws.hpp"

namespace support {

namespace {

class Generator : RandomDraws {
 public:
  explicit Generator(std::uint64_t seed) : RandomDraws(seed) {}

  std::string scenario() {
    constexpr std::array<std::string_view, 3> kPreempt{"none", "voluntary", "full"};
    cpus_ = 1 + below(4);
    const std::uint64_t kernel = 1 + below(4);
    const std::uint64_t user = below(3);
    threads_ = kernel + user;
    const auto thread = [this](std::string_view name, std::uint64_t index, std::uint64_t work) {
      return fmt::format(R"("{}{}": {{{}"do": [{}]}})", name, index,
                         name == "kernel" && one_in(2) ? R"("freezable": true, )" : "",
                         body(work, name == "kernel"));
    };
    std::string text = fmt::format(
        R"({{"name": "random_suspend", "version": 1, "duration": "idle", "kernel": {{"boot": "minimal", )"
        R"("preempt": "{}", "pm_freeze_timeout": "{}ms"}}, "machine": {{"cpus": {}}}, )"
        R"("mutexes": ["m"], "waitqueues": ["q"], "wakeup_sources": ["ws"], "variables": {{"x": 0{}}}, )",
        kPreempt[below(kPreempt.size())], 20 + below(100), cpus_, variables());
    // An unbound one that is frozen again before its works have ended may lose what is queued then:
    // see scenarios/suspend-refreeze-loses-work.json.
    const std::uint64_t suspends = 1 + below(5);
    text += fmt::format(
        R"("workqueues": {{"fz0": {{"flags": ["WQ_FREEZABLE"]}}, "fz1": {{"flags": ["WQ_FREEZABLE"{}], )"
        R"("max_active": 1}}, "nf": {{"flags": []}}}}, )",
        suspends == 1 ? R"(, "WQ_UNBOUND")" : "");
    text += R"("works": {)" + list(threads_, [this](std::uint64_t i) { return work(i); });
    text += R"(}, "kthreads": {)" +
            list(kernel, [&](std::uint64_t i) { return thread("kernel", i, i); });
    text += R"(}, "tasks": {)" +
            list(user, [&](std::uint64_t i) { return thread("user", i, kernel + i); });
    text += R"(}, "devices": {)" + list(below(5), [this](std::uint64_t i) { return device(i); });
    text += R"(}, "irqs": {"wakes": {"wake": true, "arrival": {"at": [)" + times() +
            R"(]}, "do": []}, "plain": {"arrival": {"at": [)" + times() + R"(]}, "do": []}}, )";
    return text + R"("events": [)" + list(suspends, [this](std::uint64_t i) { return event(i); }) +
           "]}";
  }

 private:
  std::string variables() const {
    std::string text;
    for (std::uint64_t i = 0; i < threads_; ++i) {
      text += fmt::format(R"(, "queued{0}": 0, "ran{0}": 0)", i);
    }
    return text;
  }

  std::string times() {
    std::uint64_t at = 0;
    return list(below(5), [&](std::uint64_t) { return std::to_string(at += below(40'000'000)); });
  }

  std::string work(std::uint64_t index) {
    constexpr std::array<std::string_view, 3> kQueues{"fz0", "fz1", "nf"};
    const std::string pause = one_in(2) ? fmt::format(R"(, {{"usleep": {}}})", below(2'000'000))
                                        : fmt::format(R"(, {{"run": {}}})", 1 + below(500'000));
    return fmt::format(R"("w{0}": {{"workqueue": "{1}", "do": [{{"set": "ran{0} += 1"}}{2}]}})",
                       index, kQueues[below(kQueues.size())], pause);
  }

  // What was queued has run when it was flushed.
  std::string body(std::uint64_t work, bool kernel) {
    std::string steps = list(1 + below(4), [&](std::uint64_t) { return step(kernel); });
    return fmt::format(
        R"({{"loop": {0}, "do": [{1}, {{"set": "queued{2} += 1"}}, {{"queue_work": "w{2}"}}, )"
        R"({{"flush_work": "w{2}"}}, {{"assert": "ran{2} == queued{2}"}}{3}]}})",
        1 + below(20), steps, work, kernel ? R"(, "try_to_freeze")" : "");
  }

  std::string step(bool kernel) {
    switch (below(kernel ? 7 : 6)) {
      case 0:
        return fmt::format(R"({{"run": {}}})", 1 + below(3'000'000));
      case 1:
        return fmt::format(R"({{"usleep": {}}})", 1 + below(5'000'000));
      case 2:
        return fmt::format(R"({{"msleep": {}}})", 1 + below(20'000'000));
      case 3:
        return fmt::format(R"({{"lock": "m"}}, {{"usleep": {}}}, {{"unlock": "m"}})",
                           below(3'000'000));
      case 4:
        return R"({"set": "x += 1"}, {"wake_up_all": "q"})";
      case 5:
        return fmt::format(
            R"({{"set_state": "TASK_INTERRUPTIBLE|TASK_FREEZABLE"}}, {{"schedule_timeout": {}}})",
            1 + below(10'000'000));
      default:
        return R"("try_to_freeze")";
    }
  }

  std::string device(std::uint64_t index) {
    constexpr std::array<std::string_view, 7> kPhases{
        "prepare",      "suspend",      "suspend_late", "suspend_noirq",
        "resume_noirq", "resume_early", "resume"};
    std::string text = fmt::format(R"("d{}": {{"async": {})", index, one_in(2));
    if (index > 0 && one_in(2)) text += fmt::format(R"(, "parent": "d{}")", below(index));
    for (const std::string_view phase : kPhases) {
      if (!one_in(3)) continue;
      std::string body = fmt::format(R"({{"usleep": {}}})", below(3'000'000));
      if (one_in(8)) body += R"(, "pm_system_wakeup")";
      if (one_in(8)) body += R"(, {"pm_wakeup_event": {"source": "ws", "for": "3ms"}})";
      if (one_in(8)) body += R"(, {"if": "x % 3 == 0", "then": [{"return": -5}]})";
      text += fmt::format(R"(, "{}": [{}])", phase, body);
    }
    return text + "}";
  }

  std::string event(std::uint64_t index) {
    return fmt::format(
        R"({{"t": {}, "suspend": {{"state": "s2idle", "wake_after": {}, "wakeup_count": {}}}}})",
        index * 30'000'000 + below(30'000'000), one_in(8) ? 0 : 20'000'000 + below(60'000'000),
        one_in(4));
  }

  std::uint64_t cpus_ = 1;
  std::uint64_t threads_ = 0;
};

}  // namespace

std::string random_suspend_scenario(std::uint64_t seed) {
  return Generator(seed).scenario();
}

}  // namespace support
