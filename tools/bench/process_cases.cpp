// Processes that each wait a random time in a loop: the least that every process-oriented simulator
// does. SimGrid, SystemC and SimPy own their globals (and SystemC main), so each runs in a process
// of its own, which prints one line: {"waits": 1000, "seconds": 0.5}, the time being the
// processor time of its event loop alone.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "sim/calendar.hpp"
#include "sim/co.hpp"
#include "tools/bench/cases.hpp"
#include "tools/bench/load.hpp"

namespace bench {

namespace {

// A process on the bare engine.
class Sleeper {
 public:
  Sleeper(sim::Calendar& calendar, sim::FramePool& pool, std::uint64_t seed, std::uint64_t waits)
      : calendar_(calendar), pool_(pool), random_(seed), process_(loop(waits)) {}
  void start() { process_.handle().resume(); }
  sim::FramePool& frame_pool() { return pool_; }

 private:
  struct Wait {
    sim::Calendar& calendar;
    sim::Time until;
    [[nodiscard]] bool await_ready() const { return calendar.advance_inline(until); }
    void await_suspend(std::coroutine_handle<> process) const {
      calendar.at(
          until,
          [](void* frame, std::uint64_t) { std::coroutine_handle<>::from_address(frame).resume(); },
          process.address());
    }
    void await_resume() const {}
  };

  sim::Co<> loop(std::uint64_t waits) {
    for (std::uint64_t i = 0; i < waits; ++i) {
      const Wait wait{calendar_, calendar_.now() + next_wait(random_)};
      co_await wait;
    }
  }

  sim::Calendar& calendar_;
  sim::FramePool& pool_;
  std::uint64_t random_;
  sim::Co<> process_;
};

double ktsim_waits_per_second(std::uint64_t processes, std::uint64_t waits) {
  sim::Calendar calendar;
  sim::FramePool pool;
  std::vector<std::unique_ptr<Sleeper>> sleepers;
  for (std::uint64_t i = 0; i < processes; ++i) {
    sleepers.push_back(std::make_unique<Sleeper>(calendar, pool, i + 1, waits));
  }
  // Started from the calendar: a process must not move the clock while others have yet to start.
  for (const auto& sleeper : sleepers) {
    calendar.at(
        0, [](void* s, std::uint64_t) { static_cast<Sleeper*>(s)->start(); }, sleeper.get());
  }
  const Stopwatch watch;
  calendar.run_until(sim::kNever);
  return static_cast<double>(processes * waits) / watch.seconds();
}

struct Pipe {
  explicit Pipe(const std::string& command) : file(popen(command.c_str(), "r")) {}
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    if (file != nullptr) pclose(file);
  }
  int close() { return pclose(std::exchange(file, nullptr)); }
  std::FILE* file;
};

// Runs a command that prints the one line; Unavailable when it fails or prints something else.
double waits_per_second_of(const std::string& command) {
  Pipe pipe(command + " 2>/dev/null");
  if (pipe.file == nullptr) throw Unavailable("cannot start a process");
  std::string output;
  for (int c = std::fgetc(pipe.file); c != EOF; c = std::fgetc(pipe.file)) {
    output.push_back(static_cast<char>(c));
  }
  const int status = pipe.close();
  const auto line = nlohmann::json::parse(output, nullptr, false);
  if (status != 0 || !line.is_object()) throw Unavailable("not installed");
  return line.at("waits").get<double>() / line.at("seconds").get<double>();
}

// A contestant beside this program: a program, or a script with its interpreter.
Contestant foreign(const std::string& name, const std::string& interpreter, const std::string& file,
                   std::uint64_t processes, std::uint64_t waits) {
  return {name, [=] {
            const auto path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / file;
            if (!std::filesystem::exists(path)) throw Unavailable("not installed");
            return waits_per_second_of(
                fmt::format("{} '{}' {} {}", interpreter, path.string(), processes, waits));
          }};
}

}  // namespace

std::vector<Benchmark> process_cases() {
  std::vector<Benchmark> cases;
  for (const std::uint64_t processes : {100U, 10'000U}) {
    // Each tool gets as many waits as take it about half a second.
    const auto each = [processes](std::uint64_t total) { return total / processes; };
    cases.push_back({
        .name = fmt::format("{} processes wait in a loop", processes),
        .unit = "waits/s",
        .contestants = {{"ktsim process",
                         [=] { return ktsim_waits_per_second(processes, each(4'000'000)); }},
                        foreign("SimGrid actor", "", "bench-simgrid", processes, each(500'000)),
                        foreign("SystemC thread", "", "bench-systemc", processes, each(1'000'000)),
                        foreign("SimPy process", "/usr/bin/python3", "bench_simpy.py", processes,
                                each(200'000))},
    });
  }
  return cases;
}

}  // namespace bench
