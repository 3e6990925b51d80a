// The watermarks of a node's free memory: below `low` kswapd is woken and works until `high`; below
// `min` an allocator has to reclaim itself.
#pragma once

#include "models/mm/gfp.hpp"

namespace kt::mm {

struct Watermarks {
  Pages min = 0;
  Pages low = 0;
  Pages high = 0;
};

/// mm/page_alloc.c: calculate_min_free_kbytes: 4 * sqrt(KiB of memory), 128 KiB … 256 MiB. In KiB.
std::uint64_t min_free_kbytes(Pages total);

/// Of a node with `managed` of the machine's `total` pages, its memory one zone;
/// mm/page_alloc.c: __setup_per_zone_wmarks with watermark_scale_factor 10 (0.1 %).
Watermarks watermarks(Pages managed, Pages total);

}  // namespace kt::mm
