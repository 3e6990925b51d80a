// The ktsim command: finds the subcommand and calls it.
#include <fmt/format.h>

#include <array>
#include <cstdio>

#include "sim/error.hpp"
#include "tools/cli/commands.hpp"
#include "tools/scenario/nearest.hpp"

namespace kt::cli {

namespace {

constexpr std::array kCommands{
    Command{"run", "simulate scenarios and report what happened", &run_command},
    Command{"check", "check scenarios and show the machine that they ask for", &check_command},
    Command{"diff", "run two scenarios and compare what happened", &diff_command},
    Command{"explore", "look for an interleaving in which something goes wrong", &explore_command},
    Command{"replay", "repeat an interleaving that explore found, with a trace", &replay_command},
    Command{"ps", "list the threads of a scenario's machine at a moment", &ps_command},
    Command{"wq", "show worker pools and workqueues at a moment, or monitor them", &wq_command},
};

std::string help() {
  std::string text =
      "Usage: ktsim COMMAND [arguments]\n\n"
      "Simulates when kernel code runs on a multi-core Linux 6.12 machine.\n\nCommands:\n";
  for (const Command& command : kCommands) {
    text += fmt::format("  {:<8}{}\n", command.name, command.summary);
  }
  text +=
      "\nOptions:\n"
      "  --help     this text; ktsim COMMAND --help: the options of a command\n"
      "  --version  the version\n"
      "\nExit codes:\n"
      "  0    done\n"
      "  1    an expectation failed, or a defect was found in the scenario\n"
      "  2    bad usage or a bad scenario; nothing was written\n"
      "  3    a limit was reached\n"
      "  4    a file could not be read or written\n"
      "  70   an invariant of ktsim is broken\n"
      "  130  interrupted (SIGINT); nothing was written but the file of --resume\n"
      "\nExamples:\n"
      "  ktsim run scenario.json\n"
      "  ktsim run scenario.json --trace trace.txt --seed 7\n"
      "  ktsim check scenario.json\n"
      "  ktsim explore scenario.json --schedule-out found.json\n";
  return text;
}

[[noreturn]] void unknown(const std::string& name) {
  std::vector<std::string_view> names{"--help", "--version"};
  for (const Command& command : kCommands) names.push_back(command.name);
  const std::string near = scenario::nearest(name, names);
  throw sim::UserError(fmt::format(
      "unknown {} \"{}\"{} (see ktsim --help)", name.starts_with('-') ? "option" : "command", name,
      near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
}

int dispatch(const std::vector<std::string>& arguments) {
  if (arguments.empty()) throw sim::UserError("no command is given (see ktsim --help)");
  const std::string& name = arguments.front();
  if (name == "--help" || name == "-h" || name == "help") {
    fmt::print("{}", help());
    return 0;
  }
  if (name == "--version") {
    fmt::print("ktsim {}\n", KTSIM_VERSION);
    return 0;
  }
  for (const Command& command : kCommands) {
    if (command.name == name) return command.call({arguments.begin() + 1, arguments.end()});
  }
  unknown(name);
}

}  // namespace

}  // namespace kt::cli

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return kt::cli::guarded([&arguments] {
    const int code = kt::cli::dispatch(arguments);
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
    throw sim::UserError("cannot write to standard output", sim::ExitCode::kInputOutput);
  });
}
