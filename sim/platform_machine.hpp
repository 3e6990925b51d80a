// Platform's machine as SimGrid has it: the engine, a netzone for each NUMA node, hosts, links and
// disks. Internal to Platform; with platform.cpp the only place that knows SimGrid.
#pragma once

#include <simgrid/forward.h>

#include <string>
#include <vector>

#include "sim/platform_spec.hpp"

namespace sim {

/// The process's only engine, which lives as long as the process. Throws InternalError the second
/// time. SimGrid's handler of SIGINT is for actors, which we have not: the one that was there
/// before stays.
simgrid::s4u::Engine& make_simgrid_engine();

/// Builds the machine in the engine. Its hosts have the properties that a platform file has
/// (platform.hpp).
void build_simgrid_machine(const PlatformSpec& spec);

/// The hosts with the property `key` = 0, 1, …, in that order. Throws UserError when a value is no
/// number, used twice or left out.
std::vector<simgrid::s4u::Host*> numbered_hosts(const simgrid::s4u::Engine& engine,
                                                const std::string& key);

}  // namespace sim
