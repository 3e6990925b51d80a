// What each CPU that went or came did on its way, step by step, and what it moved.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/hotplug/hotplug.hpp"
#include "tools/run/latency.hpp"

namespace kt::run {

using sim::Time;

class System;

/// One callback, or the wait for the lock before the first.
struct HotplugPhase {
  int state = 0;         ///< of the callback; -1: the wait for cpu_hotplug_lock
  std::string function;
  std::string task;      ///< who ran it; empty: whoever asked waited
  int cpu = -1;          ///< where it began
  Time start = 0;
  Time duration = 0;     ///< ns; up to the end of the run if it has not ended
  bool ended = true;
  int result = 0;
};

struct HotplugUse {
  bool up = false;
  int cpu = 0;
  bool suspend = false;  ///< part of a suspend or resume
  Time start = 0;        ///< when it was asked for
  Time duration = 0;     ///< ns
  bool ended = true;
  int result = 0;
  hotplug::Moves moves;
  std::vector<HotplugPhase> phases;  ///< in order; of the first 256 operations
};

struct HotplugReport {
  std::vector<HotplugUse> operations;  ///< in order
  Latency down;                        ///< of those that succeeded
  Latency up;
};
HotplugReport hotplug_report(System& system);

/// The tables of a report for people; empty if no CPU went or came.
std::string hotplug_report_text(const HotplugReport& report);
/// The same for scripts; times in ns.
nlohmann::ordered_json hotplug_json(const HotplugReport& report);

}  // namespace kt::run
