// Checks that hold in every trace of a Linux 6.12 kernel, whatever the scenario: the numbered
// invariants of scheduler, softirqs and timers ("sched N"), of kernel threads ("kthread N") and of
// workqueues
// ("workqueue N") of
// the behavioural reference. An invariant whose events a trace does not have holds; nothing is
// assumed of tasks before a trace first names them. While a CPU is down or on its way, wakeups may
// be missing (the kernel records no event on a CPU that is not online): sched 3 and 5 are not
// checked then.
//
// Checked: sched 1-3, 5-13, 15, 16, 19-28, 33, 35 (4 permits, it forbids nothing); kthread 1-20, 23-25, 28, 29;
// workqueue 1-6, 10, 11, 27, 37, 38, 49 (4 and 5 in what the others permit).
// What is known only approximately from a trace is checked where it is certain; each checker's
// comments say what that leaves out.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/support/trace_text.hpp"

namespace support {

struct Violation {
  std::size_t line = 0;   ///< in the file, from 1
  std::string invariant;  ///< "sched 3", "kthread 12"
  std::string text;       ///< what was wrong, and the line
};

/// In the order of the lines.
std::vector<Violation> check_invariants(const TraceText& trace);

/// One violation a line, for test output.
std::string describe(const std::vector<Violation>& violations);

}  // namespace support
