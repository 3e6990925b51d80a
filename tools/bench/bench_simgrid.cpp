// bench-simgrid PROCESSES WAITS: SimGrid actors that sleep in a loop, all on one host.
#include <fmt/format.h>

#include <cstdlib>
#include <simgrid/s4u.hpp>

#include "tools/bench/load.hpp"

namespace {

void sleep_in_a_loop(std::uint64_t seed, std::uint64_t waits) {
  std::uint64_t random = seed;
  for (std::uint64_t i = 0; i < waits; ++i) {
    simgrid::s4u::this_actor::sleep_for(static_cast<double>(bench::next_wait(random)) * 1e-9);
  }
}

}  // namespace

int main(int argc, char** argv) {
  simgrid::s4u::Engine engine(&argc, argv);
  if (argc != 3) return 2;
  const std::uint64_t processes = std::strtoull(argv[1], nullptr, 10);
  const std::uint64_t waits = std::strtoull(argv[2], nullptr, 10);
  simgrid::s4u::Engine::set_config("surf/precision:1e-12");
  simgrid::s4u::Engine::set_config("contexts/stack-size:64");  // KiB
  auto* zone = simgrid::s4u::create_full_zone("zone");
  auto* host = zone->create_host("host", 1e9);
  zone->seal();
  for (std::uint64_t i = 0; i < processes; ++i) {
    simgrid::s4u::Actor::create("sleeper", host, sleep_in_a_loop, i + 1, waits);
  }
  const bench::Stopwatch watch;
  engine.run();
  fmt::print("{{\"waits\": {}, \"seconds\": {}}}\n", processes * waits, watch.seconds());
}
