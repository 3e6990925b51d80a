// GFP flags (include/linux/gfp_types.h) with the kernel's bits, as traces print them, and the sizes
// that the page allocator works in: pages of 4 KiB, in blocks of 2^order.
#pragma once

#include <cstdint>

namespace kt::mm {

using Pages = std::uint64_t;
using Gfp = std::uint32_t;

inline constexpr std::uint64_t kPageSize = 4096;
inline constexpr unsigned kMaxPageOrder = 10;  ///< MAX_PAGE_ORDER: 4 MiB
inline constexpr unsigned kCostlyOrder = 3;    ///< PAGE_ALLOC_COSTLY_ORDER
inline constexpr Pages kSwapClusterMax = 32;   ///< SWAP_CLUSTER_MAX
inline constexpr int kMaxReclaimRetries = 16;  ///< MAX_RECLAIM_RETRIES
inline constexpr int kDefPriority = 12;        ///< DEF_PRIORITY

inline constexpr Gfp kGfpHigh = 0x20;
inline constexpr Gfp kGfpIo = 0x40;
inline constexpr Gfp kGfpFs = 0x80;
inline constexpr Gfp kGfpDirectReclaim = 0x400;
inline constexpr Gfp kGfpKswapdReclaim = 0x800;
inline constexpr Gfp kGfpNowarn = 0x2000;
inline constexpr Gfp kGfpRetryMayfail = 0x4000;
inline constexpr Gfp kGfpNoretry = 0x10000;
inline constexpr Gfp kGfpThisnode = 0x200000;

inline constexpr Gfp kGfpNowait = kGfpKswapdReclaim | kGfpNowarn;
inline constexpr Gfp kGfpAtomic = kGfpHigh | kGfpKswapdReclaim;
inline constexpr Gfp kGfpNoio = kGfpDirectReclaim | kGfpKswapdReclaim;
inline constexpr Gfp kGfpNofs = kGfpNoio | kGfpIo;
inline constexpr Gfp kGfpKernel = kGfpNofs | kGfpFs;

/// include/asm-generic/getorder.h: get_order: the smallest block that holds so many bytes.
constexpr unsigned get_order(std::uint64_t bytes) {
  unsigned order = 0;
  while ((kPageSize << order) < bytes) ++order;
  return order;
}

}  // namespace kt::mm
