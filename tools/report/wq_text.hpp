// The workqueues at a moment as tools/workqueue/wq_dump.py and wq_monitor.py of Linux 6.12 print
// them: the same sections, columns and widths.
#pragma once

#include <string>
#include <vector>

#include "models/workqueue/dump.hpp"

namespace kt::report {

/// All sections of wq_dump.py. Ends in a newline.
std::string wq_dump_text(const workqueue::Dump& dump);

/// One block of wq_monitor.py: an empty line, the header, a line for each queue. `moment` stands in
/// the header, over the names, where the script prints nothing.
std::string wq_monitor_text(const std::vector<workqueue::MonitorRow>& rows,
                            std::string_view moment);

/// CPUs as hexadecimal words of 32 from the lowest on, as wq_dump.py prints them ("" if none).
std::string cpumask_words(const cpu::CpuMask& mask);

}  // namespace kt::report
