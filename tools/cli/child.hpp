// Work in a process of its own: SimGrid's engine and an exploration's memory are one for each.
#pragma once

#include <sys/types.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace kt::cli {

class Child {
 public:
  /// Starts a process that does the work and hands over the bytes that it gives. It does not
  /// outlive this one.
  explicit Child(const std::function<std::string()>& work);
  /// Ends it, whatever it does.
  ~Child();
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;

  /// Waits for the end; empty if the process broke off. An interrupt is passed on.
  std::string result();
  /// The same for several: each is told of an interrupt at once.
  static std::vector<std::string> results(std::span<Child> children);

 private:
  void tell(int signal) const;
  std::string end(std::string bytes);

  pid_t pid_ = -1;
  int from_ = -1;
};

}  // namespace kt::cli
