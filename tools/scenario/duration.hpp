// A duration of a scenario: a fixed time or a distribution to draw from. Holds parameters only; who
// draws owns the random stream. All numbers are nanoseconds unless said otherwise.
#pragma once

#include <cstdint>
#include <string>

#include "sim/time.hpp"

namespace kt::scenario {

struct Duration {
  enum class Kind : std::uint8_t {
    kFixed,        ///< low
    kExponential,  ///< mean low
    kUniform,      ///< from low to high, both included
    kLogNormal,    ///< median low, shape sigma: exp(ln(median) + sigma N(0,1))
    kPareto,       ///< minimum low, tail index alpha: low / U^(1/alpha)
    kTrace,        ///< empirical: the samples of `file`
  };
  Kind kind = Kind::kFixed;
  sim::Time low = 0;
  sim::Time high = 0;
  double shape = 0;          ///< sigma or alpha
  std::string file;          ///< resolved against the folder of the scenario
  std::uint32_t origin = 0;  ///< where it stands: names the random stream of whoever draws
};

}  // namespace kt::scenario
