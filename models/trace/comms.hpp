// Task names as ftrace prints them, cached by name id: cut to TASK_COMM_LEN (15 characters), once
// right-aligned for the line prefix and once plain for payloads. Grows with the name table.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "sim/trace.hpp"

namespace kt::trace {

class Comms {
 public:
  /// Takes in the names that are new since the last call.
  void update(const sim::NameTable& names) {
    for (std::size_t id = comms_.size(); id < names.size(); ++id) {
      const std::string_view name = names[static_cast<std::uint32_t>(id)];
      longest_ = std::max(longest_, name.size());
      const std::size_t length = std::min(name.size(), kLength);
      Comm comm;
      comm.length = length;
      comm.right.fill(' ');
      std::memcpy(comm.right.data() + comm.right.size() - length, name.data(), length);
      std::memcpy(comm.plain.data(), name.data(), length);
      comms_.push_back(comm);
    }
  }

  /// The name as %16s; always 16 characters.
  char* put_right(char* at, std::uint32_t id) const {
    std::memcpy(at, comms_[id].right.data(), kWidth);
    return at + kWidth;
  }

  /// The name as %s. Needs room for 16 characters whatever its length.
  char* put(char* at, std::uint32_t id) const {
    std::memcpy(at, comms_[id].plain.data(), kWidth);
    return at + comms_[id].length;
  }

  /// Length in bytes of the longest name, uncut.
  [[nodiscard]] std::size_t longest() const { return longest_; }

 private:
  static constexpr std::size_t kLength = 15;
  static constexpr std::size_t kWidth = 16;
  struct Comm {
    std::array<char, kWidth> right;
    std::array<char, kWidth> plain{};
    std::size_t length = 0;
  };
  std::vector<Comm> comms_;
  std::size_t longest_ = 0;
};

}  // namespace kt::trace
