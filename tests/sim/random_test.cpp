#include "sim/random.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "sim/error.hpp"

using sim::RandomStream;

TEST_CASE("philox agrees with the published known answers", "[random]") {
  // philox4x32 10 of kat_vectors in the Random123 distribution (D. E. Shaw Research).
  using Block = std::array<std::uint32_t, 4>;
  REQUIRE(sim::philox4x32({0, 0, 0, 0}, {0, 0}) ==
          Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  REQUIRE(
      sim::philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
      Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  REQUIRE(
      sim::philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
      Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("object keys hash as FNV-1a", "[random]") {
  REQUIRE(sim::fnv1a("") == 0xcbf29ce484222325);
  REQUIRE(sim::fnv1a("a") == 0xaf63dc4c8601ec8c);
  REQUIRE(sim::fnv1a("foobar") == 0x85944171f73967e8);
}

TEST_CASE("a stream depends on its seed and key alone", "[random]") {
  const auto draw = [](RandomStream stream, int count) {
    std::vector<std::uint32_t> values;
    for (int i = 0; i < count; ++i) values.push_back(stream.next_u32());
    return values;
  };
  const auto expected = draw({7, "/irqs/nic/arrival"}, 100);
  // The same object drawn in turns with others, which come and go.
  RandomStream nic(7, "/irqs/nic/arrival");
  RandomStream disk(7, "/irqs/disk/arrival");
  for (const std::uint32_t value : expected) {
    if (value % 2 == 0) disk.next_u64();
    REQUIRE(nic.next_u32() == value);
  }
  REQUIRE(draw({7, "/irqs/disk/arrival"}, 100) != expected);
  REQUIRE(draw({8, "/irqs/nic/arrival"}, 100) != expected);
}

TEST_CASE("uniform01 stays below 1 and has the moments of the uniform distribution", "[random]") {
  RandomStream stream(1, "/moments");
  double sum = 0;
  double squares = 0;
  constexpr int kDraws = 200'000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = stream.uniform01();
    REQUIRE((u >= 0 && u < 1));
    sum += u;
    squares += u * u;
  }
  REQUIRE(sum / kDraws == Approx(0.5).margin(0.003));
  REQUIRE(squares / kDraws == Approx(1.0 / 3).margin(0.003));
}

TEST_CASE("bounded draws every value alike", "[random]") {
  RandomStream stream(3, "/bounded");
  std::map<std::uint64_t, int> seen;
  for (int i = 0; i < 70'000; ++i) ++seen[stream.bounded(7)];
  REQUIRE(seen.size() == 7);
  REQUIRE(seen.rbegin()->first == 6);
  for (const auto& [value, count] : seen) REQUIRE(count == Approx(10'000).margin(500));
  REQUIRE(stream.bounded(1) == 0);
  REQUIRE_THROWS_AS(stream.bounded(0), sim::InternalError);
  // The worst bias of a plain remainder: values below 2^62 would come twice as often.
  constexpr std::uint64_t kThreeQuarters = std::uint64_t{3} << 62;
  int low = 0;
  for (int i = 0; i < 30'000; ++i)
    low += stream.bounded(kThreeQuarters) < kThreeQuarters / 3 ? 1 : 0;
  REQUIRE(low == Approx(10'000).margin(500));
}
