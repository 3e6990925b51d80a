#include "models/irq/vector.hpp"

#include <algorithm>
#include <bit>

#include "sim/error.hpp"

namespace kt::irq {

namespace {

constexpr std::size_t word_of(int vector) { return static_cast<std::size_t>(vector) / 64; }
constexpr std::uint64_t bit_of(int vector) { return std::uint64_t{1} << (vector % 64); }

}  // namespace

int Vectors::best_cpu(const cpu::CpuMask& mask) const {
  int best = -1;
  int most = 0;
  for (const int cpu : mask) {
    if (at(cpu).free <= most) continue;
    most = at(cpu).free;
    best = cpu;
  }
  return best;
}

int Vectors::available(const cpu::CpuMask& mask) const {
  int free = 0;
  for (const int cpu : mask) free += at(cpu).free;
  return free;
}

int Vectors::allocate(int cpu, void* owner) {
  PerCpu& here = at(cpu);
  KT_ASSERT(here.free > 0, "CPU {} has no free vector", cpu);
  --here.free;
  const auto gap = std::ranges::find(here.owners, nullptr);
  const auto vector = gap - here.owners.begin();
  if (gap == here.owners.end()) {
    here.owners.push_back(owner);
  } else {
    *gap = owner;
  }
  return static_cast<int>(vector);
}

void Vectors::release(int cpu, int vector) {
  PerCpu& here = at(cpu);
  here.owners[static_cast<std::size_t>(vector)] = nullptr;
  here.requests[word_of(vector)] &= ~bit_of(vector);
  ++here.free;
}

bool Vectors::request(int cpu, int vector) {
  std::uint64_t& word = at(cpu).requests[word_of(vector)];
  if ((word & bit_of(vector)) != 0) return false;
  word |= bit_of(vector);
  return true;
}

bool Vectors::withdraw(int cpu, int vector) {
  std::uint64_t& word = at(cpu).requests[word_of(vector)];
  if ((word & bit_of(vector)) == 0) return false;
  word &= ~bit_of(vector);
  return true;
}

void* Vectors::take(int cpu) {
  PerCpu& here = at(cpu);
  for (std::size_t word = kWords; word-- > 0;) {
    if (here.requests[word] == 0) continue;
    const int vector = static_cast<int>(word * 64) + 63 - std::countl_zero(here.requests[word]);
    withdraw(cpu, vector);
    return here.owners[static_cast<std::size_t>(vector)];
  }
  return nullptr;
}

bool Vectors::pending(int cpu) const {
  return std::ranges::any_of(at(cpu).requests, [](std::uint64_t word) { return word != 0; });
}

}  // namespace kt::irq
