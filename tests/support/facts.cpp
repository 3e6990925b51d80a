#include "tests/support/facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "tests/support/cpuhp_text.hpp"

namespace support {

namespace {

std::string name_of(std::string_view comm, std::int64_t pid) {
  return pid == 0 ? "idle" : fmt::format("{}-{}", comm, pid);
}

/// "comm=a pid=1 prio=120" becomes "comm=a prio=120".
std::string without_pids(std::string_view payload) {
  std::string kept;
  while (!payload.empty()) {
    const std::size_t length = std::min(payload.find(' ', 1), payload.size());
    const std::string_view word = payload.substr(0, length);  // with the space before it
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos || !word.substr(0, equals).ends_with("pid")) kept += word;
    payload.remove_prefix(length);
  }
  return kept;
}

class Extractor {
 public:
  explicit Extractor(const TraceText& trace) : trace_(trace) { find_window(); }

  Facts extract() {
    for (const TraceLine& line : trace_.lines) {
      if (line.number < first_ || line.number > last_) continue;
      note(line);
      life(line);
      hotplug(line);
      sched(line);
      steps(line);
    }
    for (const auto& [cpu, running] : running_)
      facts_.threads[running.name].on_cpu += end_ - running.since;
    facts_.threads.erase("idle");
    facts_.sequences.erase("<idle>");
    facts_.end = end_ - start_;
    return std::move(facts_);
  }

 private:
  struct Running {
    std::string name;
    sim::Time since = 0;
  };

  void find_window() {
    if (trace_.lines.empty()) return;
    last_ = trace_.lines.back().number;
    end_ = trace_.lines.back().time;
    for (const TraceLine& line : trace_.lines) {
      if (line.event != "mark") continue;
      if (line.payload == "ktoracle start") {
        first_ = line.number;
        start_ = line.time;
      }
      if (line.payload == "ktoracle stop") {
        last_ = line.number;
        end_ = line.time;
      }
    }
  }

  [[nodiscard]] sim::Time at(const TraceLine& line) const { return line.time - start_; }
  static std::string by(const TraceLine& line) { return name_of(line.comm, line.pid); }
  static std::string subject(const TraceLine& line) {
    return name_of(line.text_of("comm"), line.number_of("pid"));
  }

  void note(const TraceLine& line) {
    if (line.event == "mark") facts_.marks.push_back({at(line), line.payload, by(line), line.cpu});
    if (line.event == "suspend_resume")
      facts_.suspend_resume.push_back({at(line), line.payload, by(line), line.cpu});
    if (line.event == "return")
      facts_.returns.push_back({at(line), line.payload, by(line), line.cpu});
  }

  void life(const TraceLine& line) {
    if (line.event == "sched_process_fork") {
      const std::string_view comm = line.text_of("child_comm");
      auto& list = comm.starts_with("kworker/") ? facts_.workers_forked : facts_.threads_forked;
      list.push_back({at(line), name_of(comm, line.number_of("child_pid")), by(line)});
    } else if (line.event == "sched_process_exit") {
      facts_.exits.push_back({at(line), std::string(line.text_of("comm")), line.number_of("pid")});
    } else if (line.event == "sched_kthread_stop" || line.event == "sched_kthread_stop_ret") {
      facts_.kthread_stops.push_back({at(line), line.event, line.payload});
    }
  }

  // "cpu: 0001 target: 145 step: 235 (sched_cpu_deactivate)"
  void hotplug(const TraceLine& line) {
    if (line.event != "cpuhp_enter" && line.event != "cpuhp_multi_enter") return;
    const HotplugStep step = parse_cpuhp_enter(line.payload);
    facts_.cpuhp.push_back(
        {step.cpu, step.step, step.function, line.comm.starts_with("cpuhp/")});
  }

  void sched(const TraceLine& line) {
    if (line.event == "sched_switch") {
      switched(line);
    } else if (line.event == "sched_wakeup" || line.event == "sched_wakeup_new") {
      ++facts_.threads[subject(line)].woken;
    } else if (line.event == "sched_migrate_task") {
      facts_.migrations.push_back({at(line), subject(line), line.number_of("orig_cpu"),
                                   line.number_of("dest_cpu"), by(line)});
    }
  }

  void switched(const TraceLine& line) {
    const std::string prev = name_of(line.text_of("prev_comm"), line.number_of("prev_pid"));
    const std::string next = name_of(line.text_of("next_comm"), line.number_of("next_pid"));
    // Who is switched out of a CPU that was not seen before has run there from t = 0.
    const auto known = running_.find(line.cpu);
    const sim::Time since = known == running_.end() ? start_ : known->second.since;
    ThreadFacts& out = facts_.threads[prev];
    out.on_cpu += line.time - since;
    ++out.switched_out_in_state[std::string(line.text_of("prev_state"))];
    ++facts_.threads[next].switched_in;
    running_[line.cpu] = {next, line.time};
  }

  void steps(const TraceLine& line) {
    const Step step{line.cpu, line.flags,
                    fmt::format("{}: {}", line.event, without_pids(line.payload))};
    if (line.in_task()) facts_.sequences[line.comm].push_back(step);
    const bool named = line.event == "sched_waking" || line.event == "sched_wakeup" ||
                       line.event == "sched_wakeup_new" || line.event == "sched_migrate_task";
    if (named) other_step(line, line.text_of("comm"), step);
    if (line.event == "sched_switch" && line.number_of("next_pid") != 0)
      other_step(line, line.text_of("next_comm"), step);
  }

  void other_step(const TraceLine& line, std::string_view comm, const Step& step) {
    if (line.in_task() && line.comm == comm) return;
    facts_.sequences[std::string(comm)].push_back(step);
  }

  const TraceText& trace_;
  Facts facts_;
  std::size_t first_ = 0;
  std::size_t last_ = 0;
  sim::Time start_ = 0;
  sim::Time end_ = 0;
  std::map<unsigned, Running> running_;
};

}  // namespace

Facts extract_facts(const TraceText& trace) {
  return Extractor(trace).extract();
}

}  // namespace support
