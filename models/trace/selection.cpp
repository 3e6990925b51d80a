#include "models/trace/selection.hpp"

#include <fnmatch.h>

#include <limits>
#include <string_view>

#include "sim/edit_distance.hpp"
#include "sim/error.hpp"

namespace kt::trace {

namespace {

std::string full_name(std::size_t event) {
  const EventInfo& known = info(static_cast<Event>(event));
  return fmt::format("{}:{}", known.group, known.name);
}

EventSet matching(const std::string& pattern) {
  const bool with_group = pattern.find(':') != std::string::npos;
  EventSet set;
  for (std::size_t event = 0; event < kEvents; ++event) {
    const std::string name =
        with_group ? full_name(event) : std::string(info(static_cast<Event>(event)).name);
    set.set(event, ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0);
  }
  return set;
}

/// Among the names in the form of the pattern: "name", "group:name" and "group:*".
std::string nearest_name(const std::string& pattern) {
  const bool with_group = pattern.find(':') != std::string::npos;
  std::string best;
  std::size_t best_distance = std::numeric_limits<std::size_t>::max();
  const auto consider = [&](std::string candidate) {
    const std::size_t d = sim::edit_distance(pattern, candidate);
    if (d >= best_distance) return;
    best_distance = d;
    best = std::move(candidate);
  };
  for (std::size_t event = 0; event < kEvents; ++event) {
    const EventInfo& known = info(static_cast<Event>(event));
    if (!with_group) {
      consider(std::string(known.name));
      continue;
    }
    consider(full_name(event));
    consider(std::string(known.group) + ":*");
  }
  return best;
}

}  // namespace

EventSet default_events() {
  EventSet set;
  for (std::size_t event = 0; event < kEvents; ++event)
    set.set(event, info(static_cast<Event>(event)).by_default);
  return set;
}

EventSet select_events(std::span<const std::string> patterns, std::string_view where) {
  EventSet set;
  if (!patterns.empty() && patterns.front().starts_with('!')) set = default_events();
  for (const std::string& pattern : patterns) {
    const bool removes = pattern.starts_with('!');
    const std::string glob = pattern.substr(removes ? 1 : 0);
    const EventSet matched = matching(glob);
    if (matched.none()) {
      throw sim::UserError(fmt::format("{}: \"{}\" matches no event; nearest valid name: \"{}\"",
                                       where, pattern, nearest_name(glob)));
    }
    set = removes ? set & ~matched : set | matched;
  }
  return set;
}

}  // namespace kt::trace
