// The hardware that is shared or that draws power, in SimGrid: memory and disk bandwidth, CPU
// frequency, energy. Only platform.cpp and platform_machine.cpp know SimGrid.
//
// There is no SimGrid actor. Operations are requests, made by model code while the calendar
// dispatches an event; they take effect at that instant. A completion arrives as an event of the
// calendar, at the time SimGrid computed, rounded up to whole nanoseconds; completions of one
// instant come in the order of their starts, and behind the events that were armed for that instant
// before.
//
// The two clocks: SimGrid's is brought to the calendar's lazily, only when a request needs it, and
// moves with it step by step while an activity is in flight (active()). Simulation drives that.
// Both agree to the nanosecond up to 2^50 ns (13 days); beyond, SimGrid's double is coarser than
// that.
//
// SimGrid's engine exists once for each process: making a second Platform in a process, even after
// the first is gone, throws InternalError.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "sim/calendar.hpp"
#include "sim/platform_spec.hpp"
#include "sim/time.hpp"

namespace sim {

/// What the calendar calls when an activity has completed.
struct Completion {
  Calendar::Action action = nullptr;
  void* object = nullptr;
  std::uint64_t argument = 0;
};

enum class IoOperation : std::uint8_t { kRead, kWrite };

class Platform {
 public:
  /// Builds the machine that `spec` describes. Throws UserError when it does not validate.
  Platform(Calendar& calendar, const PlatformSpec& spec);

  /// Loads a SimGrid platform file (XML, DTD 4.1). Hosts tell what they are by properties: cpu="N"
  /// (the N-th CPU, with node="M"), memory="M" (the memory of NUMA node M) and port="M" (where the
  /// CPUs of node M reach the machine: streams run from a memory to a port). Each kind is numbered
  /// from 0 without gaps and there are as many ports as memories. Every disk counts, in
  /// alphabetical order of its host and then of its name. CPUs that have wattage_per_state
  /// account for energy. Throws UserError when the file cannot be read or is no such platform.
  Platform(Calendar& calendar, const std::string& xml_file);
  ~Platform();
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;

  [[nodiscard]] std::size_t cpu_count() const;
  [[nodiscard]] std::size_t node_count() const;
  [[nodiscard]] std::size_t disk_count() const;

  /// Moves `bytes` between a CPU of node `from` and the memory of node `to`: at a fair share of
  /// that memory's bandwidth and, when remote, of each interconnect's on the way, after its
  /// latency.
  void start_stream(std::uint64_t bytes, std::uint32_t from, std::uint32_t to, Completion done);

  /// Reads or writes `bytes` at a fair share of the disk's bandwidth.
  void start_io(std::uint32_t disk, std::uint64_t bytes, IoOperation operation, Completion done);

  void set_pstate(std::uint32_t cpu, std::uint32_t pstate);
  /// A CPU that is off draws watts_off. Off and busy exclude each other: turning off ends busy.
  void turn_off(std::uint32_t cpu);
  void turn_on(std::uint32_t cpu);
  /// Whether the CPU computes: it draws watts_busy, else watts_idle. All CPUs start idle.
  void set_busy(std::uint32_t cpu, bool busy);

  /// Frequency in Hz of the P-state that the CPU is in.
  [[nodiscard]] double frequency(std::uint32_t cpu) const;
  /// Energy drawn from t = 0 up to the calendar's now, in joules (SimGrid's host_energy plugin).
  /// Throws UserError when the CPU has no wattage.
  [[nodiscard]] double energy_joules(std::uint32_t cpu) const;

  /// A stream or an I/O is in flight.
  [[nodiscard]] bool active() const;
  /// A request waits until SimGrid's clock stands at the calendar's.
  [[nodiscard]] bool pending() const;

  /// Called by drive() with SimGrid's clock at `now`: lets the calendar run and says when to be
  /// called next at the latest (kNever: after a completion), or kLeave to end drive(). Returning
  /// the calendar's now while requests are pending() has them carried out first.
  using Turn = Time (*)(void* context, Time now);
  static constexpr Time kLeave = -1;

  /// Runs SimGrid until `turn` returns kLeave. The first call comes at the calendar's now. Turns
  /// are taken after each completion, at its whole nanosecond. What `turn` throws leaves through
  /// drive().
  void drive(Turn turn, void* context);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sim
