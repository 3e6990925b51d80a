// A distribution of durations, as a scenario writes one: a small value, copied freely, that draws
// from the stream it is given. A draw is a whole number of nanoseconds in 0 … kLongestDraw.
//
// Draws are the same bits in every build type on the same kind of machine: plain double arithmetic
// in a fixed order, never -ffast-math, no contraction to fused multiply-add (the target is compiled
// with -ffp-contract=off), and exp, log, pow, cos only from the C library, with arguments that the
// compiler cannot know. Another C library, or another of its CPU-specific variants, may differ in
// the last bit of those functions, hence rarely by one nanosecond.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "sim/random.hpp"
#include "sim/time.hpp"

namespace sim {

struct Distribution {
  /// Always `value` (>= 0 ns). Draws nothing from the stream.
  struct Constant {
    Time value = 0;
  };
  /// Exponential with the given mean (>= 0 ns), by inversion: -mean * ln(1 - u) (Devroye,
  /// Non-Uniform Random Variate Generation, 1986, II.2.1).
  struct Exponential {
    Time mean = 0;
  };
  /// Every nanosecond of low … high, both included, alike (0 <= low <= high).
  struct Uniform {
    Time low = 0;
    Time high = 0;
  };
  /// median * exp(sigma * z), z standard normal by Box and Muller (Ann. Math. Stat. 29, 1958). Its
  /// mean is median * exp(sigma^2 / 2). median >= 0 ns, sigma >= 0.
  struct Lognormal {
    Time median = 0;
    double sigma = 0;
  };
  /// min * (1 - u)^(-1 / alpha) (Devroye, II.2.1): P(X > x) = (min / x)^alpha. min >= 0 ns, alpha >
  /// 0; the mean is alpha * min / (alpha - 1), infinite up to alpha = 1.
  struct Pareto {
    Time min = 0;
    double alpha = 1;
  };
  /// One of the samples (>= 0 ns, at least one), each alike. Copies share the samples.
  struct Empirical {
    std::shared_ptr<const std::vector<Time>> samples;
  };

  std::variant<Constant, Exponential, Uniform, Lognormal, Pareto, Empirical> shape = Constant{};

  /// Longest duration that is drawn: 2^61 ns, 73 years. Longer ones of the unbounded shapes are
  /// cut.
  static constexpr Time kLongestDraw = Time{1} << 61;

  /// The next duration: rounded to nanoseconds, half away from zero.
  Time draw(RandomStream& random) const;
};

}  // namespace sim
