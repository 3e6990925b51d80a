// The text after the time stamp of a trace line: "event: payload", as TP_printk in
// include/trace/events/{sched,irq,timer,ipi,csd,power,workqueue}.h prints it in Linux 6.12.
#pragma once

#include <cstddef>

#include "models/trace/comms.hpp"
#include "sim/trace.hpp"

namespace kt::trace {

/// Characters that a payload may need beside the names in it.
inline constexpr std::size_t kPayloadRoom = 400;
/// Names that a payload may hold at most.
inline constexpr std::size_t kPayloadNames = 2;

/// Writes "event: payload" without newline and returns the end. The caller provides kPayloadRoom
/// plus kPayloadNames of the longest names; comms must be up to date with names.
char* put_event(char* at, const sim::TraceRecord& record, const sim::NameTable& names,
                const Comms& comms);

}  // namespace kt::trace
