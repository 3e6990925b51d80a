// The rows of `ps -eLo pid,ppid,stat,psr,cls,rtprio,ni,comm` at a moment, as procps-ng 4.0.2 would
// show the simulated machine, and its table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/sched/scheduler.hpp"

namespace kt::boot {

struct PsRow {
  std::int32_t pid = 0;
  std::int32_t ppid = 0;
  /// R, S, D, T, t, P, I or Z; then < or N if the nice value is below or above 0. The letters that
  /// ps adds for sessions, foreground groups and locked memory need what is not modelled.
  std::string stat;
  int psr = 0;                ///< the CPU where it runs, or ran last
  std::string_view cls;       ///< TS, FF, RR, B or IDL
  std::optional<int> rtprio;  ///< 1 … 99 of FF and RR, 0 of B and IDL; none of TS
  std::optional<int> ni;      ///< none where ps prints -: FF, RR, IDL
  /// A kernel thread's full name in brackets (as ps prints it under args), of a kworker with what it
  /// executes ("+events") or executed last ("-events"); else up to 15 characters.
  std::string comm;
};

/// All tasks but the idle tasks and those that are gone, by PID.
std::vector<PsRow> ps_rows(sched::Scheduler& scheduler);

/// The table with its header, right-aligned as ps does it. The PID columns are as wide as the
/// largest PID of a machine with `nr_cpus` CPUs. Ends in a newline.
std::string ps_table(const std::vector<PsRow>& rows, int nr_cpus);

}  // namespace kt::boot
