// What becomes of the command and of its children when it is told to stop.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "tests/cli/command.hpp"

using Catch::Contains;
using support::Bench;
using namespace std::chrono_literals;

namespace {

// ktsim in a process group of its own, with its output in the files out and err of a bench.
class Started {
 public:
  Started(const Bench& bench, std::vector<std::string> arguments) : bench_(bench) {
    arguments.insert(arguments.begin(), support::ktsim_binary());
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ > 0) return;
    ::setpgid(0, 0);
    constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC;
    const bool ready = ::chdir(bench.path("").c_str()) == 0 &&
                       ::dup2(::open("out", kFlags, 0666), STDOUT_FILENO) >= 0 &&
                       ::dup2(::open("err", kFlags, 0666), STDERR_FILENO) >= 0;
    std::vector<char*> words;
    for (std::string& word : arguments) words.push_back(word.data());
    words.push_back(nullptr);
    if (ready) ::execv(words.front(), words.data());
    ::_exit(127);
  }
  ~Started() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    for (const pid_t child : children_) ::kill(child, SIGKILL);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }
  Started(const Started&) = delete;
  Started& operator=(const Started&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }

  /// Waits until it has so many children, and each has done something for a while.
  void await_children(std::size_t count) {
    for (int looks = 0; looks < 500 && children_.size() < count; ++looks) {
      std::this_thread::sleep_for(10ms);
      children_ = children();
    }
    REQUIRE(children_.size() == count);
    std::this_thread::sleep_for(100ms);
  }

  /// Its exit code, once it and its children are gone.
  int end() {
    int status = 0;
    REQUIRE(::waitpid(std::exchange(pid_, -1), &status, 0) > 0);
    for (int looks = 0; looks < 500 && alive(); ++looks) std::this_thread::sleep_for(10ms);
    CHECK_FALSE(alive());
    err = bench_.read("err");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  std::string err;

 private:
  [[nodiscard]] std::vector<pid_t> children() const {
    const std::string pid = std::to_string(pid_);
    std::ifstream list("/proc/" + pid + "/task/" + pid + "/children");
    return {std::istream_iterator<pid_t>(list), {}};
  }

  // Whoever is gone may stay a zombie for want of somebody who waits for it.
  [[nodiscard]] bool alive() const {
    for (const pid_t child : children_) {
      const std::string stat = support::read_file("/proc/" + std::to_string(child) + "/stat");
      if (!stat.empty() && stat.find(") Z ") == std::string::npos) return true;
    }
    return false;
  }

  const Bench& bench_;
  pid_t pid_ = -1;
  std::vector<pid_t> children_;
};

// More interleavings than anybody waits for.
void write_long_search(const Bench& bench) {
  std::string threads;
  for (int cpu = 0; cpu < 4; ++cpu) {
    threads += cpu == 0 ? "" : ", ";
    threads += "\"t" + std::to_string(cpu) + "\": {\"cpu\": " + std::to_string(cpu) +
               R"(, "do": [{"loop": 20, "do": [{"set": "a = a + 1"}]}]})";
  }
  bench.scenario("long.json", R"("duration": "idle", "machine": {"cpus": 4},
    "variables": {"a": 0}, "kthreads": {)" + threads + "}");
}

void write_long_run(const Bench& bench) {
  bench.scenario("long.json", R"("duration": "1000000s", "kthreads": {"k":
    {"do": [{"loop": null, "do": [{"usleep": "20us"}]}]}})");
}

}  // namespace

TEST_CASE("the jobs of an exploration that is told to stop end, and are collected",
          "[cli][explore]") {
  const auto [number, code] = GENERATE(table<int, int>({{SIGINT, 130}, {SIGTERM, 143}}));
  const bool group = GENERATE(false, true);  // Ctrl-C tells all of them
  CAPTURE(number, group);
  const Bench bench;
  write_long_search(bench);
  Started ktsim(bench,
                {"explore", "long.json", "--bound", "9", "--jobs", "2", "--resume", "s.json"});
  ktsim.await_children(2);
  ::kill(group ? -ktsim.pid() : ktsim.pid(), number);
  CHECK(ktsim.end() == code);
  CHECK_THAT(ktsim.err, Contains("interrupted after") && Contains("s.json has how far it came"));
  CHECK(bench.has("s.json"));
  CHECK_FALSE(bench.has("s.json.tmp"));
}

TEST_CASE("a search that is told to stop says how far it came", "[cli][explore]") {
  const auto [strategy, far] = GENERATE(table<std::string, std::string>(
      {{"exhaustive", ", no defect; "}, {"random", ", no defect\n"}}));
  CAPTURE(strategy);
  const Bench bench;
  write_long_search(bench);
  const support::CommandResult result = bench.ktsim(
      "explore long.json --bound 9 --budget 1h --strategy " + strategy,
      "timeout --preserve-status -s INT 0.3");
  CHECK(result.code == 130);
  CHECK_THAT(result.err, Contains("interrupted after") && Contains(far));
}

TEST_CASE("several runs that are told to stop end", "[cli]") {
  const auto [number, code] = GENERATE(table<int, int>({{SIGINT, 130}, {SIGTERM, 143}}));
  CAPTURE(number);
  const Bench bench;
  write_long_run(bench);
  Started ktsim(bench, {"run", "long.json", "long.json", "--metrics", "m.json"});
  ktsim.await_children(1);
  ::kill(ktsim.pid(), number);
  CHECK(ktsim.end() == code);
  CHECK_THAT(ktsim.err, Contains("interrupted at t="));
  CHECK_FALSE(bench.has("m.json"));
  CHECK_FALSE(bench.has("m.json.tmp"));
}

TEST_CASE("children do not outlive the command", "[cli]") {
  const Bench bench;
  write_long_run(bench);
  Started ktsim(bench, {"run", "long.json", "long.json"});
  ktsim.await_children(1);
  ::kill(ktsim.pid(), SIGKILL);
  CHECK(ktsim.end() == -SIGKILL);
}
