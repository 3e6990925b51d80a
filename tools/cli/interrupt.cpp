#include "tools/cli/interrupt.hpp"

#include <ctime>

namespace kt::cli {

namespace {

// What the signal handler touches.
volatile std::sig_atomic_t first_signal = 0;
volatile std::sig_atomic_t again_kills = 1;
timespec first_time{};

sigset_t interrupts() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

void on_interrupt(int number) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (first_signal == 0) {
    first_time = now;
    first_signal = number;
    return;
  }
  constexpr long kMoment = 200;  // ms
  const long since =
      (now.tv_sec - first_time.tv_sec) * 1000 + (now.tv_nsec - first_time.tv_nsec) / 1'000'000;
  if (again_kills == 0 || since < kMoment) return;
  std::signal(number, SIG_DFL);
  std::raise(number);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  first_signal = 0;
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_mask = interrupts();
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

int InterruptGuard::signal() {
  return first_signal;
}

void InterruptGuard::only_ask() {
  again_kills = 0;
}

InterruptsHeld::InterruptsHeld() {
  const sigset_t set = interrupts();
  sigprocmask(SIG_BLOCK, &set, &before_);
}

InterruptsHeld::~InterruptsHeld() {
  sigprocmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace kt::cli
