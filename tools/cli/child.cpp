#include "tools/cli/child.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <new>
#include <string_view>
#include <utility>

#include "tools/cli/interrupt.hpp"

namespace kt::cli {

namespace {

void write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

// Appends what there is. False: it was the end.
bool read_some(int descriptor, std::string& bytes) {
  std::array<char, 1 << 16> block;
  const ssize_t got = ::read(descriptor, block.data(), block.size());
  if (got < 0 && errno == EINTR) return true;
  if (got <= 0) return false;
  bytes.append(block.data(), static_cast<std::size_t>(got));
  return true;
}

// A parent that is gone before the kernel knows of the wish tells nobody any more.
void die_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
}

}  // namespace

Child::Child(const std::function<std::string()>& work) {
  int ends[2];
  std::fflush(nullptr);  // else the child could print what the parent has buffered
  if (::pipe(ends) != 0) throw std::bad_alloc();
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw std::bad_alloc();
  if (pid_ == 0) {
    InterruptGuard::only_ask();
    die_with(parent);
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
  tell(SIGKILL);
  (void)end({});
}

void Child::tell(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

std::string Child::end(std::string bytes) {
  ::close(std::exchange(from_, -1));
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) bytes.clear();
  return bytes;
}

std::string Child::result() {
  return results({this, 1}).front();
}

std::vector<std::string> Child::results(std::span<Child> children) {
  const InterruptsHeld held;
  bool told = false;
  std::vector<std::string> all;
  for (Child& child : children) {
    std::string bytes;
    for (bool more = true; more;) {
      if (!told && InterruptGuard::interrupted()) {
        for (const Child& each : children) each.tell(InterruptGuard::signal());
        told = true;
      }
      pollfd from{child.from_, POLLIN, 0};
      if (::ppoll(&from, 1, nullptr, &held.before()) > 0) more = read_some(child.from_, bytes);
    }
    all.push_back(child.end(std::move(bytes)));
  }
  return all;
}

}  // namespace kt::cli
