#include <fmt/format.h>

#include <new>
#include <system_error>

#include "sim/error.hpp"
#include "tools/cli/commands.hpp"

namespace kt::cli {

int guarded(const std::function<int()>& work) {
  using sim::ExitCode;
  try {
    return work();
  } catch (const sim::UserError& error) {
    fmt::print(stderr, "ktsim: {}\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "ktsim: out of memory\n");
    return static_cast<int>(ExitCode::kLimit);
  } catch (const std::system_error& error) {  // standard output is gone
    fmt::print(stderr, "ktsim: {}\n", error.what());
    return static_cast<int>(ExitCode::kInputOutput);
  } catch (const std::exception& error) {
    fmt::print(stderr, "ktsim: internal error: {}\n", error.what());
    return static_cast<int>(ExitCode::kInternal);
  }
}

}  // namespace kt::cli
