#include "tools/run/flusher.hpp"

#include <algorithm>

namespace kt::run {

namespace {

constexpr mm::Pages kWritebackPages = 1024;  // fs/fs-writeback.c: MIN_WRITEBACK_PAGES, 4 MiB
constexpr mm::Pages kBioPages = 256;         // include/linux/bio.h: BIO_MAX_VECS, 1 MiB

}  // namespace

Flusher::Flusher(Models& models, Devices& devices, const scenario::Machine& machine)
    : models_(models), devices_(devices), machine_(machine) {
  workqueue::Workqueues& workqueues = models.workqueues;
  bdi_wq_ = workqueues.find_workqueue("writeback");
  if (bdi_wq_ == nullptr) {
    using enum workqueue::WqFlag;
    bdi_wq_ = &workqueues.boot_workqueue("writeback", kWqMemReclaim | kWqUnbound | kWqSysfs, 0);
  }
  constexpr std::uint64_t kAddress = 0xffff888004000000;  // a token, as of a slab object
  constexpr std::uint64_t kStride = 0x400;
  for (int id = 0; id < models.memory.nr_nodes(); ++id) {
    Node& node = nodes_.emplace_back();
    node.flusher = this;
    node.id = id;
    node.disk = disk_of(id);
    workqueues.init_work(node.work, &wb_workfn, "wb_workfn",
                         kAddress + static_cast<std::uint64_t>(id) * kStride);
    node.work.object = &node;
  }
  models.memory.writeback_hook = {this, &start};
}

bool Flusher::needed(const scenario::Machine& machine) {
  return std::ranges::any_of(machine.nodes,
                             [](const scenario::Node& node) { return node.dirty > 0; });
}

// The first disk of the node, else the first disk.
int Flusher::disk_of(int node) const {
  const auto& disks = machine_.disks;
  const auto own = std::ranges::find(disks, node, &scenario::Disk::node);
  return own != disks.end() ? static_cast<int>(own - disks.begin()) : 0;
}

Co<> Flusher::start(void* self, sched::Scheduler&, int id) {
  Flusher& flusher = *static_cast<Flusher*>(self);
  workqueue::Work& work = flusher.nodes_[static_cast<std::size_t>(id)].work;
  co_await flusher.models_.workqueues.queue_work(*flusher.bdi_wq_, work);
}

Co<> Flusher::wb_workfn(workqueue::Workqueues& workqueues, workqueue::Work& work) {
  const Node& node = *static_cast<const Node*>(work.object);
  Flusher& flusher = *node.flusher;
  workqueues.set_worker_desc(
      fmt::format("flush-{}", flusher.machine_.disks[static_cast<std::size_t>(node.disk)].name));
  co_await flusher.write_back(node.id);
}

Co<> Flusher::write_back(int id) {
  for (;;) {
    mm::Pages left = models_.memory.begin_writeback(id, kWritebackPages);
    if (left == 0) co_return;
    co_await models_.machine.run(static_cast<Time>(left) * models_.machine.costs().writeback_page);
    while (left > 0) {
      const mm::Pages pages = std::min(left, kBioPages);
      left -= pages;
      co_await write(id, pages);
    }
  }
}

Co<> Flusher::write(int id, mm::Pages pages) {
  const int disk = nodes_[static_cast<std::size_t>(id)].disk;
  locking::Completion done;
  done.name =
      models_.machine.trace().names().intern(machine_.disks[static_cast<std::size_t>(disk)].name);
  devices_.io(disk, static_cast<std::int64_t>(pages * mm::kPageSize), true, done);
  const sched::Wait why{sched::WaitKind::kIo, done.name, nullptr};
  co_await models_.completions.wait_for_completion(done, sched::kTaskUninterruptible,
                                                   timers::kMaxScheduleTimeout, why);
  co_await models_.memory.end_writeback(id, pages);
}

}  // namespace kt::run
