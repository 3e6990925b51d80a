// One group of invariants: sees every line in order, with the world as it was before the line.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/invariants.hpp"
#include "tests/support/invariants/world.hpp"

namespace support {

class Checker {
 public:
  explicit Checker(std::vector<Violation>& found) : found_(found) {}
  virtual ~Checker() = default;
  virtual void see(const TraceLine& line, const World& world) = 0;

 protected:
  void report(const char* invariant, const TraceLine& line, const std::string& what) {
    found_.push_back({line.number, invariant, what + ": " + line.text});
  }

 private:
  std::vector<Violation>& found_;
};

std::unique_ptr<Checker> switch_checker(std::vector<Violation>& found);
std::unique_ptr<Checker> wakeup_checker(std::vector<Violation>& found);
std::unique_ptr<Checker> placement_checker(std::vector<Violation>& found);
std::unique_ptr<Checker> softirq_checker(std::vector<Violation>& found);
std::unique_ptr<Checker> timer_checker(std::vector<Violation>& found);
std::unique_ptr<Checker> kthread_checker(std::vector<Violation>& found);
std::unique_ptr<Checker> park_checker(std::vector<Violation>& found);
std::unique_ptr<Checker> kthread_worker_checker(std::vector<Violation>& found);
std::unique_ptr<Checker> workqueue_checker(std::vector<Violation>& found);
std::unique_ptr<Checker> suspend_checker(std::vector<Violation>& found);
std::unique_ptr<Checker> hotplug_checker(std::vector<Violation>& found);

}  // namespace support
