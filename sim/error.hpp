// The two kinds of failure. A mistake of the user (scenario, option, file) is a UserError and ends
// as one clear message and an exit code; a broken invariant of ktsim is an InternalError, raised by
// KT_ASSERT, and ends as exit code 70 with simulated time, CPU, task, seed and the replay command.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace sim {

/// What the command exits with.
enum class ExitCode : int {
  kDone = 0,
  kDefect = 1,       ///< an expectation failed or a defect was found in the scenario
  kUsage = 2,        ///< bad usage or bad scenario
  kLimit = 3,        ///< a limit was reached
  kInputOutput = 4,  ///< a file could not be read or written
  kInternal = 70,
};

/// A mistake of the user: one message that says where, what was expected and the nearest valid name.
class UserError : public std::runtime_error {
 public:
  explicit UserError(const std::string& message, ExitCode code = ExitCode::kUsage)
      : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// Something that the simulated code must not do (scheduling while atomic, unlocking another's mutex):
/// a defect of the scenario. Ends the run with exit code 1.
class Defect : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A broken invariant of ktsim itself.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line,
                                   const std::string& message);

}  // namespace sim

/// Always on, in every build type: KT_ASSERT(condition, "format", arguments...).
#define KT_ASSERT(condition, ...)                                                        \
  do {                                                                                   \
    if (!(condition)) [[unlikely]]                                                       \
      ::sim::assertion_failed(#condition, __FILE__, __LINE__, ::fmt::format(__VA_ARGS__)); \
  } while (false)
