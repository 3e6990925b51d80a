// The interrupt vectors of each CPU (kernel/irq/matrix.c and the local APIC): which are taken, and
// which the APIC holds pending. A vector stands for one interrupt on one CPU; while it is pending
// further arrivals add nothing. Of several that are pending the highest goes first.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/cpu/cpu_mask.hpp"

namespace kt::irq {

class Vectors {
 public:
  /// What a CPU has for devices: 256, less 32 exceptions, those of ISA and those of the system.
  static constexpr int kPerCpu = 200;

  explicit Vectors(int nr_cpus) : percpu_(static_cast<std::size_t>(nr_cpus)) {}

  /// The CPU of the mask with the most free vectors, the lowest of equals; -1 if all are full
  /// (kernel/irq/matrix.c: matrix_find_best_cpu).
  [[nodiscard]] int best_cpu(const cpu::CpuMask& mask) const;
  /// How many the CPU has given out; irq_matrix_allocated().
  [[nodiscard]] int allocated(int cpu) const { return kPerCpu - at(cpu).free; }
  /// How many the CPUs of the mask have left; irq_matrix_available().
  [[nodiscard]] int available(const cpu::CpuMask& mask) const;
  /// Takes the CPU's lowest free vector for an owner; there has to be one (irq_matrix_alloc).
  int allocate(int cpu, void* owner);
  void release(int cpu, int vector);

  /// The APIC's request register: sets the bit, false if it was set before.
  bool request(int cpu, int vector);
  /// Withdraws a request; true if there was one.
  bool withdraw(int cpu, int vector);
  /// Takes the most urgent request off the CPU: its vector's owner; null if there is none.
  void* take(int cpu);
  [[nodiscard]] bool pending(int cpu) const;

 private:
  static constexpr int kWords = (kPerCpu + 63) / 64;
  struct PerCpu {
    std::array<std::uint64_t, kWords> requests{};
    std::vector<void*> owners;  // by vector; null: free
    int free = kPerCpu;
  };
  [[nodiscard]] PerCpu& at(int cpu) { return percpu_[static_cast<std::size_t>(cpu)]; }
  [[nodiscard]] const PerCpu& at(int cpu) const { return percpu_[static_cast<std::size_t>(cpu)]; }

  std::vector<PerCpu> percpu_;
};

}  // namespace kt::irq
