#include "models/fs/file_system.hpp"

namespace kt::fs {

FileSystem::FileSystem(workqueue::Workqueues& workqueues, kthread::Kthreads& kthreads,
                       locking::Waits& waits, mm::Memory& memory, Disks& disks,
                       const std::vector<int>& disk_of_node, bool journals)
    : machine_(workqueues.machine()), writeback_(workqueues, memory, disks, disk_of_node) {
  if (!journals) return;
  for (const int disk : disk_of_node) {
    const auto index = static_cast<std::size_t>(disk);
    if (index >= journals_.size()) journals_.resize(index + 1);
    if (journals_[index] != nullptr) continue;
    journals_[index] = std::make_unique<Journal>(kthreads, waits, disks, disk);
  }
}

// The time stamps of the file change first.
Co<bool> FileSystem::write(std::uint64_t bytes, int node) {
  const int where = node >= 0 ? node : machine_.topology().node_of(machine_.this_cpu().id());
  co_await journals_[static_cast<std::size_t>(writeback_.disk_of(where))]->dirty_metadata();
  co_return co_await writeback_.write(bytes, node);
}

Co<> FileSystem::fsync() {
  const std::vector<int> disks = co_await writeback_.write_and_wait();
  for (const int disk : disks) {
    co_await journals_[static_cast<std::size_t>(disk)]->commit_and_wait();
  }
}

}  // namespace kt::fs
