#include "tools/run/judge_works.hpp"

#include <fmt/format.h>

#include "tools/run/comparison.hpp"
#include "tools/run/time_text.hpp"
#include "tools/run/workqueue_report.hpp"
#include "tools/run/workqueue_text.hpp"

namespace kt::run {

using scenario::Expectation;
using workqueue::WorkerPool;

namespace {

std::string quantile_text(double quantile) {
  if (quantile < 0) return "mean";
  if (quantile == 0) return "min";
  return quantile == 1 ? "max" : fmt::format("p{:g}", 100 * quantile);
}

Time quantile_of(const sim::Histogram& histogram, double quantile) {
  if (quantile < 0) return static_cast<Time>(histogram.mean());
  return quantile == 0 ? histogram.min() : histogram.quantile(quantile);
}

}  // namespace

std::string latency_in_words(const scenario::Scenario& scenario, const Expectation& expectation) {
  return fmt::format("latency {} of {} {} {}", quantile_text(expectation.quantile),
                     scenario.works[static_cast<std::size_t>(expectation.work)].name,
                     comparison_text(expectation.comparison), time_text(expectation.value));
}

std::string judge_latency(System& system, const Expectation& expectation) {
  const workqueue::WorkStats& stats =
      system.interpreter().work_stats(static_cast<std::size_t>(expectation.work));
  if (stats.started == 0) return fmt::format("it never started, queued {} times", stats.queued);
  const Time seen = quantile_of(stats.queue_to_start, expectation.quantile);
  if (holds(seen, expectation.comparison, expectation.value)) return {};
  std::string reason = fmt::format("{} of {} starts is {}", quantile_text(expectation.quantile),
                                   stats.started, time_text(seen));
  const std::vector<LateUse> worst = late_uses(system, stats);
  if (worst.empty()) return reason;
  const LateUse& late = worst.front();
  reason += fmt::format("; the latest at t={}, CPU {}, {}, {} after {} queued it",
                        time_text(late.queued_at + late.latency), late.cpu, late.worker,
                        time_text(late.latency), late.queued_by);
  const std::string waited = waited_for(late);
  return waited.empty() ? reason : reason + ": " + waited;
}

std::string workers_in_words(const scenario::Scenario& scenario, const Expectation& expectation) {
  return fmt::format("workers of {} {} {}",
                     scenario.workqueues[static_cast<std::size_t>(expectation.workqueue)].name,
                     comparison_text(expectation.comparison), expectation.value);
}

std::string judge_workers(System& system, const Expectation& expectation) {
  const workqueue::Workqueue& wq =
      system.interpreter().workqueue(static_cast<std::size_t>(expectation.workqueue));
  const WorkerPool* most = nullptr;
  for (const auto& pwq : wq.pwqs) {
    if (most == nullptr || pwq->pool->most_workers > most->most_workers) most = pwq->pool;
  }
  const int seen = most == nullptr ? 0 : most->most_workers;
  if (holds(seen, expectation.comparison, expectation.value)) return {};
  if (most == nullptr) return "it has no pool any more";
  return fmt::format("{} at most, first at t={}, in pool {} ({})", seen,
                     time_text(most->most_since), most->id, pool_name(*most));
}

}  // namespace kt::run
