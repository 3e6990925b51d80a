// Which events a trace holds, from the glob patterns of a scenario's trace.events: "sched:*",
// "sched_switch", "ipi:ipi_send_cpu", "!timer:*".
#pragma once

#include <bitset>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "models/trace/events.hpp"

namespace kt::trace {

/// Indexed by Event.
using EventSet = std::bitset<static_cast<std::size_t>(Event::kCount)>;

/// Every event that is printed unless a selection says otherwise.
EventSet default_events();

/// Reads the patterns from left to right; each adds the events that it matches, or removes them if
/// it begins with "!". A pattern with a colon is matched against "group:name", any other against
/// the name; * ? and [..] as in a shell. A list that begins with "!" starts from the default
/// events, any other from none. Throws sim::UserError, with the nearest valid name, for a pattern
/// that matches no event; `where` says in the message where the pattern stands.
EventSet select_events(std::span<const std::string> patterns,
                       std::string_view where = "trace.events");

}  // namespace kt::trace
