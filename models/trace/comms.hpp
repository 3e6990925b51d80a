// Names as ftrace prints them, cached by name id: those of tasks cut to TASK_COMM_LEN (15
// characters), once right-aligned for the line prefix and once plain for payloads; others whole,
// short ones where they can be copied without a look at their length. Grows with the name table.
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
      comm.length = static_cast<std::uint32_t>(length);
      comm.whole_length = static_cast<std::uint32_t>(name.size());
      comm.right.fill(' ');
      std::memcpy(comm.right.data() + comm.right.size() - length, name.data(), length);
      std::memcpy(comm.whole.data(), name.data(), std::min(name.size(), kShort));
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
    std::memcpy(at, comms_[id].whole.data(), kWidth);
    return at + comms_[id].length;
  }

  /// The whole name. Needs room for 32 characters if it is shorter.
  char* put_whole(char* at, std::uint32_t id, const sim::NameTable& names) const {
    const Comm& comm = comms_[id];
    if (comm.whole_length <= kShort) {
      std::memcpy(at, comm.whole.data(), kShort);
    } else {
      std::memcpy(at, names[id].data(), comm.whole_length);
    }
    return at + comm.whole_length;
  }

  /// Length in bytes of the longest name, uncut.
  [[nodiscard]] std::size_t longest() const { return longest_; }

 private:
  static constexpr std::size_t kLength = 15;
  static constexpr std::size_t kWidth = 16;
  static constexpr std::size_t kShort = 32;
  struct Comm {
    std::array<char, kWidth> right;
    std::array<char, kShort> whole{};  // its first characters
    std::uint32_t length = 0;          // cut
    std::uint32_t whole_length = 0;
  };
  std::vector<Comm> comms_;
  std::size_t longest_ = 0;
};

}  // namespace kt::trace
