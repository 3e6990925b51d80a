// Random numbers in independent streams, one for each object of a scenario: the n-th draw of a
// stream depends on the seed, the object's key and n alone, so that adding an object never shifts
// another's draws. The generator is counter based: Philox4x32-10 of Salmon, Moraes, Dror and Shaw,
// "Parallel Random Numbers: As Easy as 1, 2, 3" (SC11). Its key is the seed; its counter is the
// draw's number in the lower half and the hash of the object's key in the upper one, so two streams
// of one seed share no block unless their 64-bit hashes collide. Nothing here reads a clock or
// depends on the platform.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sim {

/// One Philox4x32-10 block: 128 random bits for a 128-bit counter and a 64-bit key, least
/// significant word first.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// 64-bit FNV-1a (Fowler, Noll, Vo; draft-eastlake-fnv): stable on every platform and version.
constexpr std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

class RandomStream {
 public:
  /// The stream of the object that `object_key` names: its JSON pointer in the scenario
  /// ("/irqs/nic/arrival"). The key has to be unique among the streams of one run.
  RandomStream(std::uint64_t seed, std::string_view object_key)
      : seed_(seed), object_(fnv1a(object_key)) {}

  std::uint32_t next_u32();
  /// Two 32-bit draws, the first in the lower half.
  std::uint64_t next_u64();
  /// A multiple of 2^-53 in [0, 1).
  double uniform01() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }
  /// 0 … n-1 without bias; n must not be 0. Draws again, with probability below 1/2, when the draw
  /// would favour small values.
  std::uint64_t bounded(std::uint64_t n);

 private:
  std::uint64_t seed_;
  std::uint64_t object_;
  std::uint64_t next_block_ = 0;
  std::array<std::uint32_t, 4> block_{};
  unsigned used_ = 4;
};

}  // namespace sim
