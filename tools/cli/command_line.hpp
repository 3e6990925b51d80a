// The arguments of one subcommand: Boost.Program_options with exact names only, and mistakes as one
// sim::UserError that names the nearest valid option.
#pragma once

#include <boost/program_options.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/time.hpp"

namespace kt::cli {

class CommandLine {
 public:
  /// `operands` is shown behind the name ("SCENARIO..."); `text` says what the command does and
  /// `examples` are shown at the end of the help.
  CommandLine(std::string command, std::string operands, std::string text, std::string examples);

  /// Adds an option with a value, or (placeholder empty) a switch.
  void add(const std::string& name, const std::string& placeholder, const std::string& help);
  /// The same, and it may be given several times.
  void add_list(const std::string& name, const std::string& placeholder, const std::string& help);

  /// Reads the arguments. Throws sim::UserError.
  void parse(const std::vector<std::string>& arguments);

  [[nodiscard]] bool has(const std::string& name) const { return values_.count(name) != 0; }
  [[nodiscard]] std::optional<std::string> text(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> list(const std::string& name) const;
  /// A number from 0 to 2^64 - 1. Throws sim::UserError.
  [[nodiscard]] std::optional<std::uint64_t> number(const std::string& name) const;
  /// A time as scenarios write it. Throws sim::UserError.
  [[nodiscard]] std::optional<sim::Time> time(const std::string& name) const;
  /// A time of this machine, as long as people wait: also in min and h. Throws sim::UserError.
  [[nodiscard]] std::optional<sim::Time> host_time(const std::string& name) const;
  [[nodiscard]] const std::vector<std::string>& operands() const { return operands_; }

  [[nodiscard]] std::string help() const;
  /// A mistake in the use of this command. Throws sim::UserError.
  [[noreturn]] void fail(const std::string& what) const;

 private:
  [[noreturn]] void unknown(const std::string& option) const;

  std::string command_;
  std::string usage_;
  std::string text_;
  std::string examples_;
  boost::program_options::options_description options_;
  boost::program_options::variables_map values_;
  std::vector<std::string> operands_;
};

/// A word as a shell takes it: quoted if it needs to be.
std::string shell_word(std::string_view word);

}  // namespace kt::cli
