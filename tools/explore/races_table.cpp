// Prints results/races.md: what the pairs of scenarios/races cost to find and to prove, with the
// reduction and without.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "tools/explore/search.hpp"
#include "tools/scenario/load.hpp"

namespace {

namespace filesystem = std::filesystem;
using namespace kt;
using namespace kt::explore;

constexpr std::uint64_t kBudget = 20'000;   // executions, without the reduction
constexpr std::chrono::seconds kTime{100};  // with it
constexpr std::chrono::seconds kDeeper{60};  // with it, for bound 3

struct Measured {
  SearchResult result;
  std::size_t stalls = 0;
  double seconds = 0;
};

SearchOptions options_of(const scenario::Scenario& scenario, Strategy strategy) {
  SearchOptions options;
  options.strategy = strategy;
  options.faults.store_buffers = scenario.kernel.memory_model == scenario::MemoryModel::kTso;
  options.time = kTime;
  if (strategy == Strategy::kDfs) options.executions = kBudget;
  return options;
}

Measured measure(const scenario::Scenario& scenario, const SearchOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  Subject subject(scenario);
  Measured measured;
  measured.result = Search(subject, options).run();
  if (measured.result.found)
    measured.stalls = shrink(subject, *measured.result.found).schedule.size();
  measured.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return measured;
}

std::string executions(const SearchResult& result) {
  if (!result.interrupted) return fmt::format("{}", result.executions);
  return fmt::format("> {} (bound {})", result.executions, result.completed.value_or(0));
}

// Of a fixed one.
std::string proof(const SearchResult& result) {
  return result.found ? "NOT PROVEN" : executions(result);
}

// What a search of bound 3 adds to one of bound 2 that found nothing.
std::string deeper(const scenario::Scenario& scenario, const SearchResult& proven) {
  if (proven.interrupted || proven.found) return "";
  if (proven.no_more) return "none more";
  SearchOptions options = options_of(scenario, Strategy::kExhaustive);
  options.begin.bound = options.bound = 3;
  options.time = kDeeper;
  const SearchResult result = measure(scenario, options).result;
  if (result.found) return "NOT PROVEN";
  return fmt::format("{}{}", result.interrupted ? "> " : "", result.executions);
}

void row(const filesystem::path& folder, const std::string& pair) {
  const scenario::Scenario broken = scenario::load_file(folder / (pair + "-broken.json"));
  const Measured found = measure(broken, options_of(broken, Strategy::kExhaustive));
  const Measured found_plain = measure(broken, options_of(broken, Strategy::kDfs));
  const scenario::Scenario fixed = scenario::load_file(folder / (pair + "-fixed.json"));
  const Measured proven = measure(fixed, options_of(fixed, Strategy::kExhaustive));
  const Measured proven_plain = measure(fixed, options_of(fixed, Strategy::kDfs));
  const auto& fault = found.result.found;
  fmt::print("| {} | {} | {} | {} | {} | {:.2f} | {} | {} | {:.2f} | {} |\n", pair,
             fault ? fault_words(fault->outcome.fault) : "NOT FOUND", executions(found.result),
             executions(found_plain.result), found.stalls, found.seconds, proof(proven.result),
             proof(proven_plain.result), proven.seconds, deeper(fixed, proven.result));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const filesystem::path folder = argc > 1 ? argv[1] : "scenarios/races";
  if (!filesystem::is_directory(folder)) {
    fmt::print(stderr, "ktsim-races: {}: expected a folder of pairs NAME-broken.json and "
                       "NAME-fixed.json (scenarios/races if none is given)\n",
               folder.string());
    return 2;
  }
  std::vector<std::string> pairs;
  for (const auto& entry : filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().stem().string();
    constexpr std::string_view kEnding = "-broken";
    if (name.ends_with(kEnding)) pairs.push_back(name.substr(0, name.size() - kEnding.size()));
  }
  std::ranges::sort(pairs);
  fmt::print(
      "# Races\n\nThe pairs of scenarios/races: executions until the broken one's defect is found, "
      "and to try all\n"
      "schedules of the fixed one up to bound 2, smaller bounds included. `reduced` reverses "
      "races\n"
      "(`--strategy exhaustive`), `plain` holds every step back until after every later one "
      "(`dfs`, {} executions\n"
      "at most). A search that did not end in {} s says how far it came, and the bound that it has "
      "done.\n"
      "Deviations: what is left of the schedule after shrinking. Seconds: making the machine and "
      "shrinking\nincluded. Bound 3: executions to try all schedules of the fixed one up to that "
      "bound, or "
      "with > how many were\ntried in {} s, none with a defect.\n\n"
      "    ktsim-races scenarios/races > results/races.md\n\n"
      "| Pair | Found | reduced | plain | Deviations | s | Proven, reduced | plain | s | Bound 3 "
      "|\n"
      "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
      kBudget, kTime.count(), kDeeper.count());
  for (const std::string& pair : pairs) row(folder, pair);
  return 0;
}
