// ktsim ps: the threads of a scenario's machine at a moment.
#include <fmt/format.h>

#include "sim/error.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"

namespace kt::cli {

int ps_command(const std::vector<std::string>&) {
  throw sim::UserError("ps: not modelled yet");
}

}  // namespace kt::cli
