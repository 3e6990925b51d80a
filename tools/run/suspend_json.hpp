// The suspends of a run as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "tools/run/suspend_report.hpp"

namespace kt::run {

nlohmann::ordered_json suspend_json(const std::vector<SuspendUse>& suspends);
/// One thread that sleeps, or refuses to freeze (report_json.cpp).
nlohmann::ordered_json sleeper_json(const Sleeper& sleeper);

}  // namespace kt::run
