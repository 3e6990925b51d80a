// The hardware of a machine as plain data: what Platform builds in SimGrid. CPUs, NUMA nodes and
// disks are known by their index in these lists.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/time.hpp"

namespace sim {

struct PlatformSpec {
  /// A NUMA node. Every stream to its memory shares the memory controller's bandwidth, max-min
  /// fair.
  struct Node {
    std::string name;
    double memory_bandwidth = 0;  ///< bytes/s, > 0
  };
  /// One frequency that a CPU can run at, and what it draws there.
  struct PState {
    double hertz = 0;       ///< > 0
    double watts_idle = 0;  ///< >= 0
    double watts_busy = 0;  ///< >= 0
  };
  struct Cpu {
    std::string name;
    std::uint32_t node = 0;
    std::vector<PState> pstates;  ///< at least one; a CPU starts in the first
    double watts_off = 0;         ///< >= 0
  };
  /// A full-duplex link between two nodes. Streams between nodes that are not neighbours pass over
  /// the nodes in between, the fewest possible.
  struct Interconnect {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    double bandwidth = 0;  ///< bytes/s each way, > 0
    Time latency = 0;      ///< ns, >= 0
  };
  struct Disk {
    std::string name;
    std::uint32_t node = 0;
    double read_bandwidth = 0;   ///< bytes/s, > 0
    double write_bandwidth = 0;  ///< bytes/s, > 0
  };

  std::vector<Node> nodes;
  std::vector<Cpu> cpus;
  std::vector<Interconnect> interconnects;
  std::vector<Disk> disks;
  /// Account for energy. Without it the watts are ignored and set_busy costs nothing.
  bool energy = false;

  /// Throws UserError, naming the entry, when a value is out of its range, a name is empty or used
  /// twice, a node does not exist or cannot be reached from the first.
  void validate() const;
};

}  // namespace sim
