// A fixed list of trace records: each event at least once, with the flags and the corners that the
// text format has (long names, large numbers, unknown vectors). The golden files hold their text.
#pragma once

#include <vector>

#include "sim/trace.hpp"

std::vector<sim::TraceRecord> sample_records(sim::NameTable& names);
