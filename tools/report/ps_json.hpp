// The process table as JSON: an array of objects in the order of the rows, with the keys pid, ppid,
// stat, psr, cls, rtprio, ni, comm. rtprio and ni are null where ps prints a dash.
#pragma once

#include <string>
#include <vector>

#include "models/boot/ps.hpp"

namespace kt::report {

/// One object a line. Ends in a newline.
std::string ps_json(const std::vector<boot::PsRow>& rows);

}  // namespace kt::report
