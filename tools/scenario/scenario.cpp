#include "tools/scenario/scenario.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kt::scenario {

std::string Scenario::where(std::uint32_t origin) const {
  const Origin& at = origins[origin];
  const std::string pointer = at.pointer.empty() ? "/" : at.pointer;
  if (at.line == 0) return fmt::format("{}: {}", at.file, pointer);
  return fmt::format("{}:{}:{}: {}", at.file, at.line, at.column, pointer);
}

std::int32_t Machine::node_of(std::int32_t cpu) const {
  for (std::size_t node = 0; node < nodes.size(); ++node)
    if (std::binary_search(nodes[node].cpus.begin(), nodes[node].cpus.end(), cpu))
      return static_cast<std::int32_t>(node);
  return -1;
}

}  // namespace kt::scenario
