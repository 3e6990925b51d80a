// What file systems write to: the disks of the machine, which are a layer above.
#pragma once

#include <cstdint>
#include <string_view>

#include "sim/co.hpp"

namespace kt::fs {

using sim::Co;

class Disks {
 public:
  virtual ~Disks() = default;
  /// Writes so many bytes; the current task sleeps in D until the disk's interrupt.
  virtual Co<> write(int disk, std::uint64_t bytes) = 0;
  [[nodiscard]] virtual std::string_view name(int disk) const = 0;
};

}  // namespace kt::fs
