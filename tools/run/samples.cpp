#include "tools/run/samples.hpp"

#include <fstream>

#include "sim/error.hpp"

namespace kt::run {

std::vector<sim::Time> read_samples(const std::string& file) {
  std::ifstream input(file);
  if (!input) {
    throw sim::UserError(fmt::format("cannot read {}", file), sim::ExitCode::kInputOutput);
  }
  std::vector<sim::Time> samples;
  std::string line;
  for (int number = 1; std::getline(input, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    const std::optional<sim::Time> value = sim::parse_time(line);
    if (!value) {
      throw sim::UserError(fmt::format("{}:{}: \"{}\" is not a time; expected one a line, such as "
                                       "\"50us\" or nanoseconds",
                                       file, number, line));
    }
    samples.push_back(*value);
  }
  if (samples.empty()) throw sim::UserError(fmt::format("{}: no samples", file));
  return samples;
}

sim::Distribution distribution_of(const scenario::Duration& duration) {
  using Kind = scenario::Duration::Kind;
  using sim::Distribution;
  switch (duration.kind) {
    case Kind::kFixed:
      return {Distribution::Constant{duration.low}};
    case Kind::kExponential:
      return {Distribution::Exponential{duration.low}};
    case Kind::kUniform:
      return {Distribution::Uniform{duration.low, duration.high}};
    case Kind::kLogNormal:
      return {Distribution::Lognormal{duration.low, duration.shape}};
    case Kind::kPareto:
      return {Distribution::Pareto{duration.low, duration.shape}};
    case Kind::kTrace:
      return {Distribution::Empirical{
          std::make_shared<const std::vector<sim::Time>>(read_samples(duration.file))}};
  }
  return {};
}

}  // namespace kt::run
