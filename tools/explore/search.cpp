#include "tools/explore/search.hpp"

#include <algorithm>

namespace kt::explore {

namespace {

// A preemption takes the tick that ends the slice; the first may come before its end.
Time preempts_after(const scenario::Scenario& scenario) {
  if (scenario.kernel.preempt != scenario::Preempt::kFull &&
      scenario.kernel.preempt != scenario::Preempt::kRt)
    return 0;
  return 2 * (1'000'000'000 / scenario.kernel.hz);
}

}  // namespace

bool Search::Seen::contains(std::uint64_t number, unsigned left) {
  Entry& entry = entries_[number % kSize];
  if (entry.number == number && entry.left > left) return true;  // left is stored plus 1
  entry = {number, std::uint64_t{left} + 1};
  return false;
}

void Search::Seen::clear() { std::ranges::fill(entries_, Entry{}); }

Search::Search(Subject& subject, const SearchOptions& options)
    : subject_(subject),
      options_(options),
      races_(subject.scenario().machine.cpus, preempts_after(subject.scenario()), options.faults) {}

bool Search::over() {
  if (stop_) return true;
  if (options_.executions != 0 && result_.executions >= options_.executions) stop_ = true;
  constexpr std::uint64_t kLook = 1024;
  if (result_.executions % kLook == 0 && (options_.time.count() != 0 || progress)) {
    const auto elapsed = Clock::now() - start_;
    if (options_.time.count() != 0 && elapsed >= options_.time) stop_ = true;
    if (progress && !progress({result_.executions, bound_, subject_.recorder().begun(),
                               std::chrono::duration<double>(elapsed).count()}))
      stop_ = true;
  }
  if (stop_) result_.interrupted = true;
  return stop_;
}

Outcome Search::execute(const Schedule& schedule, bool recording) {
  Outcome outcome = subject_.run(schedule, recording);
  ++result_.executions;
  ++in_bound_;
  if (observe) observe(schedule, outcome);
  if (outcome.fault != Fault::kNone && options_.stop_at_fault) {
    result_.found = {schedule, outcome};
    stop_ = true;
  }
  return outcome;
}

// Depth first, from the run of one schedule to those that reverse one race more. Where a step is held
// back already it is held back for longer: a reversal, but no further stall.
void Search::visit(const Schedule& schedule, unsigned depth) {
  const bool last = depth == bound_;
  if (last && depth != 0 && turn_++ % options_.jobs != options_.job) return;
  if (over()) return;
  execute(schedule, !last);
  if (stop_ || last) {
    deeper_ = true;
    return;
  }
  const bool reduce = options_.strategy == Strategy::kExhaustive;
  if (reduce && traces_.contains(races_.trace_hash(subject_.recorder()), bound_ - depth)) return;
  const std::vector<Deviation> next = reduce ? races_.reversals(subject_.recorder())
                                             : races_.all(subject_.recorder());
  for (const Deviation& deviation : next) {
    const bool answered =
        deviation.kind == Deviation::Kind::kAnswer &&
        std::ranges::any_of(schedule, [&](const Deviation& d) { return d.same_place(deviation); });
    if (answered) continue;
    const Schedule child = with(schedule, deviation);
    if (schedules_.contains(hash_of(child), bound_ - depth - 1)) continue;
    visit(child, depth + 1);
    if (stop_) return;
  }
}

void Search::iterate() {
  for (bound_ = 0; bound_ <= options_.bound; ++bound_) {
    traces_.clear();
    schedules_.clear();
    in_bound_ = 0;
    deeper_ = false;
    visit({}, 0);
    if (stop_) return;
    result_.completed = bound_;
    result_.schedules = in_bound_;
    if (!deeper_) {  // every run of the last bound was a repetition
      result_.no_more = true;
      return;
    }
  }
}

SearchResult Search::run() {
  start_ = Clock::now();
  switch (options_.strategy) {
    case Strategy::kExhaustive:
    case Strategy::kDfs:
      iterate();
      break;
    case Strategy::kPct:
      draw_pct();
      break;
    case Strategy::kRandom:
      draw_random();
      break;
  }
  return result_;
}

// Each run stalls a few steps, drawn from all of a first run, until after a later step of that run.
void Search::draw_random() {
  sim::RandomStream random(options_.seed, "/explore/random");
  execute({}, true);
  if (stop_) return;
  const std::vector<Deviation> pool = races_.all(subject_.recorder());
  while (!pool.empty() && !over()) {
    Schedule schedule;
    const std::uint64_t count = 1 + random.bounded(options_.bound == 0 ? 1 : options_.bound);
    for (std::uint64_t i = 0; i < count; ++i) {
      schedule = with(schedule, pool[random.bounded(pool.size())]);
    }
    execute(schedule, false);
  }
}

void Search::draw_pct() { draw_random(); }

Found shrink(Subject& subject, const Found& found) {
  Found best = found;
  const auto still = [&](const Schedule& schedule) {
    return subject.run(schedule, false).same_fault(found.outcome);
  };
  for (std::size_t i = 0; i < best.schedule.size();) {
    Schedule fewer = best.schedule;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (still(fewer)) {
      best.schedule = fewer;
      i = 0;
    } else {
      ++i;
    }
  }
  for (std::size_t i = 0; i < best.schedule.size(); ++i) {
    if (best.schedule[i].kind == Deviation::Kind::kAnswer) continue;
    Time too_short = 0;
    Time enough = best.schedule[i].time;
    while (enough - too_short > 1) {
      Schedule shorter = best.schedule;
      shorter[i].time = too_short + (enough - too_short) / 2;
      (still(shorter) ? enough : too_short) = shorter[i].time;
    }
    best.schedule[i].time = enough;
  }
  return best;
}

}  // namespace kt::explore
