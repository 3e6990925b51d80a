// The loads that all contestants share: the same random numbers from the same generator, and the
// size of each load. The Python contestant repeats this generator.
#pragma once

#include <cstdint>
#include <ctime>

namespace bench {

/// One step of a 64-bit linear congruential generator (Knuth, MMIX); cheap enough not to hide what
/// is measured. Uses the high bits.
inline std::uint64_t next_random(std::uint64_t& state) {
  state = state * 6364136223846793005U + 1442695040888963407U;
  return state >> 33;
}

/// Nanoseconds that a process waits: 1 to 1,048,576.
inline std::int64_t next_wait(std::uint64_t& state) {
  return static_cast<std::int64_t>(next_random(state) & 0xfffff) + 1;
}

/// Seconds of processor time since the construction: every load here is one thread that never
/// blocks, and this way what else the machine does counts less.
class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return static_cast<double>(std::clock() - start_) / CLOCKS_PER_SEC;
  }

 private:
  std::clock_t start_ = std::clock();
};

}  // namespace bench
