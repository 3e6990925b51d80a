// What load balancing comes to on any machine: random topologies, printed by their seed.
#include <fmt/format.h>

#include <array>
#include <catch2/catch.hpp>
#include <set>

#include "tests/support/property.hpp"
#include "tests/support/random_draws.hpp"

namespace {

using support::Run;

class Generator : support::RandomDraws {
 public:
  explicit Generator(std::uint64_t seed) : RandomDraws(seed) {
    constexpr std::array<int, 5> kCpus{2, 4, 6, 8, 12};
    cpus_ = kCpus[below(kCpus.size())];
    smt_ = one_in(3);
    isolated_ = one_in(3) ? 1 + static_cast<int>(below(static_cast<std::uint64_t>(cpus_) - 1)) : 0;
    // Only whole cores: sibling_imbalance() takes one of which half is left for as good as the
    // others, and leaves two tasks there beside a core with an idle thread.
    if (smt_) isolated_ -= isolated_ % 2;
    hogs_ = 1 + static_cast<int>(below(static_cast<std::uint64_t>(cpus_ - isolated_)));
  }

  [[nodiscard]] int hogs() const { return hogs_; }
  /// The CPUs from this one on are in no scheduling domain.
  [[nodiscard]] int first_isolated() const { return cpus_ - isolated_; }

  /// Hogs that start on one CPU and are let go at 10 ms.
  std::string scenario() {
    const std::string everywhere = fmt::format("0-{}", first_isolated() - 1);
    const auto start = below(static_cast<std::uint64_t>(first_isolated()));
    const std::string tasks = list(static_cast<std::uint64_t>(hogs_), [&](std::uint64_t i) {
      return fmt::format(
          R"("hog{}": {{"cpu": {}, "do": [{{"loop": null, "do": [{{"run": "1ms"}}]}}]}})", i,
          start);
    });
    const std::string release = list(static_cast<std::uint64_t>(hogs_), [&](std::uint64_t i) {
      return fmt::format(R"({{"set_cpus_allowed": {{"thread": "hog{}", "cpus": "{}"}}}})", i,
                         everywhere);
    });
    return fmt::format(R"({{"name": "random_hogs", "version": 1, "duration": "1500ms",
        "kernel": {{"boot": "minimal", "preempt": "{}", "cmdline": "{}"}}, "machine": {},
        "tasks": {{{}}}, "events": [{{"t": "10ms", "do": [{}]}}]}})",
                       one_in(2) ? "voluntary" : "full", cmdline(), machine(), tasks, release);
  }

 private:
  std::string cmdline() const {
    if (isolated_ == 0) return "quiet";
    return fmt::format("isolcpus={0}-{1} nohz_full={0}-{1}", first_isolated(), cpus_ - 1);
  }

  std::string machine() {
    std::string text = fmt::format(R"({{"cpus": {})", cpus_);
    if (smt_) text += R"(, "smt": 2)";
    const std::string halves = fmt::format("0-{}\", \"{}-{}", cpus_ / 2 - 1, cpus_ / 2, cpus_ - 1);
    if (cpus_ % 4 == 0 && one_in(2)) {
      text += fmt::format(R"(, "llc": ["{}"])", halves);
    } else if (cpus_ % 4 == 0 && one_in(2)) {
      text += fmt::format(R"(, "nodes": [{{"cpus": "0-{}"}}, {{"cpus": "{}-{}"}}])", cpus_ / 2 - 1,
                          cpus_ / 2, cpus_ - 1);
    }
    return text + "}";
  }

  int cpus_ = 1;
  int isolated_ = 0;
  bool smt_ = false;
  int hogs_ = 1;
};

void check(std::uint64_t seed) {
  Generator generator(seed);
  const std::string scenario = generator.scenario();
  CAPTURE(seed, scenario);
  const Run run = support::run_scenario(scenario);
  REQUIRE(run.message == "");
  REQUIRE(support::violations(run) == "");
  std::set<int> taken;
  for (int i = 0; i < generator.hogs(); ++i) {
    const int cpu = run.task(fmt::format("hog{}", i)).cpu;
    CHECK(cpu < generator.first_isolated());
    CHECK(taken.insert(cpu).second);
  }
}

}  // namespace

TEST_CASE("hogs that are no more than the CPUs get one each, on random machines",
          "[sched][balance][property]") {
  support::for_each_seed(40, &check);
}
