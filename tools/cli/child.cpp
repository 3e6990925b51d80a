#include "tools/cli/child.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <new>
#include <string_view>
#include <utility>

namespace kt::cli {

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

Child::Child(const std::function<std::string()>& work) {
  int ends[2];
  std::fflush(nullptr);  // else the child could print what the parent has buffered
  if (::pipe(ends) != 0) throw std::bad_alloc();
  pid_ = ::fork();
  if (pid_ < 0) throw std::bad_alloc();
  if (pid_ == 0) {
    ::close(ends[0]);
    write_all(ends[1], work());
    ::_exit(0);
  }
  ::close(ends[1]);
  from_ = ends[0];
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), from_(std::exchange(other.from_, -1)) {}

Child::~Child() {
  if (pid_ < 0) return;
  stop();
  (void)result();
}

void Child::stop() const {
  if (pid_ > 0) ::kill(pid_, SIGTERM);
}

std::string Child::result() {
  std::string bytes = read_all(from_);
  ::close(std::exchange(from_, -1));
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) bytes.clear();
  return bytes;
}

}  // namespace kt::cli
