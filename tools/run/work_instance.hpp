// The instances of a declared work. Where they lie in traces, as scenarios/README.md says: the k-th
// declared work 16 MiB further than the one before, its instances 256 bytes apart; kthread works come
// after works. And which one a statement takes that gives the bare name.
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

/// The next instance in turn that is not taken; if all are, the one whose turn it is.
template <class Declared, class Taken>
auto& next_instance(Declared& work, Taken taken) {
  const std::size_t count = work.instances.size();
  for (std::size_t tried = 0; tried < count; ++tried) {
    auto& candidate = *work.instances[work.next];
    work.next = (work.next + 1) % count;
    if (!taken(candidate)) return candidate;
  }
  return *work.instances[work.next];
}

}  // namespace kt::run
