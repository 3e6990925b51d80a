#include "models/trace/output_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "sim/error.hpp"

namespace kt::trace {

namespace filesystem = std::filesystem;

namespace {

constexpr const char* kSpilled = "a temporary file";  // it has no name

[[noreturn]] void fail(const std::string& what, const std::string& path) {
  throw sim::UserError(
      fmt::format("cannot {} '{}': {}", what, path, std::generic_category().message(errno)),
      sim::ExitCode::kInputOutput);
}

void write_all(int descriptor, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  if (is_stdout()) {
    descriptor_ = STDOUT_FILENO;
    return;
  }
  std::error_code unknown;
  const filesystem::file_status there = filesystem::status(path_, unknown);
  // A new file must not take the place of what is none.
  if (filesystem::exists(there) && !filesystem::is_regular_file(there)) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail("open", path_);
    return;
  }
  if (filesystem::is_symlink(filesystem::symlink_status(path_, unknown)))
    path_ = filesystem::weakly_canonical(path_, unknown).string();
  temporary_ = path_ + ".tmp";
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail("create", temporary_);
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0 || is_stdout()) return;
  ::close(descriptor_);
  if (!streams()) ::unlink(temporary_.c_str());
}

void OutputFile::write(std::string_view bytes) {
  write_all(descriptor_, bytes, is_stdout() ? "standard output" : streams() ? path_ : temporary_);
}

void OutputFile::leave_front(std::size_t size) {
  if (::lseek(descriptor_, static_cast<off_t>(size), SEEK_SET) < 0) fail("write", temporary_);
}

void OutputFile::write_front(std::string_view bytes) {
  off_t at = 0;
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write", temporary_);
    bytes.remove_prefix(static_cast<std::size_t>(written));
    at += written;
  }
}

void OutputFile::commit() {
  if (streams()) return;
  const int result = ::close(descriptor_);
  descriptor_ = -1;
  if (result == 0 && std::rename(temporary_.c_str(), path_.c_str()) == 0) return;
  const int error = errno;
  ::unlink(temporary_.c_str());
  errno = error;
  fail("write", path_);
}

SpillFile::~SpillFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void SpillFile::open() {
  const char* directory = std::getenv("TMPDIR");
  std::string name = std::string(directory != nullptr ? directory : "/tmp") + "/ktsim.XXXXXX";
  descriptor_ = ::mkstemp(name.data());
  if (descriptor_ < 0) fail("create", name);
  ::unlink(name.c_str());
}

void SpillFile::write(std::string_view bytes) {
  if (descriptor_ < 0) open();
  write_all(descriptor_, bytes, kSpilled);
}

void SpillFile::move_to(OutputFile& to) {
  if (descriptor_ < 0) return;
  if (::lseek(descriptor_, 0, SEEK_SET) < 0) fail("rewind", kSpilled);
  std::vector<char> block(1 << 20);
  for (;;) {
    const ssize_t got = ::read(descriptor_, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("read back", kSpilled);
    if (got == 0) return;
    to.write({block.data(), static_cast<std::size_t>(got)});
  }
}

}  // namespace kt::trace
