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
  Co<> submit_bio(int disk, std::int64_t bytes, bool write, locking::Completion& done) override;
  [[nodiscard]] sim::FramePool& frame_pool() const { return models_.machine.frame_pool(); }

  /// Readies kblockd for the disks with an I/O scheduler, when the kernel has booted.
  void boot();
  /// Whether some disk has one.
  static bool uses_kblockd(const scenario::Machine& machine);

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
  /// The hardware queue of a disk with an I/O scheduler (struct blk_mq_hw_ctx). Requests are
  /// dispatched in order: which of them are neighbours on the disk is not known.
  struct HardwareQueue {
    struct Waiting {
      std::int64_t bytes = 0;
      bool write = false;
      locking::Completion* done = nullptr;
    };
    PlatformDevices* devices = nullptr;
    int disk = -1;
    std::deque<Waiting> inserted;
    workqueue::DelayedWork run_work;
  };
  static Co<> blk_mq_run_work_fn(workqueue::Workqueues& workqueues, workqueue::Work& work);
  Co<> run_hw_queue(HardwareQueue& queue);
  static void stream_done(void* segment, std::uint64_t);
  static void request_done(void* request, std::uint64_t);
  static Co<> device_interrupt(void* self, cpu::Cpu& cpu);

  sim::Simulation& simulation_;
  Models& models_;
  irq::Irqs& irqs_;
  const scenario::Machine& machine_;
  std::deque<Request> requests_;
  workqueue::Workqueue* kblockd_ = nullptr;
  std::deque<HardwareQueue> hardware_queues_;   // of each disk
  std::vector<std::deque<Request*>> finished_;  // for each CPU, in order
};

}  // namespace kt::run
