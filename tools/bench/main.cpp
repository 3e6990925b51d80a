// ktsim-bench: runs the table of benchmarks and prints it.
#include <fmt/ostream.h>

#include <boost/program_options.hpp>
#include <cstdio>

#include "tools/bench/cases.hpp"
#include "tools/bench/report.hpp"

namespace {

namespace options = boost::program_options;

struct Settings {
  bool json = false;
  unsigned repetitions = 5;
  std::string only;
};

void run_all(const Settings& settings) {
  std::vector<bench::Result> results;
  if (!settings.json) fmt::print("{}", bench::table_head());
  for (const bench::Benchmark& benchmark : bench::all_cases()) {
    if (benchmark.name.find(settings.only) == std::string::npos) continue;
    if (benchmark.on_request && settings.only.empty()) continue;
    results.push_back(bench::run(benchmark, settings.repetitions));
    if (!settings.json) fmt::print("{}", bench::table_rows(results.back()));
    std::fflush(stdout);
  }
  if (settings.json) fmt::print("{}", bench::json(results));
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  options::options_description described("ktsim-bench, options");
  described.add_options()("help,h", "print this text")("json", options::bool_switch(&settings.json),
                                                       "print JSON with every sample, not a table")(
      "repetitions", options::value(&settings.repetitions)->default_value(5),
      "how often each tool runs each load, alternating; at least 1")(
      "only", options::value(&settings.only),
      "only the loads whose name contains this text; those that take minutes too");
  try {
    options::variables_map given;
    options::store(options::command_line_parser(argc, argv)
                       .options(described)
                       .positional(options::positional_options_description())
                       .run(),
                   given);
    options::notify(given);
    if (given.contains("help")) {
      fmt::print("{}", fmt::streamed(described));
      return 0;
    }
    if (settings.repetitions == 0) throw options::error("--repetitions has to be at least 1");
  } catch (const options::error& error) {
    fmt::print(stderr, "ktsim-bench: {}\n", error.what());
    return 2;
  }
  run_all(settings);
}
