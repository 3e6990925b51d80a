// What whoever explores interleavings sees of the CPUs, and how he holds one of them back. A step
// of a CPU is the code behind one segment, up to the next: it is atomic, and it is what can be
// stalled. In a timed run there is no probe: each question costs one predictable branch.
#pragma once

#include <cstdint>

#include "sim/time.hpp"

namespace kt::cpu {

using sim::Time;
class Cpu;

/// What code does to an object that others use too. All but the first three order what happens, and
/// are nothing that the order of steps could change.
enum class Access : std::uint8_t {
  kRead,     ///< sees what was stored, and what its writer did before
  kWrite,    ///< reads and stores: a locked operation
  kStore,    ///< stores without looking
  kAcquire,  ///< as a read
  kRelease,  ///< as a write: what was done before is seen by who acquires later
};

class Probe {
 public:
  virtual ~Probe() = default;
  /// A segment starts on the CPU: the id of the step behind it, in the order of the whole run, not
  /// 0.
  virtual std::uint32_t segment_begins(Cpu& cpu) = 0;
  /// How many ns longer the segment in front of this step takes. Asked when its end is known.
  virtual Time stall(std::uint32_t step) = 0;
  /// The code of a step is about to run.
  virtual void code_begins(Cpu& cpu, std::uint32_t step) = 0;
  /// An interrupt arrives: how many ns later it lands.
  virtual Time interrupt_arrives(Cpu& cpu, unsigned vector) = 0;
  /// The running code makes another CPU go on: now, or by an interrupt that was sent in the step
  /// that current_step() named then.
  virtual void signalled(Cpu& cpu) = 0;
  virtual void signalled_by(Cpu& cpu, std::uint32_t step) = 0;
  [[nodiscard]] virtual std::uint32_t current_step() const = 0;
  /// The running code uses a shared object; also while no step is known. The object may be gone.
  virtual void touched(const void* object, Access access) = 0;
  /// It keeps something from happening that was due at the instant `due`, with an interrupt.
  virtual void cancelled(Time due) = 0;
};

}  // namespace kt::cpu
