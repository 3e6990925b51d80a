#include "models/mm/watermarks.hpp"

#include <catch2/catch.hpp>
#include <utility>

namespace {

using namespace kt::mm;

constexpr Pages pages_of(std::uint64_t mib) {
  return mib * 256;
}

TEST_CASE("min_free_kbytes grows with the square root of the memory", "[mm]") {
  // The table above mm/page_alloc.c: calculate_min_free_kbytes.
  const std::pair<std::uint64_t, std::uint64_t> table[]{
      {16, 512},    {32, 724},    {64, 1024},   {128, 1448},   {256, 2048},   {512, 2896},
      {1024, 4096}, {2048, 5792}, {4096, 8192}, {8192, 11585}, {16384, 16384}};
  for (const auto& [mib, kbytes] : table) {
    CAPTURE(mib);
    CHECK(min_free_kbytes(pages_of(mib)) == kbytes);
  }
  CHECK(min_free_kbytes(1) == 128);
  CHECK(min_free_kbytes(pages_of(8'388'608)) == 262'144);
}

TEST_CASE("low and high lie a quarter of min, or 0.1 % of the memory, above each other", "[mm]") {
  const Watermarks small = watermarks(pages_of(64), pages_of(64));
  CHECK(small.min == 256);
  CHECK(small.low == 256 + 64);
  CHECK(small.high == 256 + 64 + 64);
  const Watermarks large = watermarks(pages_of(16384), pages_of(16384));
  CHECK(large.min == 4096);
  CHECK(large.low == 4096 + 4194);
  CHECK(large.high == 4096 + 4194 + 4194);
}

TEST_CASE("each node has its share of the reserve", "[mm]") {
  const Watermarks marks = watermarks(pages_of(4096), pages_of(16384));
  CHECK(marks.min == 1024);
  CHECK(marks.low == 1024 + 1048);
  CHECK(watermarks(0, pages_of(64)).high == 0);
}

}  // namespace
