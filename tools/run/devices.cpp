#include "tools/run/devices.hpp"

#include <algorithm>

namespace kt::run {

using trace::Event;

namespace {

// A node's memory controllers and a link between two nodes, as on a two-socket server of about
// 2020.
constexpr double kMemoryBandwidth = 100e9;       // bytes/s
constexpr double kInterconnectBandwidth = 40e9;  // bytes/s each way
constexpr int kFirstIrq = 24;                    // after the legacy ones

sim::PlatformSpec platform_spec(const scenario::Machine& machine) {
  sim::PlatformSpec spec;
  const auto nodes = static_cast<std::uint32_t>(machine.nodes.size());
  for (std::uint32_t node = 0; node < nodes; ++node) {
    spec.nodes.push_back({fmt::format("node{}", node), kMemoryBandwidth});
    for (std::uint32_t other = node + 1; other < nodes; ++other) {
      spec.interconnects.push_back({node, other, kInterconnectBandwidth, 0});
    }
  }
  spec.energy = machine.power.given;
  std::vector<double> hertz = machine.freq.pstates;
  if (hertz.empty()) hertz.push_back(2.5e9);
  for (std::int32_t cpu = 0; cpu < machine.cpus; ++cpu) {
    sim::PlatformSpec::Cpu host{
        fmt::format("cpu{}", cpu), static_cast<std::uint32_t>(machine.node_of(cpu)), {}, 0};
    for (std::size_t state = 0; state < hertz.size(); ++state) {
      const double busy = machine.power.given ? machine.power.busy[state] : 0;
      host.pstates.push_back({hertz[state], machine.power.idle, busy});
    }
    host.watts_off = machine.power.off;
    spec.cpus.push_back(host);
  }
  for (const scenario::Disk& disk : machine.disks) {
    spec.disks.push_back({disk.name, static_cast<std::uint32_t>(disk.node),
                          static_cast<double>(disk.read_bandwidth),
                          static_cast<double>(disk.write_bandwidth)});
  }
  return spec;
}

}  // namespace

PlatformDevices::PlatformDevices(sim::Simulation& simulation, Models& models, irq::Irqs& irqs,
                                 const scenario::Machine& machine)
    : simulation_(simulation), models_(models), irqs_(irqs), machine_(machine) {
  if (machine.platform.empty()) {
    simulation.make_platform(platform_spec(machine));
  } else {
    simulation.make_platform(machine.platform);
  }
  finished_.resize(static_cast<std::size_t>(models.machine.nr_cpus()));
  irqs.set_queue_handler({&device_interrupt, this});
}

int PlatformDevices::irq_after(const scenario::Scenario& scenario) {
  return kFirstIrq + static_cast<int>(scenario.machine.disks.size());
}

bool PlatformDevices::needed(const scenario::Scenario& scenario) {
  return std::ranges::any_of(scenario.programs, [](const scenario::Program& program) {
    return std::ranges::any_of(program.ops, [](const scenario::Op& op) {
      return op.verb == scenario::Verb::kMem || op.verb == scenario::Verb::kIo;
    });
  });
}

void PlatformDevices::stream_done(void* segment, std::uint64_t) {
  cpu::Cpu::release(*static_cast<cpu::Segment*>(segment), 0);
}

void PlatformDevices::stream(std::int64_t bytes, int from_node, int to_node, cpu::Segment& stall) {
  simulation_.platform()->start_stream(
      static_cast<std::uint64_t>(bytes), static_cast<std::uint32_t>(from_node),
      static_cast<std::uint32_t>(to_node), {&stream_done, &stall, 0});
}

void PlatformDevices::io(int disk, std::int64_t bytes, bool write, locking::Completion& done) {
  auto free = std::ranges::find_if(requests_, [](const Request& r) { return !r.in_use; });
  Request& request = free != requests_.end() ? *free : requests_.emplace_back();
  request = {this, &done, disk, models_.machine.this_cpu().id(), true};
  simulation_.platform()->start_io(
      static_cast<std::uint32_t>(disk), static_cast<std::uint64_t>(bytes),
      write ? sim::IoOperation::kWrite : sim::IoOperation::kRead, {&request_done, &request, 0});
}

bool PlatformDevices::uses_kblockd(const scenario::Machine& machine) {
  return std::ranges::any_of(machine.disks, &scenario::Disk::mq_deadline);
}

void PlatformDevices::boot() {
  workqueue::Workqueues& workqueues = models_.workqueues;
  kblockd_ = workqueues.find_workqueue("kblockd");
  if (kblockd_ == nullptr) {
    using enum workqueue::WqFlag;
    kblockd_ = &workqueues.boot_workqueue("kblockd", kWqMemReclaim | kWqHighpri, 0);
  }
  constexpr std::uint64_t kAddress = 0xffff888005000040;  // a token, as of a slab object
  constexpr std::uint64_t kStride = 0x400;
  for (std::size_t disk = 0; disk < machine_.disks.size(); ++disk) {
    HardwareQueue& queue = hardware_queues_.emplace_back();
    queue.devices = this;
    queue.disk = static_cast<int>(disk);
    workqueues.init_delayed_work(queue.run_work, &blk_mq_run_work_fn, "blk_mq_run_work_fn",
                                 kAddress + disk * kStride);
    queue.run_work.object = &queue;
  }
}

// block/blk-mq.c: blk_mq_submit_bio: without a plug, a request that has a scheduler is inserted,
// and the queue is run from kblockd.
Co<> PlatformDevices::submit_bio(int disk, std::int64_t bytes, bool write,
                                 locking::Completion& done) {
  if (!machine_.disks[static_cast<std::size_t>(disk)].mq_deadline) {
    io(disk, bytes, write, done);
    co_return;
  }
  HardwareQueue& queue = hardware_queues_[static_cast<std::size_t>(disk)];
  queue.inserted.push_back({bytes, write, &done});
  co_await models_.workqueues.mod_delayed_work_on(workqueue::kWorkCpuUnbound, *kblockd_,
                                                  queue.run_work, 0);
}

Co<> PlatformDevices::blk_mq_run_work_fn(workqueue::Workqueues&, workqueue::Work& work) {
  HardwareQueue& queue = *static_cast<HardwareQueue*>(work.object);
  return queue.devices->run_hw_queue(queue);
}

Co<> PlatformDevices::run_hw_queue(HardwareQueue& queue) {
  while (!queue.inserted.empty()) {
    const HardwareQueue::Waiting next = queue.inserted.front();
    queue.inserted.pop_front();
    co_await models_.machine.run(models_.machine.costs().dispatch_request);
    io(queue.disk, next.bytes, next.write, *next.done);
  }
}

// The device is done: after its latency it interrupts the CPU that has submitted the request.
void PlatformDevices::request_done(void* object, std::uint64_t waited) {
  Request& request = *static_cast<Request*>(object);
  PlatformDevices& devices = *request.devices;
  const Time latency = devices.machine_.disks[static_cast<std::size_t>(request.disk)].latency;
  if (waited == 0 && latency > 0) {
    sim::Calendar& calendar = devices.simulation_.calendar();
    calendar.at(calendar.now() + latency, &request_done, object, 1);
    return;
  }
  devices.finished_[static_cast<std::size_t>(request.cpu)].push_back(&request);
  devices.irqs_.raise_queue(request.cpu);
}

Co<> PlatformDevices::device_interrupt(void* self, cpu::Cpu& cpu) {
  PlatformDevices& devices = *static_cast<PlatformDevices*>(self);
  auto& finished = devices.finished_[static_cast<std::size_t>(cpu.id())];
  while (!finished.empty()) {
    Request& request = *finished.front();
    finished.pop_front();
    const auto irq = static_cast<std::uint64_t>(kFirstIrq + request.disk);
    cpu.trace(Event::kIrqHandlerEntry, irq, request.done->name);
    locking::Completion& done = *request.done;
    request.in_use = false;
    co_await devices.models_.completions.complete(done);
    cpu.trace(Event::kIrqHandlerExit, irq, 1);
  }
}

}  // namespace kt::run
