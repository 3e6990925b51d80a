#include "tools/run/disk_writer.hpp"

#include <algorithm>

namespace kt::run {

Co<> DiskWriter::write(int disk, std::uint64_t bytes) {
  locking::Completion done;
  done.name = models_.machine.trace().names().intern(name(disk));
  devices_.io(disk, static_cast<std::int64_t>(bytes), true, done);
  const sched::Wait why{sched::WaitKind::kIo, done.name, nullptr};
  co_await models_.completions.wait_for_completion(done, sched::kTaskUninterruptible,
                                                   timers::kMaxScheduleTimeout, why);
}

std::string_view DiskWriter::name(int disk) const {
  return machine_.disks[static_cast<std::size_t>(disk)].name;
}

std::vector<int> DiskWriter::disk_of_node(const scenario::Machine& machine) {
  std::vector<int> disks;
  for (int node = 0; node < static_cast<int>(machine.nodes.size()); ++node) {
    const auto own = std::ranges::find(machine.disks, node, &scenario::Disk::node);
    disks.push_back(own != machine.disks.end() ? static_cast<int>(own - machine.disks.begin()) : 0);
  }
  return disks;
}

}  // namespace kt::run
