#include "sim/simulation.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "sim/random.hpp"

namespace {

using sim::Time;
using namespace sim::literals;

sim::PlatformSpec machine() {
  sim::PlatformSpec spec;
  spec.nodes = {{"node0", 11e9}, {"node1", 7e9}};
  spec.cpus = {{"cpu0", 0, {{2e9, 10, 40}, {1e9, 5, 15}}, 1}, {"cpu1", 1, {{3e9, 8, 30}}, 1}};
  spec.interconnects = {{0, 1, 3e9, 137}};
  spec.disks = {{"sda", 1, 523e6, 211e6}};
  spec.energy = true;
  return spec;
}

// Processes that sleep, stream, read, write and compute at random, one after the other or all at
// once, with long times in which nothing is in flight.
class Mixture {
 public:
  Mixture(std::uint64_t seed, bool visit_each_step) : random_(seed, "/mixture") {
    simulation_.visit_each_step = visit_each_step;
    simulation_.make_platform(machine());
  }

  std::string run() {
    for (std::uint64_t process = 0; process < 6; ++process) {
      simulation_.calendar().at(static_cast<Time>(process), next, this, process);
    }
    // The horizon in pieces, as a caller may do.
    for (Time horizon : {3_ms, 200_ms, 2_s}) simulation_.run_until(horizon);
    for (std::uint32_t cpu : {0U, 1U}) {
      log_ += "J" + std::to_string(simulation_.platform()->energy_joules(cpu)) + '\n';
    }
    return log_;
  }

 private:
  static void next(void* self, std::uint64_t process) { static_cast<Mixture*>(self)->act(process); }

  void wait(std::uint64_t process) {
    const Time pause = random_.bounded(20) == 0 ? 100_ms : 300_us;
    const auto delay = static_cast<Time>(random_.bounded(static_cast<std::uint64_t>(pause)));
    const Time when = simulation_.calendar().now() + delay;
    if (simulation_.calendar().advance_inline(when)) return act(process);
    simulation_.calendar().at(when, next, this, process);
  }

  void act(std::uint64_t process) {
    sim::Platform& platform = *simulation_.platform();
    log_ += std::to_string(process) + '@' + std::to_string(simulation_.calendar().now()) + '\n';
    const sim::Completion done{next, this, process};
    const auto cpu = static_cast<std::uint32_t>(random_.bounded(2));
    const std::uint64_t bytes = random_.bounded(1'000'000);
    switch (random_.bounded(6)) {
      case 0:
        return platform.start_stream(bytes, cpu, static_cast<std::uint32_t>(random_.bounded(2)),
                                     done);
      case 1:
        return platform.start_io(0, bytes / 4, sim::IoOperation::kRead, done);
      case 2:
        return platform.start_io(0, bytes / 4, sim::IoOperation::kWrite, done);
      case 3:
        platform.set_busy(cpu, random_.bounded(2) == 0);
        return wait(process);
      case 4:
        platform.set_pstate(0, static_cast<std::uint32_t>(random_.bounded(2)));
        return wait(process);
      default:
        return wait(process);
    }
  }

  sim::RandomStream random_;
  sim::Simulation simulation_;
  std::string log_;
};

// Runs the mixture in a process of its own, since SimGrid's engine is one for each.
std::string run_in_child(std::uint64_t seed, bool visit_each_step) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    close(ends[0]);
    std::string log;
    try {
      log = Mixture(seed, visit_each_step).run();
    } catch (const std::exception& error) {
      log = error.what();
    }
    std::FILE* out = fdopen(ends[1], "w");
    std::fwrite(log.data(), 1, log.size(), out);
    std::fclose(out);
    _exit(0);
  }
  close(ends[1]);
  std::string log;
  char buffer[4096];
  for (ssize_t size = 0; (size = read(ends[0], buffer, sizeof buffer)) > 0;) {
    log.append(buffer, static_cast<std::size_t>(size));
  }
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  return log;
}

}  // namespace

TEST_CASE("simulation: without a platform it is its calendar", "[simulation]") {
  sim::Simulation simulation;
  REQUIRE(simulation.platform() == nullptr);
  Time fired = -1;
  const auto fire = [](void* time, std::uint64_t value) {
    *static_cast<Time*>(time) = static_cast<Time>(value);
  };
  simulation.calendar().at(5, fire, &fired, 5);
  simulation.run_until(10);
  REQUIRE(fired == 5);
  REQUIRE(simulation.calendar().now() == 10);
}

TEST_CASE("simulation: visited lazily or at each step, the same things happen at the same times",
          "[simulation][property]") {
  const std::uint64_t seed = GENERATE(1U, 2U, 3U, 4U, 5U);
  CAPTURE(seed);
  const std::string lazily = run_in_child(seed, false);
  REQUIRE(lazily.size() > 10'000);
  REQUIRE(lazily.find('J') != std::string::npos);
  REQUIRE(run_in_child(seed, true) == lazily);
}

TEST_CASE("simulation: a completion takes its turn behind the events of its instant",
          "[simulation]") {
  sim::Simulation simulation;
  sim::PlatformSpec spec;
  spec.nodes = {{"node0", 1e9}};
  sim::Platform& platform = simulation.make_platform(spec);
  std::string log;
  const auto note = [](void* text, std::uint64_t letter) {
    *static_cast<std::string*>(text) += static_cast<char>(letter);
  };
  platform.start_stream(1'000, 0, 0, {note, &log, 'c'});
  simulation.calendar().at(1'000, note, &log, 'a');
  simulation.calendar().at(1'000, note, &log, 'b');
  simulation.calendar().at(1'001, note, &log, 'd');
  simulation.run_until(sim::kNever);
  REQUIRE(log == "abcd");
}

TEST_CASE("simulation: stopping leaves the clock where it is, with activities in flight",
          "[simulation]") {
  sim::Simulation simulation;
  sim::PlatformSpec spec;
  spec.nodes = {{"node0", 1e9}};
  sim::Platform& platform = simulation.make_platform(spec);
  Time done = 0;
  struct Context {
    sim::Simulation& simulation;
    Time& done;
  } context{simulation, done};
  const auto finish = [](void* self, std::uint64_t) {
    auto* at = static_cast<Context*>(self);
    at->done = at->simulation.calendar().now();
  };
  const auto stop = [](void* self, std::uint64_t) {
    static_cast<sim::Simulation*>(self)->calendar().stop();
  };
  platform.start_stream(1'000'000, 0, 0, {finish, &context, 0});
  simulation.calendar().at(300_us, stop, &simulation);
  simulation.run_until(2_ms);
  REQUIRE(simulation.calendar().now() == 300_us);
  REQUIRE(platform.active());
  simulation.run_until(2_ms);
  REQUIRE(done == 1_ms);
  REQUIRE(simulation.calendar().now() == 2_ms);
}
