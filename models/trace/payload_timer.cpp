#include <array>
#include <bit>

#include "models/trace/payload_writers.hpp"
#include "models/trace/text.hpp"

namespace kt::trace::payload {

using text::put;
using text::put_address;
using text::put_number;

namespace {

char* timer_function(char* at, const Context& c, std::string_view label) {
  at = put_address(put(at, label), c.raw(0));
  return put(put(at, " function="), c.name(1));
}

char* timer_flags(char* at, std::uint32_t flags) {
  constexpr std::string_view kLetters = "MDPI";
  bool first = true;
  for (std::size_t bit = 0; bit < kLetters.size(); ++bit) {
    if ((flags >> bit & 1) == 0) continue;
    if (!first) *at++ = '|';
    *at++ = kLetters[bit];
    first = false;
  }
  return at;
}

/// include/trace/events/timer.h: decode_hrtimer_mode.
char* hrtimer_mode(char* at, std::uint32_t mode) {
  at = put(put(at, " mode="), (mode & 1) != 0 ? "REL" : "ABS");
  if ((mode & 2) != 0) at = put(at, "|PINNED");
  if ((mode & 4) != 0) at = put(at, "|SOFT");
  if ((mode & 8) != 0) at = put(at, "|HARD");
  return at;
}

char* clock_id(char* at, std::uint32_t clock) {
  switch (clock) {
    case 0:
      return put(at, "CLOCK_REALTIME");
    case 1:
      return put(at, "CLOCK_MONOTONIC");
    case 7:
      return put(at, "CLOCK_BOOTTIME");
    case 11:
      return put(at, "CLOCK_TAI");
    default:
      return text::put_hex(at, clock);
  }
}

}  // namespace

char* only_timer(char* at, const Context& c) {
  return put_address(put(at, "timer="), c.raw(0));
}

char* timer_start(char* at, const Context& c) {
  at = timer_function(at, c, "timer=");
  at = put_number(put(at, " expires="), c.raw(2));
  at = put_number(put(at, " [timeout="), c.high_int(4));
  at = put_number(put(at, "] bucket_expiry="), c.raw(3));
  at = put_number(put(at, " cpu="), c.low(4) & 0xfff);
  at = put_number(put(at, " idx="), c.low(4) >> 16);
  return timer_flags(put(at, " flags="), c.low(4) >> 12 & 0xf);
}

char* timer_expire_entry(char* at, const Context& c) {
  at = put_number(put(timer_function(at, c, "timer="), " now="), c.raw(2));
  return put_number(put(at, " baseclk="), c.raw(3));
}

char* only_hrtimer(char* at, const Context& c) {
  return put_address(put(at, "hrtimer="), c.raw(0));
}

char* hrtimer_init(char* at, const Context& c) {
  at = clock_id(put(only_hrtimer(at, c), " clockid="), c.high(1));
  return hrtimer_mode(at, c.low(1));
}

char* hrtimer_start(char* at, const Context& c) {
  at = put_number(put(timer_function(at, c, "hrtimer="), " expires="), c.raw(2));
  at = put_number(put(at, " softexpires="), c.raw(3));
  at = hrtimer_mode(at, c.high(4));
  return put_number(put(at, " was_armed="), c.low_int(4));
}

char* hrtimer_expire_entry(char* at, const Context& c) {
  return put_number(put(timer_function(at, c, "hrtimer="), " now="), c.raw(2));
}

/// include/trace/events/timer.h: TICK_DEP_NAMES.
char* tick_stop(char* at, const Context& c) {
  constexpr std::array<std::string_view, 6> kBits{"POSIX_TIMER",    "PERF_EVENTS", "SCHED",
                                                  "CLOCK_UNSTABLE", "RCU",         "RCU_EXP"};
  at = put(put_number(put(at, "success="), c.low_int(0)), " dependency=");
  const std::uint32_t mask = c.low(1);
  if (mask == 0) return put(at, "NONE");
  const auto bit = static_cast<std::size_t>(std::countr_zero(mask));
  return bit < kBits.size() && std::has_single_bit(mask) ? put(at, kBits[bit])
                                                         : text::put_hex(at, mask);
}

char* timer_base_idle(char* at, const Context& c) {
  at = put_number(put(at, "is_idle="), c.low_int(0));
  return put_number(put(at, " cpu="), c.low_int(1));
}

}  // namespace kt::trace::payload
