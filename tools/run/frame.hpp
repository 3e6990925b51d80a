// One execution of a body: the task, where it is in the program, loop counters, and the wait queue
// entries of prepare_to_wait.
#pragma once

#include <array>
#include <memory>

#include "tools/run/interpreter.hpp"

namespace kt::run {

struct Interpreter::Frame {
  struct Waiting {
    std::int32_t queue = -1;
    locking::WaitEntry entry;
    std::unique_ptr<Waiting> next;
  };

  [[nodiscard]] Waiting* find(std::int32_t queue) const {
    for (Waiting* waiting = first.get(); waiting != nullptr; waiting = waiting->next.get()) {
      if (waiting->queue == queue) return waiting;
    }
    return nullptr;
  }

  /// The first few are in the frame: a handler runs often and must not allocate.
  void make_counters(std::uint8_t wanted) {
    if (wanted <= few.size()) return;
    many.reset(new std::int64_t[wanted]);
  }
  std::int64_t& counter(std::uint8_t index) {
    return many != nullptr ? many[index] : few[index];
  }

  Task& self;
  const scenario::Program& program;
  Time cost = 0;        ///< ns of CPU time that each statement takes
  std::int32_t at = 0;  ///< index of the next statement
  std::array<std::int64_t, 4> few{};
  std::unique_ptr<std::int64_t[]> many{};
  std::unique_ptr<Waiting> first{};
};

}  // namespace kt::run
