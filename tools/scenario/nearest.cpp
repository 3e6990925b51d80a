#include "tools/scenario/nearest.hpp"

#include <algorithm>

#include "sim/edit_distance.hpp"

namespace kt::scenario {
namespace {

template <class Word>
std::string nearest_of(std::string_view word, std::span<const Word> candidates) {
  std::string best;
  std::size_t least = word.size() + 1;
  for (const Word& candidate : candidates) {
    if (candidate.empty()) continue;
    const std::size_t distance = sim::edit_distance(word, candidate);
    const std::size_t longer = std::max(word.size(), candidate.size());
    const std::size_t tolerated = std::min(std::max<std::size_t>(1, longer / 3), longer - 1);
    if (distance >= least || distance > tolerated) continue;
    least = distance;
    best = candidate;
  }
  return best;
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  return nearest_of(word, candidates);
}

std::string nearest(std::string_view word, std::span<const std::string_view> candidates) {
  return nearest_of(word, candidates);
}

}  // namespace kt::scenario
