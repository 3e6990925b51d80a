// Ctrl-C and its like: a run or a search is asked to stop, and ends in an orderly way.
#pragma once

#include <csignal>

namespace kt::cli {

/// While one lives, SIGINT and SIGTERM ask what goes on to stop. Again, they kill the process as
/// usual; but not within a moment of the first: timeout(1) sends each twice.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  [[nodiscard]] static bool interrupted() { return signal() != 0; }
  /// The one that came first; 0: none came.
  [[nodiscard]] static int signal();
  /// As shells have it: 130 after SIGINT, 143 after SIGTERM.
  [[nodiscard]] static int exit_code() { return 128 + signal(); }
  /// In a child: it gets them from the terminal and from its parent, and is only asked to stop.
  static void only_ask();
};

/// While one lives, SIGINT and SIGTERM wait: what InterruptGuard says stays true until a wait that
/// lets them in, such as ppoll(2) with the mask from before.
class InterruptsHeld {
 public:
  InterruptsHeld();
  ~InterruptsHeld();
  InterruptsHeld(const InterruptsHeld&) = delete;
  InterruptsHeld& operator=(const InterruptsHeld&) = delete;
  [[nodiscard]] const sigset_t& before() const { return before_; }

 private:
  sigset_t before_{};
};

}  // namespace kt::cli
