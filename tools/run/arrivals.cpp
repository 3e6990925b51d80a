#include "tools/run/arrivals.hpp"

#include <algorithm>
#include <cmath>

#include "sim/error.hpp"
#include "tools/run/samples.hpp"

namespace kt::run {

using Kind = scenario::Arrival::Kind;

Arrivals::Arrivals(const scenario::Scenario& scenario, const scenario::Irq& irq,
                   std::uint64_t seed)
    : arrival_(irq.arrival), stream_(seed, scenario.origins[irq.origin].pointer + "/arrival") {
  if (arrival_.kind == Kind::kAt) times_ = arrival_.times;
  if (arrival_.kind == Kind::kTrace) {
    times_ = read_samples(arrival_.file);
    if (!std::ranges::is_sorted(times_)) {
      throw sim::UserError(fmt::format("{}: a time before the one above it; expected arrivals in "
                                       "order, as times from the start",
                                       arrival_.file));
    }
  }
  if (arrival_.jitter >= 0) {
    jitter_ = distribution_of(scenario.durations[static_cast<std::size_t>(arrival_.jitter)]);
  }
  if (arrival_.kind == Kind::kMmpp) {
    state_ends_ = exponential(1e9 / static_cast<double>(arrival_.dwell[0]));
  }
}

bool Arrivals::endless(const scenario::Arrival& arrival) {
  return arrival.kind != Kind::kAt && arrival.kind != Kind::kTrace;
}

// By inversion, ns; `rate` is in events a second.
Time Arrivals::exponential(double rate) {
  const double gap = -std::log1p(-stream_.uniform01()) * (1e9 / rate);
  return gap < static_cast<double>(sim::Distribution::kLongestDraw)
             ? static_cast<Time>(std::round(gap))
             : sim::Distribution::kLongestDraw;
}

Time Arrivals::next() {
  switch (arrival_.kind) {
    case Kind::kPoisson:
      last_ += exponential(arrival_.rate);
      break;
    case Kind::kPeriodic: {
      const Time due = static_cast<Time>(++count_) * arrival_.period;
      last_ = std::max(last_, due + (jitter_ ? jitter_->draw(stream_) : 0));
      break;
    }
    case Kind::kAt:
    case Kind::kTrace:
      if (count_ == times_.size()) return sim::kNever;
      last_ = times_[count_++];
      break;
    case Kind::kMmpp:
      last_ = next_mmpp();
      break;
  }
  return last_;
}

// A Poisson process whose rate is that of the state: without memory, so that a gap that would reach
// beyond the state's end is drawn again from there.
Time Arrivals::next_mmpp() {
  for (Time from = last_;;) {
    const double rate = arrival_.rates[state_];
    if (rate > 0) {
      const Time candidate = from + exponential(rate);
      if (candidate <= state_ends_) return candidate;
    }
    from = state_ends_;
    state_ = (state_ + 1) % arrival_.rates.size();
    state_ends_ += exponential(1e9 / static_cast<double>(arrival_.dwell[state_]));
  }
}

}  // namespace kt::run
