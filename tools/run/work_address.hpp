// Where works lie in traces, as scenarios/README.md says: the k-th declared work 16 MiB further than
// the one before, its instances 256 bytes apart; kthread works come after works.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kt::run {

constexpr std::uint64_t work_address(std::size_t declared, std::uint64_t instance) {
  constexpr std::uint64_t kFirst = 0xffff888100000000;
  constexpr std::uint64_t kWorkStride = 16 * 1024 * 1024;
  constexpr std::uint64_t kInstanceStride = 256;
  return kFirst + declared * kWorkStride + instance * kInstanceStride;
}

}  // namespace kt::run
