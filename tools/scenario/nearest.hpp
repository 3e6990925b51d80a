// "did you mean": the valid name that is closest to what was written.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace kt::scenario {

/// The candidate with the least sim::edit_distance() (the first of equals), or "" if none is close:
/// more than a third of the longer word (and more than one character), or all of it, would have to
/// change.
std::string nearest(std::string_view word, std::span<const std::string> candidates);
std::string nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace kt::scenario
