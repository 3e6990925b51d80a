// Memory streams and disks of the simulated machine, carried by SimGrid: made only for scenarios
// that use them.
#pragma once

#include <deque>
#include <vector>

#include "models/irq/irq.hpp"
#include "sim/simulation.hpp"
#include "tools/run/interpreter.hpp"

namespace kt::run {

class PlatformDevices final : public Devices {
 public:
  PlatformDevices(sim::Simulation& simulation, Models& models, irq::Irqs& irqs,
                  const scenario::Machine& machine);

  void stream(std::int64_t bytes, int from_node, int to_node, cpu::Segment& stall) override;
  void io(int disk, std::int64_t bytes, bool write, locking::Completion& done) override;

  /// Whether a program of the scenario uses memory streams or disks.
  static bool needed(const scenario::Scenario& scenario);
  /// The first interrupt number that no disk has.
  static int irq_after(const scenario::Scenario& scenario);

 private:
  struct Request {
    PlatformDevices* devices = nullptr;
    locking::Completion* done = nullptr;
    int disk = -1;
    int cpu = -1;  ///< where it was submitted: its interrupt comes there
    bool in_use = false;
  };
  static void stream_done(void* segment, std::uint64_t);
  static void request_done(void* request, std::uint64_t);
  static Co<> device_interrupt(void* self, cpu::Cpu& cpu);

  sim::Simulation& simulation_;
  Models& models_;
  irq::Irqs& irqs_;
  const scenario::Machine& machine_;
  std::deque<Request> requests_;
  std::vector<std::deque<Request*>> finished_;  // for each CPU, in order
};

}  // namespace kt::run
