// sched 5, 6, 8: waking, wakeup and the migration between them.
#include <fmt/format.h>

#include "tests/support/invariants/checker.hpp"

namespace support {

namespace {

class WakeupChecker : public Checker {
 public:
  using Checker::Checker;

  void see(const TraceLine& line, const World& world) override {
    if (line.event == "sched_wakeup") woken(line, world);
    if (line.event == "sched_wakeup_new") woken_new(line, world);
  }

 private:
  void woken(const TraceLine& line, const World& world) {
    const Task* task = world.find(line.number_of("pid"));
    if (task == nullptr || !task->waking) {
      if (!world.blind()) report("sched 5", line, "wakeup without waking");
      return;
    }
    const Waking& waking = *task->waking;
    if (line.time < waking.time) report("sched 6", line, "wakeup before its waking");
    const std::int64_t target = line.number_of("target_cpu");
    if (waking.target == target) return;
    if (waking.migrations != 1 || waking.migrated_to != target)
      report("sched 8", line,
             fmt::format("target was CPU {} at waking and {} migrations lie between", waking.target,
                         waking.migrations));
  }

  void woken_new(const TraceLine& line, const World& world) {
    const Task* task = world.find(line.number_of("pid"));
    if (task == nullptr || !task->forked)
      report("sched 5", line, "wakeup_new without fork");
    else if (task->woken_new)
      report("sched 5", line, "a second wakeup_new");
    else if (task->waking)
      report("sched 5", line, "wakeup_new with a waking");
  }
};

}  // namespace

std::unique_ptr<Checker> wakeup_checker(std::vector<Violation>& found) {
  return std::make_unique<WakeupChecker>(found);
}

}  // namespace support
