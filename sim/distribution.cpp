#include "sim/distribution.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "sim/error.hpp"

namespace sim {

namespace {

Time to_time(double nanoseconds) {
  if (!(nanoseconds > 0)) return 0;
  if (nanoseconds >= static_cast<double>(Distribution::kLongestDraw)) {
    return Distribution::kLongestDraw;
  }
  return static_cast<Time>(std::round(nanoseconds));
}

struct Draw {
  RandomStream& random;

  Time operator()(const Distribution::Constant& shape) const { return shape.value; }

  Time operator()(const Distribution::Exponential& shape) const {
    return to_time(-static_cast<double>(shape.mean) * std::log1p(-random.uniform01()));
  }

  Time operator()(const Distribution::Uniform& shape) const {
    KT_ASSERT(shape.low <= shape.high, "uniform from {} to {}", shape.low, shape.high);
    const auto width =
        static_cast<std::uint64_t>(shape.high) - static_cast<std::uint64_t>(shape.low);
    return shape.low + static_cast<Time>(random.bounded(width + 1));
  }

  Time operator()(const Distribution::Lognormal& shape) const {
    // The second of Box and Muller's pair is dropped: a stream keeps no state but its counter.
    const double radius = std::sqrt(-2.0 * std::log1p(-random.uniform01()));
    const double normal = radius * std::cos(2.0 * std::numbers::pi * random.uniform01());
    return to_time(static_cast<double>(shape.median) * std::exp(shape.sigma * normal));
  }

  Time operator()(const Distribution::Pareto& shape) const {
    const double survival = 1.0 - random.uniform01();
    return to_time(static_cast<double>(shape.min) * std::pow(survival, -1.0 / shape.alpha));
  }

  Time operator()(const Distribution::Empirical& shape) const {
    KT_ASSERT(shape.samples != nullptr && !shape.samples->empty(), "no samples to draw from");
    return (*shape.samples)[random.bounded(shape.samples->size())];
  }
};

}  // namespace

Time Distribution::draw(RandomStream& random) const {
  return std::clamp(std::visit(Draw{random}, shape), Time{0}, kLongestDraw);
}

}  // namespace sim
