#include "models/trace/ftrace_sink.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "models/trace/events.hpp"
#include "models/trace/payload.hpp"
#include "models/trace/text.hpp"
#include "sim/error.hpp"

namespace kt::trace {

namespace {

constexpr std::size_t kBlock = 1 << 20;
/// The longest prefix ("%16s-%-7d [%03d] FFFFF %5lu.%09lu: ") and the newline, and what is
/// copied beyond their ends.
constexpr std::size_t kPrefixRoom = 160;

constexpr std::string_view kLegend =
    "#\n"
    "#                                _-----=> irqs-off/BH-disabled\n"
    "#                               / _----=> need-resched\n"
    "#                              | / _---=> hardirq/softirq\n"
    "#                              || / _--=> preempt-depth\n"
    "#                              ||| / _-=> migrate-disable\n"
    "#                              |||| /     delay\n"
    "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
    "#              | |         |   |||||     |         |\n";

/// kernel/trace/trace.c: print_trace_header, print_event_info; at least `length` bytes.
std::string preamble(std::uint64_t entries, unsigned online_cpus, std::size_t length) {
  std::string text = fmt::format(
      "# tracer: nop\n#\n# entries-in-buffer/entries-written: {0}/{0}", entries);
  const std::string rest = fmt::format("   #P:{}\n{}", online_cpus, kLegend);
  text.resize(std::max(length, text.size() + rest.size()) - rest.size(), ' ');
  return text + rest;
}

std::size_t longest_preamble() {
  return preamble(std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<unsigned>::max(),
                  0)
      .size();
}

/// kernel/trace/trace.c: tracing_gen_ctx_irq_test caps both depths at 15.
char depth(std::uint8_t value) {
  return ".123456789abcdef"[std::min<std::uint8_t>(value, 15)];
}

/// kernel/trace/trace_output.c: trace_print_lat_fmt.
char* put_flags(char* at, const sim::TraceRecord& record) {
  constexpr std::string_view kIrqs = ".dbD";     // index: kIrqsOff, kBhOff
  constexpr std::string_view kResched = ".npN";  // index: kNeedResched, kPreemptNeedResched
  constexpr std::string_view kContext = ".hsH";  // index: kHardirq, kSoftirq
  *at++ = kIrqs[record.flags & (kIrqsOff | kBhOff)];
  *at++ = kResched[(record.flags & (kNeedResched | kPreemptNeedResched)) >> 2];
  *at++ = kContext[(record.flags & (kHardirq | kSoftirq)) >> 4];
  *at++ = depth(record.preempt_depth);
  *at++ = depth(record.migrate_disable);
  return at;
}

/// "%5lu.%0*lu: " of a time in units of 1/kPerSecond, from the stamp before.
template <std::uint64_t kPerSecond, int kDigits, class Stamp>
void update_stamp(Stamp& stamp, std::uint64_t units) {
  if (units == stamp.units) return;
  stamp.units = units;
  const std::uint64_t seconds = units / kPerSecond;
  char* at = stamp.text.data();
  if (seconds != stamp.seconds) {
    stamp.seconds = seconds;
    at = text::put_right(at, seconds, 5);
    *at++ = '.';
  } else {
    at += stamp.length - kDigits - 2;
  }
  at = text::put(text::put_digits<kDigits>(at, units % kPerSecond), ": ");
  stamp.length = static_cast<std::size_t>(at - stamp.text.data());
}

/// As %-7d.
char* put_pid(char* at, std::int32_t pid) {
  std::memcpy(at, "        ", 8);
  return std::max(text::put_number(at, pid), at + 7);
}

}  // namespace

FtraceSink::FtraceSink(std::string path, TimeFormat format, const EventSet& events)
    : file_(std::move(path)),
      format_(format),
      events_(events),
      buffer_(kBlock) {}

void FtraceSink::write(std::span<const sim::TraceRecord> records, const sim::NameTable& names) {
  comms_.update(names);
  const std::size_t room = kPrefixRoom + kPayloadRoom + kPayloadNames * comms_.longest();
  for (const sim::TraceRecord& record : records) {
    if (!events_.test(record.event)) continue;
    if (buffer_.size() - used_ < room) {
      spill();
      buffer_.resize(std::max(buffer_.size(), room));
    }
    char* const end = put_line(buffer_.data() + used_, record, names);
    used_ = static_cast<std::size_t>(end - buffer_.data());
    ++entries_;
  }
}

char* FtraceSink::put_time(char* at, sim::Time time) {
  const auto ns = static_cast<std::uint64_t>(time);
  if (format_ == TimeFormat::kNanoseconds) {
    update_stamp<1'000'000'000, 9>(stamp_, ns);
  } else {
    update_stamp<1'000'000, 6>(stamp_, (ns + 500) / 1000);
  }
  std::memcpy(at, stamp_.text.data(), stamp_.text.size());
  return at + stamp_.length;
}

char* FtraceSink::put_line(char* at, const sim::TraceRecord& record, const sim::NameTable& names) {
  at = record.pid == 0 ? text::put(at, "          <idle>") : comms_.put_right(at, record.comm);
  *at++ = '-';
  at = put_pid(at, record.pid);
  at = text::put_cpu(text::put(at, " ["), record.cpu);
  at = put_flags(text::put(at, "] "), record);
  *at++ = ' ';
  at = put_event(put_time(at, record.time), record, names, comms_);
  *at++ = '\n';
  return at;
}

void FtraceSink::spill() {
  const std::string_view lines(buffer_.data(), used_);
  if (file_.streams()) {
    body_.write(lines);
  } else {
    if (!spilled_) file_.leave_front(longest_preamble());
    file_.write(lines);
  }
  spilled_ = true;
  used_ = 0;
}

void FtraceSink::close(unsigned online_cpus) {
  const std::string head = preamble(entries_, online_cpus, spilled_ ? longest_preamble() : 0);
  if (spilled_ && !file_.streams()) {
    file_.write_front(head);
  } else {
    file_.write(head);
    body_.move_to(file_);
  }
  file_.write({buffer_.data(), used_});
  file_.commit();
}

}  // namespace kt::trace
