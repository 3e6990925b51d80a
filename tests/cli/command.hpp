// Runs the ktsim that was built, and a folder with scenarios for it.
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "tests/support/paths.hpp"
#include "tests/support/temporary_directory.hpp"

namespace support {

struct CommandResult {
  int code = 0;
  std::string out;
  std::string err;
};

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// A folder of scenarios in which ktsim runs.
class Bench {
 public:
  /// Writes a scenario with that name; `sections` are the members behind name and version.
  void scenario(const std::string& name, const std::string& sections) const {
    std::ofstream(directory_.path() / name)
        << R"({"name": "test", "version": 1, "kernel": {"boot": "minimal"}, )" << sections << "}";
  }
  void file(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((directory_.path() / name).parent_path());
    std::ofstream(directory_.path() / name) << text;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    return read_file(directory_.path() / name);
  }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return directory_.path() / name;
  }
  [[nodiscard]] bool has(const std::string& name) const {
    return std::filesystem::exists(path(name));
  }
  /// Names of the files, sorted by the caller if need be.
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory_.path()), {}));
  }

  /// `before` stands before the command in the shell line: variables, a timeout.
  [[nodiscard]] CommandResult ktsim(const std::string& arguments,
                                    const std::string& before = {}) const {
    const std::string line = "cd " + directory_.path().string() + " && " + before + " " +
                             support::ktsim_binary() + " " + arguments + " 2>.stderr";
    FILE* const pipe = ::popen(line.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("popen: " + line);
    CommandResult result;
    std::array<char, 4096> block{};
    for (std::size_t got = 0; (got = std::fread(block.data(), 1, block.size(), pipe)) > 0;) {
      result.out.append(block.data(), got);
    }
    const int status = ::pclose(pipe);
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    result.err = read(".stderr");
    std::filesystem::remove(directory_.path() / ".stderr");
    return result;
  }

 private:
  TemporaryDirectory directory_;
};

}  // namespace support
