#include <array>

#include "models/trace/gfp_text.hpp"
#include "models/trace/payload_writers.hpp"
#include "models/trace/text.hpp"

namespace kt::trace::payload {

using text::put;
using text::put_number;

char* kswapd_sleep(char* at, const Context& c) {
  return put_number(put(at, "nid="), c.low_int(0));
}

char* kswapd_wake(char* at, const Context& c) {
  return put_number(put(kswapd_sleep(at, c), " order="), c.low_int(1));
}

char* wakeup_kswapd(char* at, const Context& c) {
  return put_gfp(put(kswapd_wake(at, c), " gfp_flags="), c.low(2));
}

char* direct_reclaim_begin(char* at, const Context& c) {
  at = put_number(put(at, "order="), c.low_int(0));
  return put_gfp(put(at, " gfp_flags="), c.low(1));
}

char* direct_reclaim_end(char* at, const Context& c) {
  return put_number(put(at, "nr_reclaimed="), c.raw(0));
}

/// include/trace/events/vmscan.h: show_throttle_flags.
char* vmscan_throttled(char* at, const Context& c) {
  constexpr std::array<std::string_view, 3> kReasons{
      "VMSCAN_THROTTLE_WRITEBACK", "VMSCAN_THROTTLE_CONGESTED", "VMSCAN_THROTTLE_NOPROGRESS"};
  at = put_number(put(kswapd_sleep(at, c), " usec_timeout="), c.high(1));
  at = put_number(put(at, " usect_delayed="), c.low(1));
  return put(put(at, " reason="), kReasons[c.low(2)]);
}

}  // namespace kt::trace::payload
