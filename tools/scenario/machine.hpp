// The hardware and the kernel configuration that a scenario asks for, resolved: defaults filled in,
// CPU lists expanded and checked. Frequencies in Hz, sizes in bytes, power in watts.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/bugs.hpp"
#include "sim/time.hpp"

namespace kt::scenario {

/// Ascending CPU numbers without repetition.
using CpuList = std::vector<std::int32_t>;

struct Node {
  CpuList cpus;
  std::int64_t memory = std::int64_t{16} << 30;
  std::int64_t free = -1;  ///< bytes at t = 0; once loaded never -1, as the next
  std::int64_t cache = -1;  ///< of page cache that can be reclaimed
  std::int64_t dirty = 0;   ///< of that, what has to be written back first
  bool memory_given = false;  ///< free, cache or dirty
};

/// A block device with a bandwidth each way and a fixed latency for each request.
struct Disk {
  std::string name;
  std::int64_t read_bandwidth = 0;   ///< bytes a second
  std::int64_t write_bandwidth = 0;  ///< bytes a second
  sim::Time latency = 0;
  std::int32_t node = 0;
  bool mq_deadline = false;  ///< requests of io go through an I/O scheduler
  std::uint32_t origin = 0;
};

/// Names a table of costs and what the scenario changes in it. The names of the costs belong to the
/// models; the loader checks them against LoadOptions::vocabulary.
struct Costs {
  std::string preset;  ///< empty: the default table
  struct Override {
    std::string name;
    sim::Time value = 0;
    std::uint32_t origin = 0;
  };
  std::vector<Override> overrides;  ///< in file order, the machine preset's before the scenario's
  std::uint32_t origin = 0;
};

enum class Governor : std::uint8_t { kPerformance, kPowersave, kSchedutil };
/// As a scenario names them, in the order of the enumerators.
inline constexpr std::array<std::string_view, 3> kGovernorNames{"performance", "powersave",
                                                                "schedutil"};

struct Frequency {
  std::vector<double> pstates;  ///< fastest first; empty: one speed
  Governor governor = Governor::kPerformance;
  sim::Time transition = 10'000;  ///< ns that a change of frequency takes
};

/// Watts of one CPU.
struct Power {
  bool given = false;
  std::vector<double> busy;  ///< in each P-state
  double idle = 0;
  double off = 0;
};

/// How an idle CPU waits: watching its need_resched flag, or halted until an interrupt.
enum class Idle : std::uint8_t { kMwait, kHlt };

struct Machine {
  std::string preset;  ///< empty: none
  std::int32_t cpus = 4;
  std::int32_t smt = 1;                             ///< hardware threads a core; divides cpus
  double smt_speed = 0.6;  ///< of a thread whose siblings run, of what it does alone
  std::vector<Node> nodes;                          ///< at least one; together all CPUs, each once
  std::vector<std::vector<std::int32_t>> distance;  ///< nodes x nodes, 10 on the diagonal
  std::vector<CpuList> llc;                         ///< together all CPUs, each once
  Frequency freq;
  std::vector<Disk> disks;
  std::string platform;  ///< SimGrid platform file; empty: built from the rest
  Costs costs;
  Power power;
  Idle idle = Idle::kMwait;
  std::uint32_t origin = 0;

  [[nodiscard]] std::int32_t node_of(std::int32_t cpu) const;
};

enum class Preempt : std::uint8_t { kNone, kVoluntary, kFull, kRt };
enum class MemoryModel : std::uint8_t { kSc, kTso };
enum class Boot : std::uint8_t { kFull, kMinimal };
/// What runs beside the scenario.
enum class BackgroundLoad : std::uint8_t { kNone, kIdle, kServer };

/// One word of the kernel command line.
struct KernelParameter {
  std::string name;
  std::string value;  ///< empty if there is no "="
};

/// Idle workers of one pool at t = 0.
struct PoolWorkers {
  std::int32_t cpu = -1;  ///< -1: the unbound pool
  bool highpri = false;
  std::int32_t count = 0;
};

struct Kernel {
  std::int32_t hz = 250;
  Preempt preempt = Preempt::kVoluntary;
  std::string cmdline;                      ///< as written
  CpuList isolcpus;                         ///< isolcpus= without its flags
  std::vector<std::string> isolcpus_flags;  ///< domain, nohz, managed_irq; as written
  CpuList nohz_full;
  std::vector<KernelParameter> workqueue;  ///< workqueue.NAME=VALUE, NAME without its prefix
  std::vector<KernelParameter> unknown;    ///< accepted and without effect
  MemoryModel memory_model = MemoryModel::kSc;
  Bugs bugs;  ///< that the models have had put back
  bool legacy_workqueues = false;  ///< "workqueue_model": "legacy"
  Boot boot = Boot::kFull;
  BackgroundLoad background = BackgroundLoad::kNone;
  sim::Time pm_freeze_timeout = 20'000'000'000;  ///< ns; /sys/power/pm_freeze_timeout
  std::optional<std::vector<PoolWorkers>> kworkers;  ///< unset: a freshly booted 6.12's
  std::uint32_t origin = 0;
  std::uint32_t preempt_origin = 0;
  std::uint32_t background_origin = 0;
};

}  // namespace kt::scenario
