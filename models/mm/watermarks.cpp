#include "models/mm/watermarks.hpp"

#include <algorithm>
#include <cmath>

namespace kt::mm {

namespace {

constexpr Pages kWatermarkScaleFactor = 10;  // of 10,000

// lib/math/int_sqrt.c: rounds down.
std::uint64_t int_sqrt(std::uint64_t x) {
  auto root = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(x)));
  while (root * root > x) --root;
  while ((root + 1) * (root + 1) <= x) ++root;
  return root;
}

}  // namespace

std::uint64_t min_free_kbytes(Pages total) {
  const std::uint64_t kbytes = total * (kPageSize / 1024);
  return std::clamp<std::uint64_t>(int_sqrt(kbytes * 16), 128, 262'144);
}

Watermarks watermarks(Pages managed, Pages total) {
  Watermarks marks;
  if (total == 0) return marks;
  const Pages pages_min = min_free_kbytes(total) / (kPageSize / 1024);
  marks.min = pages_min * managed / total;
  const Pages distance = std::max(marks.min / 4, managed * kWatermarkScaleFactor / 10'000);
  marks.low = marks.min + distance;
  marks.high = marks.low + distance;
  return marks;
}

}  // namespace kt::mm
