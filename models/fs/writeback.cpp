#include "models/fs/writeback.hpp"

#include <algorithm>

namespace kt::fs {

namespace {

constexpr Pages kWritebackPages = 1024;  // fs/fs-writeback.c: MIN_WRITEBACK_PAGES, 4 MiB
constexpr Pages kBioPages = 256;         // include/linux/bio.h: BIO_MAX_VECS, 1 MiB
constexpr Pages kPollThreshold = 32;     // mm/page-writeback.c: DIRTY_POLL_THRESH
constexpr Time kDirtyWritebackInterval = 5'000'000'000;       // ns, dirty_writeback_centisecs
constexpr Time kDirtyExpireInterval = 30'000'000'000;         // ns, dirty_expire_centisecs
constexpr std::int64_t kInitialBandwidth = 100 << (20 - 12);  // INIT_BW: 100 MiB/s in pages

}  // namespace

Writeback::Writeback(workqueue::Workqueues& workqueues, mm::Memory& memory, Disks& disks,
                     std::vector<int> disk_of_node)
    : workqueues_(workqueues),
      machine_(workqueues.machine()),
      timers_(workqueues.timers()),
      memory_(memory),
      disks_(disks),
      bdi_wq_(workqueues.find_workqueue("writeback")) {
  if (bdi_wq_ == nullptr) {
    using enum workqueue::WqFlag;
    bdi_wq_ = &workqueues.boot_workqueue("writeback", kWqMemReclaim | kWqUnbound | kWqSysfs, 0);
  }
  constexpr std::uint64_t kAddress = 0xffff888004000000;  // a token, as of a slab object
  constexpr std::uint64_t kStride = 0x400;
  for (int id = 0; id < memory.nr_nodes(); ++id) {
    Wb& wb = nodes_.emplace_back();
    wb.writeback = this;
    wb.node = id;
    wb.disk = disk_of_node[static_cast<std::size_t>(id)];
    wb.write_bandwidth = wb.dirty_ratelimit = kInitialBandwidth;
    workqueues.init_delayed_work(wb.dwork, &wb_workfn, "wb_workfn",
                                 kAddress + static_cast<std::uint64_t>(id) * kStride);
    wb.dwork.object = &wb;
    if (memory.node(id).dirty == 0) continue;
    wb.batches.push_back({0, memory.node(id).dirty});
    workqueues.boot_delayed_work(*bdi_wq_, wb.dwork, kDirtyWritebackInterval);
  }
  memory.writeback_hook = {this, &start};
}

Writeback::Dirtier& Writeback::dirtier(const Task& task) {
  const auto index = static_cast<std::size_t>(task.pid);
  while (dirtiers_.size() <= index) {
    Dirtier& fresh = dirtiers_.emplace_back();
    fresh.nr_dirtied_pause = kPollThreshold;
    fresh.unsynced.resize(nodes_.size());
  }
  return dirtiers_[index];
}

Co<bool> Writeback::write(std::uint64_t bytes, int node) {
  Task& current = workqueues_.scheduler().current();
  Dirtier& self = dirtier(current);
  Pages left = (bytes + mm::kPageSize - 1) / mm::kPageSize;
  while (left > 0) {
    const Pages pages = std::min(left, kPollThreshold);
    left -= pages;
    co_await machine_.run(static_cast<Time>(pages) * machine_.costs().write_page);
    const int id = co_await memory_.grow_page_cache(pages, node);
    if (id < 0) co_return false;
    Wb& wb = wb_of(id);
    wb.dirtied += pages;
    self.nr_dirtied += pages;
    self.unsynced[static_cast<std::size_t>(id)] += pages;
    const bool first = wb.batches.empty();
    if (!first && wb.batches.back().dirtied_when == machine_.now()) {
      wb.batches.back().pages += pages;
    } else {
      wb.batches.push_back({machine_.now(), pages});
    }
    if (first) co_await wb_wakeup_delayed(wb);  // __mark_inode_dirty()
    if (self.nr_dirtied >= self.nr_dirtied_pause) co_await balance_dirty_pages(wb, self);
    if (current.fatal_signal) co_return false;
    co_await workqueues_.scheduler().cond_resched();
  }
  co_return true;
}

Co<std::vector<int>> Writeback::write_and_wait() {
  Dirtier& self = dirtier(workqueues_.scheduler().current());
  std::vector<int> disks;
  for (Wb& wb : nodes_) {
    const Pages own = std::exchange(self.unsynced[static_cast<std::size_t>(wb.node)], 0);
    if (own == 0) continue;
    co_await write_pages(wb, own);
    if (std::ranges::find(disks, wb.disk) == disks.end()) disks.push_back(wb.disk);
  }
  co_return disks;
}

Co<> Writeback::start(void* self, sched::Scheduler&, int id) {
  Writeback& writeback = *static_cast<Writeback*>(self);
  Wb& wb = writeback.wb_of(id);
  wb.asked = true;
  co_await writeback.wb_wakeup(wb);
}

Co<> Writeback::wb_wakeup(Wb& wb) {
  co_await workqueues_.mod_delayed_work_on(workqueue::kWorkCpuUnbound, *bdi_wq_, wb.dwork, 0);
}

Co<> Writeback::wb_wakeup_delayed(Wb& wb) {
  co_await workqueues_.queue_delayed_work_on(workqueue::kWorkCpuUnbound, *bdi_wq_, wb.dwork,
                                             timers_.ticks().from_time(kDirtyWritebackInterval));
}

Co<> Writeback::wb_workfn(workqueue::Workqueues& workqueues, workqueue::Work& work) {
  Wb& wb = *static_cast<Wb*>(work.object);
  Writeback& writeback = *wb.writeback;
  workqueues.set_worker_desc(fmt::format("flush-{}", writeback.disks_.name(wb.disk)));
  wb.running = true;
  do {
    co_await writeback.do_writeback(wb);
  } while (wb.asked);
  wb.running = false;
  if (!wb.batches.empty()) co_await writeback.wb_wakeup_delayed(wb);
}

// What reclaim wants, what is old, and what is too much.
Co<> Writeback::do_writeback(Wb& wb) {
  if (std::exchange(wb.asked, false)) {
    co_await write_pages(wb, ~Pages{0});
  }
  if (machine_.now() - wb.last_old_flush >= kDirtyWritebackInterval) {  // wb_check_old_data_flush()
    wb.last_old_flush = machine_.now();
    co_await write_pages(wb, expired(wb));
  }
  while (memory_.node(wb.node).dirty > 0 && dirty() > limits().background) {
    co_await write_pages(wb, kWritebackPages);
  }
}

Pages Writeback::expired(const Wb& wb) const {
  Pages pages = 0;
  for (const Batch& batch : wb.batches) {
    if (machine_.now() - batch.dirtied_when < kDirtyExpireInterval) break;
    pages += batch.pages;
  }
  return pages;
}

void Writeback::forget_oldest(Wb& wb, Pages pages) {
  while (pages > 0 && !wb.batches.empty()) {
    Batch& oldest = wb.batches.front();
    const Pages gone = std::min(pages, oldest.pages);
    oldest.pages -= gone;
    pages -= gone;
    if (oldest.pages == 0) wb.batches.pop_front();
  }
}

// Up to `most` dirty pages, 4 MiB at a time in requests of 1 MiB, until they are clean.
Co<> Writeback::write_pages(Wb& wb, Pages most) {
  while (most > 0) {
    Pages left = memory_.begin_writeback(wb.node, std::min(most, kWritebackPages));
    if (left == 0) co_return;
    most -= left;
    forget_oldest(wb, left);
    co_await machine_.run(static_cast<Time>(left) * machine_.costs().writeback_page);
    while (left > 0) {
      const Pages pages = std::min(left, kBioPages);
      left -= pages;
      co_await disks_.write(wb.disk, pages * mm::kPageSize);
      co_await memory_.end_writeback(wb.node, pages);
    }
  }
}

}  // namespace kt::fs
