// A scenario given as JSON text, simulated up to a moment and still there to be looked at.
#pragma once

#include <string>

#include "tools/run/system.hpp"
#include "tools/scenario/load.hpp"

namespace support {

class StoppedSystem {
 public:
  /// `sections` are the members of the scenario behind name, version, duration and kernel.
  StoppedSystem(sim::Time at, const std::string& sections,
                const std::string& kernel = R"({"boot": "minimal"})")
      : scenario_(
            kt::scenario::load("test.json", R"({"name": "test", "version": 1, "duration": "10s", )"
                                            R"("kernel": )" +
                                                kernel + ", " + sections + "}")),
        system_(scenario_, trace_, {.seed = {}, .duration = {}}) {
    kt::scenario::require_modelled(scenario_);
    if (at > 0) system_.run_until(at);
  }
  StoppedSystem(const StoppedSystem&) = delete;
  StoppedSystem& operator=(const StoppedSystem&) = delete;

  [[nodiscard]] kt::run::System& operator*() { return system_; }
  [[nodiscard]] kt::run::System* operator->() { return &system_; }

 private:
  kt::scenario::Scenario scenario_;
  sim::Trace trace_;
  kt::run::System system_;
};

}  // namespace support
