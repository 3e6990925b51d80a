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

/// What is not modelled (page tables, uid, files) is 0.
char* mark_victim(char* at, const Context& c) {
  at = put(put_number(put(at, "pid="), c.low_int(0)), " comm=");
  at = put_number(put(c.comms.put(at, c.high(0)), " total-vm="), c.raw(1));
  at = put_number(put(at, "kB anon-rss="), c.raw(1));
  return put(at, "kB file-rss:0kB shmem-rss:0kB uid=0 pgtables=0kB oom_score_adj=0");
}

char* jbd2_commit(char* at, const Context& c) {
  at = put_number(put(at, "dev "), c.high(0));
  at = put_number(put(at, ","), c.low(0));
  at = put_number(put(at, " transaction "), c.raw(1));
  return put_number(put(at, " sync "), c.raw(2));
}

/// `head`: the oldest transaction of the log, this one as all before are checkpointed.
char* jbd2_end_commit(char* at, const Context& c) {
  return put_number(put(jbd2_commit(at, c), " head "), c.raw(1));
}

}  // namespace kt::trace::payload
