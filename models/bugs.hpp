// Defects that Linux has had and that a scenario can put back into the models, by name:
// "kernel": {"bugs": ["WQ-12"]}. One line at each site asks for its bug; a machine has none unless
// it is told. The explorer's pairs in scenarios/races are the tests.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kt {

enum class Bug : std::uint8_t { kHp16, kSb09, kWq04, kWq12, kWq16, kWq23, kCount };

/// Their names, in the order of Bug, and the commit that fixed each in Linux.
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Bug::kCount)> kBugs{
    "HP-16",  // 5ba2ffba13a1: a kthread with one CPU counts as a per-CPU one when its CPU goes
    "SB-09",  // 1acd92d95fa2: BH works stay in the pool of a CPU that has gone
    "WQ-04",  // 07edfece8bcb: a worker that is back may be preempted before it counts as running
    "WQ-12",  // eb2834285cf1: unbind_workers() wakes no worker for what is queued
    "WQ-16",  // 58629d4871e8: a work that requeues itself stays with an ordered queue's old pwq
    "WQ-23",  // 951a078a5285: works that a larger max_active activates wake no worker
};

class Bugs {
 public:
  void put_back(Bug bug) { bits_ |= 1U << static_cast<unsigned>(bug); }
  [[nodiscard]] bool have(Bug bug) const { return (bits_ >> static_cast<unsigned>(bug) & 1U) != 0; }

 private:
  std::uint32_t bits_ = 0;
};

}  // namespace kt
