// bench-systemc PROCESSES WAITS: SystemC threads that wait in a loop. Compiled as C++17, as the
// library of Debian is, which refuses other standards when it links.
#include <cstdio>
#include <cstdlib>
#include <systemc>

#include "tools/bench/load.hpp"

namespace {

void wait_in_a_loop(std::uint64_t seed, std::uint64_t waits) {
  std::uint64_t random = seed;
  for (std::uint64_t i = 0; i < waits; ++i) {
    sc_core::wait(static_cast<double>(bench::next_wait(random)), sc_core::SC_NS);
  }
}

}  // namespace

int sc_main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::uint64_t processes = std::strtoull(argv[1], nullptr, 10);
  const std::uint64_t waits = std::strtoull(argv[2], nullptr, 10);
  for (std::uint64_t i = 0; i < processes; ++i) {
    sc_core::sc_spawn([i, waits] { wait_in_a_loop(i + 1, waits); });
  }
  const bench::Stopwatch watch;
  sc_core::sc_start();
  std::printf("{\"waits\": %llu, \"seconds\": %g}\n",
              static_cast<unsigned long long>(processes * waits), watch.seconds());
  return 0;
}
