// How far two words are apart, for messages that name the nearest valid one.
#pragma once

#include <cstddef>
#include <string_view>

namespace sim {

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other
/// (optimal string alignment).
std::size_t edit_distance(std::string_view from, std::string_view to);

}  // namespace sim
