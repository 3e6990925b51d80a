// The only source of nondeterminism. Whatever could go either way on real hardware is a question to
// the Chooser; answer 0 is the default, which a timed run always takes. A strategy (exploration,
// replay) derives from Chooser and answers otherwise.
#pragma once

#include <cstdint>

namespace sim {

/// What a question is about. Each has a physical reading; the default is answer 0.
enum class Question : std::uint8_t {
  kAllocation,      ///< 0: the allocation succeeds; 1: it fails
  kSpuriousWakeup,  ///< 0: who sleeps is woken by a wakeup; 1: something else woke it at once
  kStoreBuffer,     ///< 0: the store is seen by all CPUs at once; 1: it waits in the store buffer
  kStoreLeaves,     ///< 0: what waits there waits for the CPU's next barrier; 1: the oldest leaves
};

class Chooser {
 public:
  virtual ~Chooser() = default;
  /// One of 0 … options-1. `subject` is the id of what the question is about (a PID, a CPU).
  virtual std::uint32_t choose(Question question, std::uint32_t options, std::uint32_t subject) = 0;
};

/// Asks, or takes the default when there is nobody to ask: one predictable branch in a timed run.
inline std::uint32_t choose(Chooser* chooser, Question question, std::uint32_t options,
                            std::uint32_t subject) {
  if (chooser == nullptr) [[likely]]
    return 0;
  return chooser->choose(question, options, subject);
}

}  // namespace sim
