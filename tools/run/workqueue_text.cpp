#include "tools/run/workqueue_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "tools/run/time_text.hpp"

namespace kt::run {

namespace {

constexpr std::size_t kMostRows = 32;
constexpr std::size_t kMostWorstOf = 8;  // works whose latest starts are told

// What made up at least a hundredth of the latency, longest first.
std::vector<std::string> reasons_of(const LateUse& late) {
  struct Reason {
    Time time;
    std::string text;
  };
  std::vector<Reason> reasons{
      {late.inactive, "held back by max_active"},
      {late.behind, fmt::format("behind {} in {}", late.behind_work, late.behind_worker)},
      {late.creation, late.rescued ? "while no worker could be made" : "until a worker was made"},
      {late.cpu_wait, late.cpu_taken_by.empty() ? "until an idle CPU ran the worker"
                                                : "without a CPU, behind " + late.cpu_taken_by},
      {late.way, late.bh ? "until the softirq ran" : "on the way"}};
  constexpr Time kShare = 100;
  std::erase_if(reasons,
                [&late](const Reason& reason) { return reason.time * kShare <= late.latency; });
  std::ranges::stable_sort(reasons, std::ranges::greater{}, &Reason::time);
  std::vector<std::string> texts;
  for (const Reason& reason : reasons) {
    texts.push_back(fmt::format("{} {}", short_time_text(reason.time), reason.text));
  }
  return texts;
}

std::string latency_columns(std::string_view label, const Latency& latency) {
  if (latency.count == 0) return {};
  std::string text = fmt::format("{:<6}", label);
  for (const Time time : {latency.p50, latency.p90, latency.p99, latency.p999, latency.max}) {
    fmt::format_to(std::back_inserter(text), "{:>9}", short_time_text(time));
  }
  return text;
}

// Two rows each: from queueing to the start, from the start to the end.
std::string use_table(std::string_view title, const std::vector<WorkUse>& uses, bool with_queue) {
  std::string text;
  auto out = std::back_inserter(text);
  std::size_t rows = 0;
  std::size_t queued = 0;
  for (const WorkUse& use : uses) {
    if (use.queued == 0) continue;
    if (++queued > kMostRows) continue;
    if (rows++ == 0) {
      fmt::format_to(out, "\n{:<23}{:>8}{:>8}{:>8}  {:<6}{:>9}{:>9}{:>9}{:>9}{:>9}\n", title,
                     "queued", "started", "ended", "", "p50", "p90", "p99", "p99.9", "max");
    }
    const std::string name =
        with_queue ? fmt::format("{} ({})", use.name, use.workqueue) : use.name;
    fmt::format_to(out, "{:<23}{:>8}{:>8}{:>8}  {}\n", name, use.queued, use.started, use.ended,
                   latency_columns("start", use.queue_to_start));
    if (use.ended != 0) {
      fmt::format_to(out, "{:49}{}\n", "", latency_columns("run", use.start_to_end));
    }
  }
  if (queued > rows) fmt::format_to(out, "and {} more: see --metrics\n", queued - rows);
  return text;
}

// Parts one after the other in lines of at most 100 columns.
std::string wrapped(const std::vector<std::string>& parts, std::size_t indent) {
  constexpr std::size_t kWidth = 100;
  std::string text;
  std::string line(indent, ' ');
  for (const std::string& part : parts) {
    const bool first = line.size() == indent;
    if (!first && line.size() + part.size() + 3 > kWidth) {
      text += line + ",\n";
      line = std::string(indent, ' ') + part;
    } else {
      line += (first ? "" : ", ") + part;
    }
  }
  return text + line + '\n';
}

std::string late_lines(const LateUse& late) {
  constexpr std::size_t kIndent = 11;
  std::string text = wrapped(
      {fmt::format("{:>10} after t={}", short_time_text(late.latency), time_text(late.queued_at)),
       "queued by " + late.queued_by,
       fmt::format("ran on CPU {} in {}{}", late.cpu, late.worker,
                   late.rescued ? " (rescuer)" : "")},
      0);
  const std::vector<std::string> reasons = reasons_of(late);
  return reasons.empty() ? text : text + wrapped(reasons, kIndent);
}

// The latest starts of the works whose latest was latest.
std::string worst_text(const std::vector<WorkUse>& works) {
  std::vector<const WorkUse*> order;
  for (const WorkUse& use : works) {
    if (!use.worst.empty()) order.push_back(&use);
  }
  std::ranges::stable_sort(order, [](const WorkUse* a, const WorkUse* b) {
    return a->worst.front().latency > b->worst.front().latency;
  });
  if (order.size() > kMostWorstOf) order.resize(kMostWorstOf);
  std::string text;
  for (const WorkUse* use : order) {
    text += fmt::format("\nlatest starts of {}\n", use->name);
    for (const LateUse& late : use->worst) text += late_lines(late);
  }
  return text;
}

// Changes of the number of workers, each by one in the same direction.
struct Steps {
  std::size_t count = 1;
  workqueue::PoolChange first;
  workqueue::PoolChange last;
};

std::vector<Steps> steps_of(const PoolUse& use) {
  std::vector<Steps> all;
  for (const workqueue::PoolChange& change : use.changes) {
    Steps* const steps = all.empty() ? nullptr : &all.back();
    const bool goes_on =
        steps != nullptr && (steps->count == 1 || (change.workers > steps->last.workers) ==
                                                      (steps->last.workers > steps->first.workers));
    if (goes_on) {
      steps->last = change;
      ++steps->count;
    } else {
      all.push_back({1, change, change});
    }
  }
  return all;
}

std::string steps_text(const Steps& steps) {
  const auto text = [](const workqueue::PoolChange& change) {
    return fmt::format("{} at {}", change.workers, short_time_text(change.at));
  };
  if (steps.count == 1) return text(steps.first);
  if (steps.count == 2) return text(steps.first) + ", " + text(steps.last);
  return fmt::format("{} to {} from {} to {}", steps.first.workers, steps.last.workers,
                     short_time_text(steps.first.at), short_time_text(steps.last.at));
}

// One line: as many of the changes as it takes.
std::string changes_row(const PoolUse& use) {
  constexpr std::size_t kWidth = 100;
  constexpr std::string_view kMore = ", 1000000 more";
  std::string row = fmt::format("{:>4} {:<18}{:>5}  ", use.id, use.name, use.at_boot);
  std::uint64_t shown = 0;
  for (const Steps& steps : steps_of(use)) {
    const std::string text = (shown == 0 ? "" : ", ") + steps_text(steps);
    if (row.size() + text.size() + kMore.size() > kWidth) break;
    row += text;
    shown += steps.count;
  }
  if (use.nr_changes > shown) row += fmt::format(", {} more", use.nr_changes - shown);
  return row + '\n';
}

// How many workers the pools had when, if that changed.
std::string changes_table(const std::vector<PoolUse>& pools) {
  std::string text;
  std::size_t rows = 0;
  for (const PoolUse& use : pools) {
    if (use.changes.empty() || rows == kMostRows) continue;
    if (rows++ == 0) text = fmt::format("\n{:>4} {:<18}{:>5}  {}\n", "pool", "", "t=0", "workers then");
    text += changes_row(use);
  }
  return text;
}

std::string pool_table(const std::vector<PoolUse>& pools) {
  if (pools.empty()) return {};
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "\n{:>4} {:<18}{:>8}{:>7}{:>5}{:>5}{:>8}{:>7}{:>8}{:>12}{:>9}{:>8}\n", "pool",
                 "", "works", "least", "most", "now", "created", "culled", "rescued", "lock waits",
                 "waited", "idle");
  std::size_t rows = 0;
  for (const PoolUse& use : pools) {
    if (rows == kMostRows) break;
    ++rows;
    fmt::format_to(out, "{:>4} {:<18}{:>8}{:>7}{:>5}{:>5}{:>8}{:>7}{:>8}{:>12}{:>9}{:>7.1f}%\n",
                   use.id, use.name, use.works, use.least, use.most, use.now, use.created,
                   use.culled, use.rescued, use.contentions, short_time_text(use.lock_waited),
                   100 * use.idle);
  }
  if (pools.size() > rows) fmt::format_to(out, "and {} more: see --metrics\n", pools.size() - rows);
  return text + changes_table(pools);
}

std::string lock_text(const std::vector<LockUse>& locks) {
  std::string text;
  for (const LockUse& lock : locks) {
    text += fmt::format("{}: {} contended, {} waited in all\n", lock.name, lock.contentions,
                        short_time_text(lock.waited));
  }
  return text;
}

}  // namespace

std::string waited_for(const LateUse& late) {
  return fmt::format("{}", fmt::join(reasons_of(late), ", "));
}

std::string workqueue_text(const WorkqueueUse& use) {
  return use_table("work", use.works, true) + use_table("workqueue", use.queues, false) +
         worst_text(use.works) + pool_table(use.pools) + lock_text(use.locks);
}

}  // namespace kt::run
