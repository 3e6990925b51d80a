#include "models/sched/load_weight.hpp"

#include <array>
#include <bit>

#include "sim/error.hpp"

namespace kt::sched {

namespace {

// The reciprocals are 2^32 / weight, but some are rounded and some truncated: no formula gives them
// all.
constexpr std::array<LoadWeight, 40> kNiceWeights{{
    {88761, 48388},  {71755, 59856},  {56483, 76040},  {46273, 92818},  {36291, 118348},
    {29154, 147320}, {23254, 184698}, {18705, 229616}, {14949, 287308}, {11916, 360437},
    {9548, 449829},  {7620, 563644},  {6100, 704093},  {4904, 875809},  {3906, 1099582},
    {3121, 1376151}, {2501, 1717300}, {1991, 2157191}, {1586, 2708050}, {1277, 3363326},
    {1024, 4194304}, {820, 5237765},  {655, 6557202},  {526, 8165337},  {423, 10153587},
    {335, 12820798}, {272, 15790321}, {215, 19976592}, {172, 24970740}, {137, 31350126},
    {110, 39045157}, {87, 49367440},  {70, 61356676},  {56, 76695844},  {45, 95443717},
    {36, 119304647}, {29, 148102320}, {23, 186737708}, {18, 238609294}, {15, 286331153},
}};

}  // namespace

LoadWeight load_weight_of_nice(int nice) {
  KT_ASSERT(nice >= kMinNice && nice <= kMaxNice, "nice {} is not in -20..19", nice);
  return kNiceWeights[static_cast<std::size_t>(nice - kMinNice)];
}

std::uint64_t calc_delta(std::uint64_t delta_exec, std::uint32_t inv_weight) {
  // The factor is cut down to 32 bits, which is where light tasks lose low bits.
  std::uint64_t factor = std::uint64_t{kNice0Weight} * inv_weight;
  int shift = 32;
  const auto excess = static_cast<int>(std::bit_width(factor >> 32));
  factor >>= excess;
  shift -= excess;
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(delta_exec) * factor) >> shift);
}

}  // namespace kt::sched
