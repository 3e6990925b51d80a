// The store buffer of a CPU under memory_model tso: plain stores that other CPUs do not see yet, in
// order. The CPU itself sees them. They leave one by one between statements, at the latest at the
// next barrier: a locked operation, a lock, set_current_state(), schedule(), an interrupt. Letting a
// spinlock go is a plain store too: behind others it waits with them.
#pragma once

#include <cstdint>
#include <vector>

#include "models/locking/spinlock.hpp"
#include "sim/time.hpp"

namespace kt::run {

struct StoreBuffer {
  /// A variable's value, or (state not null) the state of a task, or (lock not null) its release.
  struct Entry {
    std::int64_t* variable = nullptr;
    std::uint32_t* state = nullptr;
    locking::Spinlock* lock = nullptr;
    const void* object = nullptr;  ///< what the store touches
    std::int64_t value = 0;
    std::int32_t pid = 0;
    std::uint32_t location = 0;  ///< the statement that stores
  };
  /// When others saw a store that had waited.
  struct Seen {
    sim::Time time = 0;
    std::int32_t pid = 0;
    std::uint32_t location = 0;
  };
  /// Nothing stays longer.
  static constexpr sim::Time kLongest = 1'000;  // ns
  /// What a store takes that leaves by itself.
  static constexpr sim::Time kLeaves = 1;  // ns

  /// The youngest value of a variable; null: none is here.
  [[nodiscard]] const std::int64_t* find(const std::int64_t* variable) const {
    for (std::size_t i = entries.size(); i-- > 0;) {
      if (entries[i].variable == variable) return &entries[i].value;
    }
    return nullptr;
  }

  std::vector<Entry> entries;
  sim::Time since = 0;  ///< of the oldest
};

}  // namespace kt::run
