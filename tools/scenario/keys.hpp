// The keys of every object of a scenario except the arguments of verbs (see verbs.hpp). One table,
// which the loader checks against and the JSON Schema is held to.
#pragma once

#include <span>
#include <string_view>

namespace kt::scenario {

struct SectionKeys {
  std::string_view section;
  std::span<const std::string_view> keys;
};

/// Every object: "scenario" is the top level, "kthreads" one kthread, "machine" the machine, …
std::span<const SectionKeys> section_keys();

/// The keys of one of them, which must exist.
std::span<const std::string_view> keys_of(std::string_view section);

}  // namespace kt::scenario
