#include "tools/cli/child_run.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "sim/error.hpp"

namespace kt::cli {

using Json = nlohmann::ordered_json;

// A mistake of the user ends this scenario, not those behind it.
RunResult run_one(const std::string& file, const RunOptions& options) {
  RunResult result;
  try {
    return run_scenario(file, options);
  } catch (const sim::UserError& error) {
    result.code = static_cast<int>(error.code());
    result.text = error.what();
  } catch (const sim::InternalError& error) {
    result.code = static_cast<int>(sim::ExitCode::kInternal);
    result.text = fmt::format("internal error: {}", error.what());
  }
  result.json = result.full =
      Json{{"file", file}, {"exit_code", result.code}, {"message", result.text}};
  return result;
}

namespace {

std::string read_all(int descriptor) {
  std::string bytes;
  std::string block(1 << 16, '\0');
  for (;;) {
    const ssize_t got = ::read(descriptor, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return bytes;
    bytes.append(block, 0, static_cast<std::size_t>(got));
  }
}

void write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

RunResult run_in_child(const std::string& file, const RunOptions& options) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::bad_alloc();
  const pid_t child = ::fork();
  if (child < 0) throw std::bad_alloc();
  if (child == 0) {
    const RunResult result = run_one(file, options);
    const Json all{
        {"code", result.code}, {"text", result.text}, {"json", result.json}, {"full", result.full}};
    write_all(ends[1], all.dump());
    ::_exit(0);
  }
  ::close(ends[1]);
  const std::string bytes = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const Json all = Json::parse(bytes, nullptr, false);
  if (!all.is_object()) throw sim::InternalError(fmt::format("{}: the run broke off", file));
  return {all["code"], all["text"], all["json"], all["full"]};
}

}  // namespace kt::cli
