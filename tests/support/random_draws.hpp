// What generators of random scenarios draw with.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace support {

class RandomDraws {
 protected:
  explicit RandomDraws(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  /// Items 0 to count - 1, with commas between them.
  template <class Item>
  static std::string list(std::uint64_t count, Item item) {
    std::string text;
    for (std::uint64_t i = 0; i < count; ++i) text += (i == 0 ? "" : ", ") + item(i);
    return text;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace support
