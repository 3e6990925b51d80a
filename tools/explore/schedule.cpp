#include "tools/explore/schedule.hpp"

#include <algorithm>

namespace kt::explore {

Schedule with(const Schedule& schedule, const Deviation& deviation) {
  Schedule result = schedule;
  const auto same = std::ranges::find_if(
      result, [&](const Deviation& entry) { return entry.same_place(deviation); });
  if (same != result.end()) {
    same->time += deviation.time;
    return result;
  }
  result.insert(std::ranges::upper_bound(result, deviation), deviation);
  return result;
}

std::uint64_t hash_of(const Schedule& schedule) {
  std::uint64_t hash = 0x9e3779b97f4a7c15;
  const auto mix = [&hash](std::uint64_t value) {
    hash ^= value + 0x9e3779b97f4a7c15 + (hash << 6) + (hash >> 2);
    hash *= 0xff51afd7ed558ccd;
    hash ^= hash >> 33;
  };
  for (const Deviation& entry : schedule) {
    mix(static_cast<std::uint64_t>(entry.kind) << 56 | std::uint64_t{entry.cpu} << 32 |
        entry.index);
    mix(static_cast<std::uint64_t>(entry.time));
  }
  return hash;
}

std::string question_text(sim::Question question) {
  switch (question) {
    case sim::Question::kAllocation:
      return "an allocation fails";
    case sim::Question::kSpuriousWakeup:
      return "a spurious wakeup";
    case sim::Question::kStoreBuffer:
      return "a store stays in the store buffer";
    case sim::Question::kStoreLeaves:
      return "the oldest store leaves the store buffer";
  }
  return {};
}

}  // namespace kt::explore
