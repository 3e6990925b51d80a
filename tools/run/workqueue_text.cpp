#include "tools/run/workqueue_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "tools/run/time_text.hpp"

namespace kt::run {

namespace {

constexpr std::size_t kMostRows = 32;
constexpr std::size_t kMostChanges = 8;
constexpr std::size_t kMostWorstOf = 8;  // works whose latest starts are told

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
      fmt::format_to(out, "\n{:<25}{:>8}{:>8}{:>8}  {:<6}{:>9}{:>9}{:>9}{:>9}{:>9}\n", title,
                     "queued", "started", "ended", "", "p50", "p90", "p99", "p99.9", "max");
    }
    const std::string name =
        with_queue ? fmt::format("{} ({})", use.name, use.workqueue) : use.name;
    fmt::format_to(out, "{:<25}{:>8}{:>8}{:>8}  {}\n", name, use.queued, use.started, use.ended,
                   latency_columns("start", use.queue_to_start));
    if (use.ended != 0) {
      fmt::format_to(out, "{:51}{}\n", "", latency_columns("run", use.start_to_end));
    }
  }
  if (queued > rows) fmt::format_to(out, "and {} more: see --metrics\n", queued - rows);
  return text;
}

std::string late_lines(const LateUse& late) {
  std::string text = fmt::format("  {:>8} after t={}: queued by {}, ran on CPU {} in {}\n",
                                 short_time_text(late.latency), time_text(late.queued_at),
                                 late.queued_by, late.cpu, late.worker);
  if (late.rescued) text.insert(text.size() - 1, ", the rescuer");
  const std::string reasons = waited_for(late);
  if (!reasons.empty()) text += fmt::format("           {}\n", reasons);
  return text;
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

// "2 at t=0, 3 from t=5ms, …" in lines of up to 100 columns.
std::string changes_text(const PoolUse& use) {
  if (use.changes.empty()) return {};
  constexpr std::size_t kWidth = 100;
  constexpr std::size_t kIndent = 7;
  std::string text;
  std::string line = fmt::format("{:>{}}workers: {}", "", kIndent, use.at_boot);
  const auto add = [&](const std::string& part) {
    if (line.size() + part.size() > kWidth) {
      text += line + '\n';
      line = std::string(kIndent, ' ');
    }
    line += part;
  };
  const std::size_t shown = std::min(use.changes.size(), kMostChanges);
  for (std::size_t i = 0; i < shown; ++i) {
    add(fmt::format(", {} from t={}", use.changes[i].workers, time_text(use.changes[i].at)));
  }
  if (use.nr_changes > shown) add(fmt::format(" and {} more changes", use.nr_changes - shown));
  return text + line + '\n';
}

std::string pool_table(const std::vector<PoolUse>& pools) {
  if (pools.empty()) return {};
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "\n{:>4} {:<21}{:>8}{:>7}{:>5}{:>5}{:>8}{:>7}{:>8}{:>10}{:>9}{:>8}\n", "pool",
                 "", "works", "least", "most", "now", "created", "culled", "rescued", "lock waits",
                 "waited", "idle");
  std::size_t rows = 0;
  for (const PoolUse& use : pools) {
    if (rows == kMostRows) break;
    ++rows;
    fmt::format_to(out, "{:>4} {:<21}{:>8}{:>7}{:>5}{:>5}{:>8}{:>7}{:>8}{:>10}{:>9}{:>7.1f}%\n",
                   use.id, use.name, use.works, use.least, use.most, use.now, use.created,
                   use.culled, use.rescued, use.contentions, short_time_text(use.lock_waited),
                   100 * use.idle);
    text += changes_text(use);
  }
  if (pools.size() > rows) fmt::format_to(out, "and {} more: see --metrics\n", pools.size() - rows);
  return text;
}

std::string lock_text(const std::vector<LockUse>& locks) {
  std::string text;
  for (const LockUse& lock : locks) {
    text += fmt::format("{}: {} waits of {} in all\n", lock.name, lock.contentions,
                        short_time_text(lock.waited));
  }
  return text;
}

}  // namespace

std::string waited_for(const LateUse& late) {
  struct Reason {
    Time time;
    std::string text;
  };
  std::vector<Reason> reasons{
      {late.inactive, "held back by max_active"},
      {late.behind, fmt::format("behind {} in {}", late.behind_work, late.behind_worker)},
      {late.creation, late.rescued ? "while no worker could be made" : "until a worker was made"},
      {late.cpu_wait, fmt::format("runnable behind {}", late.cpu_taken_by)}};
  std::erase_if(reasons, [](const Reason& reason) { return reason.time == 0; });
  std::ranges::stable_sort(reasons, std::ranges::greater{}, &Reason::time);
  std::string text;
  for (const Reason& reason : reasons) {
    text +=
        fmt::format("{}{} {}", text.empty() ? "" : ", ", short_time_text(reason.time), reason.text);
  }
  return text;
}

std::string workqueue_text(const WorkqueueUse& use) {
  return use_table("work", use.works, true) + use_table("workqueue", use.queues, false) +
         worst_text(use.works) + pool_table(use.pools) + lock_text(use.locks);
}

}  // namespace kt::run
