#include "tools/cli/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "sim/error.hpp"
#include "tools/scenario/nearest.hpp"

namespace kt::cli {

namespace po = boost::program_options;

namespace {

const char* const kOperands = "operand";  // hidden: takes what is no option

}  // namespace

CommandLine::CommandLine(std::string command, std::string operands, std::string text,
                         std::string examples)
    : command_(std::move(command)),
      usage_(fmt::format("Usage: ktsim {} {} [options]", command_, operands)),
      text_(std::move(text)),
      examples_(std::move(examples)),
      options_("Options", 100) {}

void CommandLine::add(const std::string& name, const std::string& placeholder,
                      const std::string& help) {
  if (placeholder.empty()) {
    options_.add_options()(name.c_str(), help.c_str());
  } else {
    options_.add_options()(name.c_str(), po::value<std::string>()->value_name(placeholder),
                           help.c_str());
  }
}

void CommandLine::add_list(const std::string& name, const std::string& placeholder,
                           const std::string& help) {
  options_.add_options()(
      name.c_str(), po::value<std::vector<std::string>>()->value_name(placeholder), help.c_str());
}

void CommandLine::fail(const std::string& what) const {
  throw sim::UserError(fmt::format("{} (see ktsim {} --help)", what, command_));
}

void CommandLine::unknown(const std::string& option) const {
  std::vector<std::string> names;
  for (const auto& known : options_.options()) names.push_back("--" + known->long_name());
  const std::string name = option.substr(0, option.find('='));
  const std::string near = scenario::nearest(name, names);
  fail(fmt::format("unknown option {}{}", name,
                   near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
}

void CommandLine::parse(const std::vector<std::string>& arguments) {
  po::options_description all;
  all.add(options_).add_options()(kOperands, po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add(kOperands, -1);
  constexpr int kStyle =
      po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  try {
    po::store(
        po::command_line_parser(arguments).options(all).positional(positional).style(kStyle).run(),
        values_);
  } catch (const po::unknown_option& error) {
    unknown(error.get_option_name());
  } catch (const po::error& error) {
    fail(error.what());
  }
  operands_ = list(kOperands);
}

std::optional<std::string> CommandLine::text(const std::string& name) const {
  if (!has(name)) return std::nullopt;
  return values_[name].as<std::string>();
}

std::vector<std::string> CommandLine::list(const std::string& name) const {
  if (!has(name)) return {};
  return values_[name].as<std::vector<std::string>>();
}

std::optional<std::uint64_t> CommandLine::number(const std::string& name) const {
  const std::optional<std::string> word = text(name);
  if (!word) return std::nullopt;
  std::uint64_t value = 0;
  const char* const end = word->data() + word->size();
  const auto [last, error] = std::from_chars(word->data(), end, value);
  if (error != std::errc{} || last != end) {
    fail(fmt::format("--{}: \"{}\" is no whole number from 0 to 2^64-1", name, *word));
  }
  return value;
}

std::optional<sim::Time> CommandLine::time(const std::string& name) const {
  const std::optional<std::string> word = text(name);
  if (!word) return std::nullopt;
  const std::optional<sim::Time> value = sim::parse_time(*word);
  if (!value) {
    fail(fmt::format("--{}: \"{}\" is no time; expected one like 50us, 1.5ms or 2s", name, *word));
  }
  return value;
}

std::optional<sim::Time> CommandLine::host_time(const std::string& name) const {
  const std::optional<std::string> word = text(name);
  if (!word) return std::nullopt;
  const std::size_t unit = std::min(word->find_first_not_of("0123456789."), word->size());
  const std::string_view suffix = std::string_view(*word).substr(unit);
  const sim::Time factor = suffix == "h" ? 3600 : suffix == "min" ? 60 : 1;
  const std::optional<sim::Time> value =
      sim::parse_time(factor == 1 ? *word : word->substr(0, unit) + "s");
  if (suffix.empty() || !value || *value > sim::kNever / factor) {
    fail(fmt::format("--{}: \"{}\" is no time; expected one like 500ms, 30s, 10min or 1.5h", name,
                     *word));
  }
  return *value * factor;
}

std::string CommandLine::help() const {
  std::ostringstream options;
  options << options_;
  return fmt::format("{}\n\n{}\n\n{}\nExamples:\n{}", usage_, text_, options.str(), examples_);
}

std::string shell_word(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(word);
  }
  std::string quoted = "'";
  for (char c : word) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

}  // namespace kt::cli
