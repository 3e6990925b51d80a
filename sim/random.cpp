#include "sim/random.hpp"

#include "sim/error.hpp"

namespace sim {

namespace {

// The constants of the paper's section 3.3 and table 2.
constexpr std::uint32_t kMultiplier0 = 0xD2511F53;
constexpr std::uint32_t kMultiplier1 = 0xCD9E8D57;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9;  // golden ratio
constexpr std::uint32_t kWeyl1 = 0xBB67AE85;  // sqrt(3) - 1
constexpr int kRounds = 10;

constexpr std::uint32_t low(std::uint64_t x) {
  return static_cast<std::uint32_t>(x);
}
constexpr std::uint32_t high(std::uint64_t x) {
  return static_cast<std::uint32_t>(x >> 32);
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t product0 = std::uint64_t{kMultiplier0} * counter[0];
    const std::uint64_t product1 = std::uint64_t{kMultiplier1} * counter[2];
    counter = {high(product1) ^ counter[1] ^ key[0], low(product1),
               high(product0) ^ counter[3] ^ key[1], low(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

std::uint32_t RandomStream::next_u32() {
  if (used_ == block_.size()) {
    block_ = philox4x32({low(next_block_), high(next_block_), low(object_), high(object_)},
                        {low(seed_), high(seed_)});
    ++next_block_;
    used_ = 0;
  }
  return block_[used_++];
}

std::uint64_t RandomStream::next_u64() {
  const std::uint64_t first = next_u32();
  const std::uint64_t second = next_u32();
  return second << 32 | first;
}

std::uint64_t RandomStream::bounded(std::uint64_t n) {
  KT_ASSERT(n != 0, "a draw from an empty range");
  // 2^64 mod n values at the bottom are one too many for an even split.
  const std::uint64_t excess = (std::uint64_t{0} - n) % n;
  std::uint64_t draw = next_u64();
  while (draw < excess) draw = next_u64();
  return draw % n;
}

}  // namespace sim
