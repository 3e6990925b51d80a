#include "tests/support/work_facts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tools/run/work_instance.hpp"

namespace support {

namespace {

/// The words between "work struct " and the next colon or blank.
std::string executed(const TraceLine& line) {
  constexpr std::string_view kBefore = "work struct ";
  const std::size_t end = line.payload.find_first_of(": ", kBefore.size());
  return line.payload.substr(kBefore.size(), end - kBefore.size());
}

std::string kind_of(const TraceLine& line) {
  if (line.in_softirq() || line.comm.starts_with("ksoftirqd/")) return "softirq";
  if (line.comm.starts_with("kworker/R-")) return "rescuer";
  if (line.comm.starts_with("kworker/u")) return "unbound worker";
  return line.comm.starts_with("kworker/") ? "per-CPU worker" : "kthread worker";
}

class WorkExtractor {
 public:
  explicit WorkExtractor(const WorkNames& names) : names_(names) {}

  WorkFacts extract(const TraceText& trace) {
    for (const TraceLine& line : trace.lines) {
      if (line.payload == "ktoracle start") {
        begin_ = line.time;
      } else if (line.event == "workqueue_queue_work") {
        workqueue_[std::string(line.text_of("struct"))] = line.text_of("workqueue");
      } else if (line.event == "workqueue_execute_start" ||
                 line.event == "sched_kthread_work_execute_start") {
        start(line);
      } else if (line.event == "workqueue_execute_end" ||
                 line.event == "sched_kthread_work_execute_end") {
        end(line);
      } else if (line.event == "irq_handler_entry") {
        ++facts_.irq_count[std::string(line.text_of("name"))];
      } else if (line.event == "ktoracle_irq" && line.payload.ends_with(" entry")) {
        // "name=NAME entry": the recorder's interrupts are timers
        const std::size_t begin = line.payload.find('=') + 1;
        ++facts_.irq_count[line.payload.substr(begin, line.payload.find(' ') - begin)];
      }
    }
    return std::move(facts_);
  }

 private:
  std::string queue_of(const TraceLine& line) {
    return line.event.starts_with("sched_") ? "kthread_worker" : workqueue_[executed(line)];
  }

  void start(const TraceLine& line) {
    const auto name = names_.find(executed(line));
    if (name == names_.end()) return;
    ++facts_.executions_per_work[name->second];
    facts_.start_order.push_back(name->second);
    facts_.start_times[name->second].push_back(line.time - begin_);
    facts_.start_cpu[name->second].push_back(line.cpu);
    facts_.worker_kind[name->second].push_back(kind_of(line));
    facts_.workers[name->second].push_back(line.comm);
    const std::string queue = queue_of(line);
    unsigned& peak = facts_.peak_executing_per_workqueue[queue];
    peak = std::max(peak, ++executing_[queue]);
  }

  void end(const TraceLine& line) {
    if (names_.contains(executed(line))) --executing_[queue_of(line)];
  }

  const WorkNames& names_;
  WorkFacts facts_;
  sim::Time begin_ = 0;
  std::map<std::string, std::string> workqueue_;  ///< that a work was last queued on
  std::map<std::string, unsigned> executing_;
};

}  // namespace

WorkNames work_names(const kt::scenario::Scenario& scenario) {
  WorkNames names;
  std::size_t declared = 0;
  const auto add = [&](const auto& work) {
    for (std::int32_t i = 0; i < work.count; ++i) {
      const std::uint64_t address = kt::run::work_address(declared, static_cast<std::uint64_t>(i));
      names[fmt::format("{:016x}", address)] =
          work.count == 1 ? work.name : fmt::format("{}/{}", work.name, i);
    }
    ++declared;
  };
  for (const kt::scenario::Work& work : scenario.works) add(work);
  for (const kt::scenario::KthreadWork& work : scenario.kthread_works) add(work);
  return names;
}

WorkFacts extract_work_facts(const TraceText& trace, const WorkNames& names) {
  return WorkExtractor(names).extract(trace);
}

}  // namespace support
