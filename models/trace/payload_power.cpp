// include/trace/events/power.h
#include "models/trace/payload_writers.hpp"
#include "models/trace/text.hpp"

namespace kt::trace::payload {

using text::put;
using text::put_number;

char* cpu_state(char* at, const Context& c) {
  return put_number(put(put_number(put(at, "state="), c.raw(0)), " cpu_id="), c.raw(1));
}

char* suspend_resume(char* at, const Context& c) {
  at = put(put_number(put(put(at, c.name(0)), "["), c.high(1)), "] ");
  return put(at, c.low(1) != 0 ? "begin" : "end");
}

namespace {

char* driver_and_device(char* at, const Context& c) {
  return put(put(put(at, c.name(0)), " "), c.name(1));
}

/// pm_verb_symbolic: the two that a suspend to memory or to idle has.
std::string_view pm_verb(std::uint32_t event) {
  constexpr std::uint32_t kSuspend = 2;
  return event == kSuspend ? "suspend" : "resume";
}

}  // namespace

char* device_pm_callback_start(char* at, const Context& c) {
  at = put(put(driver_and_device(at, c), ", parent: "), c.name(2));
  at = put(put(at, ", "), c.names[c.high(3)]);
  return put(put(put(at, "["), pm_verb(c.low(3))), "]");
}

char* device_pm_callback_end(char* at, const Context& c) {
  return put_number(put(driver_and_device(at, c), ", err="), c.low_int(2));
}

char* wakeup_source(char* at, const Context& c) {
  return text::put_hex(put(put(at, c.name(0)), " state="), c.raw(1));
}

}  // namespace kt::trace::payload
