#include "tools/scenario/text_file.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "sim/error.hpp"

namespace kt::scenario {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const std::string& path, std::string_view what, std::string_view expected) {
  throw sim::UserError(fmt::format("{}: {}; expected {}", path, what, expected),
                       sim::ExitCode::kInputOutput);
}

}  // namespace

std::optional<std::string> read_text_file(const std::string& path, std::string_view expected) {
  std::error_code error;
  if (!fs::exists(path, error) && !error) return std::nullopt;
  if (fs::is_directory(path, error)) fail(path, "is a directory", expected);
  std::ifstream stream(path, std::ios::binary);
  if (!stream) fail(path, "cannot be read", expected);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::string require_text_file(const std::string& path, std::string_view expected) {
  std::optional<std::string> text = read_text_file(path, expected);
  if (!text) fail(path, "cannot be read: there is no such file", expected);
  return *std::move(text);
}

}  // namespace kt::scenario
