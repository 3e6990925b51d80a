#include "sim/platform.hpp"

#define CATCH_CONFIG_ENABLE_PAIR_STRINGMAKER
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <vector>

#include "sim/error.hpp"
#include "sim/simulation.hpp"
#include "tests/support/paths.hpp"

// SimGrid's engine is one for each process: ctest runs each case in its own; to run a case by hand,
// name it. No case makes two platforms, none has sections.

namespace {

using sim::Time;
using namespace sim::literals;

// Two nodes, 10 GB/s of memory each, 4 GB/s between them.
sim::PlatformSpec two_nodes() {
  sim::PlatformSpec spec;
  spec.nodes = {{"node0", 10e9}, {"node1", 10e9}};
  spec.cpus = {{"cpu0", 0, {{2e9, 10, 40}, {1e9, 5, 15}}, 1}, {"cpu1", 1, {{2e9, 10, 40}}, 1}};
  spec.interconnects = {{0, 1, 4e9, 150}};
  spec.disks = {{"sda", 0, 500e6, 250e6}};
  return spec;
}

struct Machine {
  sim::Simulation simulation;
  std::vector<std::pair<std::uint64_t, Time>> done;

  sim::Completion completion(std::uint64_t id) {
    const auto record = [](void* self, std::uint64_t argument) {
      auto* machine = static_cast<Machine*>(self);
      machine->done.emplace_back(argument, machine->simulation.calendar().now());
    };
    return {record, this, id};
  }
  sim::Platform& platform() { return *simulation.platform(); }
};

using Done = std::vector<std::pair<std::uint64_t, Time>>;

}  // namespace

TEST_CASE("platform: a stream alone has the memory's whole bandwidth", "[platform]") {
  Machine machine;
  machine.simulation.make_platform(two_nodes());
  machine.platform().start_stream(10'000'000, 0, 0, machine.completion(1));
  machine.simulation.run_until(sim::kNever);
  REQUIRE(machine.done == Done{{1, 1_ms}});
}

TEST_CASE("platform: two streams to one memory take twice as long", "[platform]") {
  Machine machine;
  machine.simulation.make_platform(two_nodes());
  machine.platform().start_stream(10'000'000, 0, 0, machine.completion(1));
  machine.platform().start_stream(10'000'000, 0, 0, machine.completion(2));
  machine.platform().start_stream(10'000'000, 1, 1, machine.completion(3));
  machine.simulation.run_until(sim::kNever);
  REQUIRE(machine.done == Done{{3, 1_ms}, {1, 2_ms}, {2, 2_ms}});
}

TEST_CASE("platform: what a finished stream leaves, the others take", "[platform]") {
  Machine machine;
  machine.simulation.make_platform(two_nodes());
  machine.platform().start_stream(5'000'000, 0, 0, machine.completion(1));
  machine.platform().start_stream(15'000'000, 0, 0, machine.completion(2));
  machine.simulation.run_until(sim::kNever);
  REQUIRE(machine.done == Done{{1, 1_ms}, {2, 2_ms}});
}

TEST_CASE("platform: a remote stream pays latency and the interconnect's bandwidth", "[platform]") {
  Machine machine;
  machine.simulation.make_platform(two_nodes());
  machine.platform().start_stream(4'000'000, 0, 1, machine.completion(1));
  machine.platform().start_stream(6'000'000, 1, 1, machine.completion(2));  // the other 6 GB/s
  machine.platform().start_stream(4'000'000, 1, 0, machine.completion(3));  // the other direction
  machine.simulation.run_until(sim::kNever);
  REQUIRE(machine.done.size() == 3);
  REQUIRE(machine.done[0].first == 2);
  REQUIRE(machine.done[0].second == Approx(1_ms).margin(100));
  REQUIRE(machine.done[1] == std::pair<std::uint64_t, Time>{1, 1_ms + 150});
  REQUIRE(machine.done[2] == std::pair<std::uint64_t, Time>{3, 1_ms + 150});
}

TEST_CASE("platform: streams pass over the nodes in between", "[platform]") {
  Machine machine;
  sim::PlatformSpec spec;
  spec.nodes = {{"node0", 10e9}, {"node1", 10e9}, {"node2", 10e9}};
  spec.interconnects = {{0, 1, 4e9, 100}, {1, 2, 2e9, 100}};
  machine.simulation.make_platform(spec);
  machine.platform().start_stream(2'000'000, 0, 2, machine.completion(1));
  machine.simulation.run_until(sim::kNever);
  REQUIRE(machine.done == Done{{1, 1_ms + 200}});
}

TEST_CASE("platform: a disk reads and writes at its rates, shared", "[platform]") {
  Machine machine;
  machine.simulation.make_platform(two_nodes());
  machine.platform().start_io(0, 500'000, sim::IoOperation::kRead, machine.completion(1));
  machine.simulation.run_until(10_ms);
  machine.platform().start_io(0, 250'000, sim::IoOperation::kWrite, machine.completion(2));
  machine.simulation.run_until(20_ms);
  machine.platform().start_io(0, 500'000, sim::IoOperation::kRead, machine.completion(3));
  machine.platform().start_io(0, 500'000, sim::IoOperation::kRead, machine.completion(4));
  machine.simulation.run_until(30_ms);
  REQUIRE(machine.done == Done{{1, 1_ms}, {2, 11_ms}, {3, 22_ms}, {4, 22_ms}});
}

TEST_CASE("platform: disks are numbered as the spec lists them", "[platform]") {
  Machine machine;
  sim::PlatformSpec spec = two_nodes();
  spec.disks = {{"slow", 1, 100e6, 100e6}, {"fast", 0, 500e6, 500e6}, {"faster", 0, 1e9, 1e9}};
  machine.simulation.make_platform(spec);
  machine.platform().start_io(0, 1'000'000, sim::IoOperation::kRead, machine.completion(0));
  machine.platform().start_io(1, 1'000'000, sim::IoOperation::kRead, machine.completion(1));
  machine.platform().start_io(2, 1'000'000, sim::IoOperation::kRead, machine.completion(2));
  machine.simulation.run_until(sim::kNever);
  REQUIRE(machine.done == Done{{2, 1_ms}, {1, 2_ms}, {0, 10_ms}});
}

TEST_CASE("platform: nothing to move completes after the latency alone", "[platform]") {
  Machine machine;
  machine.simulation.make_platform(two_nodes());
  machine.platform().start_stream(0, 0, 1, machine.completion(1));
  machine.platform().start_io(0, 0, sim::IoOperation::kRead, machine.completion(2));
  machine.simulation.run_until(sim::kNever);
  REQUIRE(machine.done == Done{{2, 0}, {1, 150}});
}

TEST_CASE("platform: an activity outlives the horizon and goes on in the next run", "[platform]") {
  Machine machine;
  machine.simulation.make_platform(two_nodes());
  machine.platform().start_stream(10'000'000, 0, 0, machine.completion(1));
  machine.simulation.run_until(400_us);
  REQUIRE(machine.simulation.calendar().now() == 400_us);
  REQUIRE(machine.platform().active());
  machine.simulation.run_until(1_ms);
  REQUIRE(machine.done == Done{{1, 1_ms}});
  REQUIRE_FALSE(machine.platform().active());
  REQUIRE(machine.simulation.calendar().now() == 1_ms);
}

TEST_CASE("platform: it may go while activities are in flight", "[platform]") {
  Machine machine;
  machine.simulation.make_platform(two_nodes());
  machine.platform().set_busy(0, true);
  machine.platform().start_stream(10'000'000, 0, 0, machine.completion(1));
  machine.platform().start_io(0, 500'000, sim::IoOperation::kRead, machine.completion(2));
  machine.simulation.run_until(100_us);
  REQUIRE(machine.done.empty());
}

TEST_CASE("platform: energy of idle, busy, slowed and switched-off CPUs", "[platform]") {
  Machine machine;
  sim::PlatformSpec spec = two_nodes();
  spec.energy = true;
  sim::Platform& platform = machine.simulation.make_platform(spec);
  double expected = 0;
  const auto run_for = [&](Time seconds, double watts) {
    machine.simulation.run_until(machine.simulation.calendar().now() + seconds * 1_s);
    expected += static_cast<double>(seconds) * watts;
    CAPTURE(seconds, watts);
    REQUIRE(platform.energy_joules(0) == Approx(expected).epsilon(1e-9));
  };
  run_for(1, 10);
  platform.set_busy(0, true);
  run_for(2, 40);
  platform.set_pstate(0, 1);
  REQUIRE(platform.frequency(0) == 1e9);
  run_for(3, 15);
  platform.set_busy(0, false);
  run_for(1, 5);
  platform.set_busy(0, true);
  run_for(1, 15);
  platform.turn_off(0);
  run_for(4, 1);
  platform.turn_on(0);
  run_for(1, 5);
  platform.set_pstate(0, 0);
  platform.set_busy(0, true);
  run_for(1, 40);
  platform.turn_off(0);
  platform.turn_on(0);
  run_for(1, 10);
  REQUIRE(platform.energy_joules(1) == Approx(10.0 * 15).epsilon(1e-9));
}

TEST_CASE("platform: a CPU that is busy for a moment now and then idles in between", "[platform]") {
  Machine machine;
  sim::PlatformSpec spec = two_nodes();
  spec.energy = true;
  sim::Platform& platform = machine.simulation.make_platform(spec);
  constexpr Time kMoment = 2'000;
  constexpr int kMoments = 20;
  for (int i = 0; i < kMoments; ++i) {
    machine.simulation.run_until(i * 50_ms);
    platform.set_busy(1, true);
    machine.simulation.run_until(i * 50_ms + kMoment);
    platform.set_busy(1, false);
  }
  machine.simulation.run_until(1_s);
  REQUIRE(platform.energy_joules(1) == Approx(10 + kMoments * 2e-6 * (40 - 10)).epsilon(1e-9));
}

TEST_CASE("platform: energy asked for without wattage is the user's mistake", "[platform]") {
  Machine machine;
  machine.simulation.make_platform(two_nodes());
  machine.platform().set_busy(0, true);
  REQUIRE_FALSE(machine.platform().pending());
  machine.platform().set_pstate(0, 1);
  REQUIRE(machine.platform().frequency(0) == 1e9);
  REQUIRE_THROWS_AS(machine.platform().energy_joules(0), sim::UserError);
}

TEST_CASE("platform: a second one in a process is refused", "[platform]") {
  sim::Calendar calendar;
  { const sim::Platform first(calendar, two_nodes()); }
  REQUIRE_THROWS_WITH(sim::Platform(calendar, two_nodes()),
                      Catch::Contains("one platform in each"));
}

TEST_CASE("platform: SimGrid's handler of SIGINT does not stay", "[platform]") {
  const auto handler = [](int) {};
  REQUIRE(std::signal(SIGINT, handler) != SIG_ERR);
  sim::Calendar calendar;
  const sim::Platform platform(calendar, two_nodes());
  REQUIRE(std::signal(SIGINT, SIG_DFL) == static_cast<void (*)(int)>(handler));
}

TEST_CASE("platform: what an event throws leaves through the run", "[platform]") {
  Machine machine;
  machine.simulation.make_platform(two_nodes());
  machine.platform().start_stream(10'000'000, 0, 0, machine.completion(1));
  const auto fail = [](void*, std::uint64_t) { throw std::runtime_error("broken"); };
  machine.simulation.calendar().at(10_us, fail, nullptr);
  REQUIRE_THROWS_WITH(machine.simulation.run_until(sim::kNever), "broken");
}

TEST_CASE("platform: a SimGrid file makes a machine", "[platform]") {
  Machine machine;
  machine.simulation.make_platform(
      (support::source_dir() / "tests/sim/data/two_nodes_platform.xml").string());
  REQUIRE(machine.platform().cpu_count() == 2);
  REQUIRE(machine.platform().node_count() == 2);
  REQUIRE(machine.platform().disk_count() == 1);
  machine.platform().set_busy(0, true);
  machine.platform().start_stream(10'000'000, 0, 0, machine.completion(1));
  machine.platform().start_stream(4'000'000, 0, 1, machine.completion(2));
  machine.platform().start_io(0, 500'000, sim::IoOperation::kRead, machine.completion(3));
  machine.simulation.run_until(1_s);
  REQUIRE(machine.done == Done{{1, 1_ms}, {3, 1_ms}, {2, 1_ms + 150}});
  REQUIRE(machine.platform().energy_joules(0) == Approx(40));
  REQUIRE(machine.platform().energy_joules(1) == Approx(10));
}

TEST_CASE("platform: a missing file is reported", "[platform]") {
  sim::Calendar calendar;
  REQUIRE_THROWS_WITH(sim::Platform(calendar, std::string("nowhere.xml")),
                      Catch::Contains("cannot read"));
}

TEST_CASE("platform: a file without hosts for the nodes is reported", "[platform]") {
  const std::string file = std::filesystem::temp_directory_path() / "ktsim_no_port_platform.xml";
  std::ofstream(file) << "<?xml version='1.0'?><!DOCTYPE platform SYSTEM "
                         "\"https://simgrid.org/simgrid.dtd\"><platform version=\"4.1\">"
                         "<zone id=\"z\" routing=\"Full\"><host id=\"m\" speed=\"1f\">"
                         "<prop id=\"memory\" value=\"0\"/></host></zone></platform>";
  sim::Calendar calendar;
  REQUIRE_THROWS_WITH(sim::Platform(calendar, file),
                      Catch::Contains("1 hosts are a memory, but 0"));
}
