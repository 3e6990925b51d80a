// Work in a process of its own: SimGrid's engine and an exploration's memory are one for each.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace kt::cli {

class Child {
 public:
  /// Starts a process that does the work and hands over the bytes that it gives.
  explicit Child(const std::function<std::string()>& work);
  ~Child();
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;

  /// Waits for the end; empty if the process broke off.
  std::string result();
  /// Ends it early.
  void stop() const;

 private:
  pid_t pid_ = -1;
  int from_ = -1;
};

}  // namespace kt::cli
