// The machine's disks, for the file systems of the models.
#pragma once

#include "models/fs/disks.hpp"
#include "tools/run/interpreter.hpp"

namespace kt::run {

class DiskWriter final : public fs::Disks {
 public:
  /// All must outlive it.
  DiskWriter(Models& models, Devices& devices, const scenario::Machine& machine)
      : models_(models), devices_(devices), machine_(machine) {}
  [[nodiscard]] sim::FramePool& frame_pool() const { return models_.machine.frame_pool(); }

  Co<> write(int disk, std::uint64_t bytes) override;
  [[nodiscard]] std::string_view name(int disk) const override;

  /// The disk of each node: its first one, else the first of all. The machine has one.
  static std::vector<int> disk_of_node(const scenario::Machine& machine);

 private:
  Models& models_;
  Devices& devices_;
  const scenario::Machine& machine_;
};

}  // namespace kt::run
