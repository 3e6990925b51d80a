// A scenario's whole machine, for tests that look into the pools: the smallest boot, untraced.
#pragma once

#include <string>

#include "sim/chooser.hpp"
#include "tools/run/system.hpp"
#include "tools/scenario/load.hpp"

namespace support {

/// Makes threads, or fails to: as long as `fails`.
struct FailingForks : sim::Chooser {
  std::uint32_t choose(sim::Question question, std::uint32_t, std::uint32_t) override {
    if (question != sim::Question::kAllocation) return 0;
    if (fails > 0) {
      --fails;
      return 1;
    }
    return 0;
  }
  int fails = 0;  ///< so many more forks
};

class BootedSystem {
 public:
  /// `sections` are the members of the scenario behind its name, version and kernel.
  explicit BootedSystem(const std::string& sections)
      : scenario_(kt::scenario::load(
            "test.json",
            R"({"name": "t", "version": 1, "kernel": {"boot": "minimal"}, )" + sections + "}")),
        system(scenario_, trace_, {}) {
    kt::scenario::require_modelled(scenario_);
  }

  [[nodiscard]] kt::workqueue::Workqueues& workqueues() {
    return system.interpreter().models().workqueues;
  }
  /// A queue that exists; throws std::out_of_range.
  [[nodiscard]] kt::workqueue::Workqueue& workqueue(std::string_view name) {
    kt::workqueue::Workqueue* wq = workqueues().find_workqueue(name);
    if (wq != nullptr) return *wq;
    throw std::out_of_range(std::string(name));
  }
  /// When a mark was first passed, or -1.
  [[nodiscard]] sim::Time mark(std::string_view text) {
    for (const kt::run::Mark& mark : system.interpreter().marks()) {
      if (scenario_.texts[static_cast<std::size_t>(mark.text)] == text) return mark.time;
    }
    return -1;
  }

 private:
  kt::scenario::Scenario scenario_;
  sim::Trace trace_;

 public:
  kt::run::System system;
};

}  // namespace support
