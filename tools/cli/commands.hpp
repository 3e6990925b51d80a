// The subcommands of ktsim. Each takes what stands behind its name, does its work, prints to
// standard output, and gives the exit code; a mistake of the user is a sim::UserError.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace kt::cli {

int run_command(const std::vector<std::string>& arguments);
int check_command(const std::vector<std::string>& arguments);
int diff_command(const std::vector<std::string>& arguments);
int ps_command(const std::vector<std::string>& arguments);
int explore_command(const std::vector<std::string>& arguments);
int replay_command(const std::vector<std::string>& arguments);
int wq_command(const std::vector<std::string>& arguments);

struct Command {
  std::string_view name;
  std::string_view summary;
  int (*call)(const std::vector<std::string>& arguments);
};

/// Calls `work` and prints what it throws to standard error, as one message. Gives the exit code.
int guarded(const std::function<int()>& work);

}  // namespace kt::cli
