#include "models/trace/ftrace_sink.hpp"

#include <algorithm>

#include "models/trace/events.hpp"
#include "models/trace/payload.hpp"
#include "models/trace/text.hpp"
#include "sim/error.hpp"

namespace kt::trace {

namespace {

constexpr std::size_t kBlock = 1 << 20;
/// The longest prefix ("%16s-%-7d [%03d] FFFFF %5lu.%09lu: ") and the newline.
constexpr std::size_t kPrefixRoom = 112;

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

char* put_time(char* at, sim::Time time, TimeFormat format) {
  const auto ns = static_cast<std::uint64_t>(time);
  if (format == TimeFormat::kNanoseconds) {
    at = text::put_right(at, ns / 1'000'000'000, 5);
    *at++ = '.';
    return text::put_digits<9>(at, ns % 1'000'000'000);
  }
  const std::uint64_t us = (ns + 500) / 1000;
  at = text::put_right(at, us / 1'000'000, 5);
  *at++ = '.';
  return text::put_digits<6>(at, us % 1'000'000);
}

char* put_pid(char* at, std::int32_t pid) {
  char* const end = text::put_number(at, pid);
  std::fill(end, std::max(end, at + 7), ' ');
  return std::max(end, at + 7);
}

}  // namespace

FtraceSink::FtraceSink(std::string path, TimeFormat format, const EventSet& events)
    : file_(std::move(path)),
      body_(file_.path()),
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

char* FtraceSink::put_line(char* at, const sim::TraceRecord& record,
                           const sim::NameTable& names) const {
  at = record.pid == 0 ? text::put(at, "          <idle>") : comms_.put_right(at, record.comm);
  *at++ = '-';
  at = put_pid(at, record.pid);
  at = text::put_cpu(text::put(at, " ["), record.cpu);
  at = put_flags(text::put(at, "] "), record);
  *at++ = ' ';
  at = put_time(at, record.time, format_);
  at = put_event(text::put(at, ": "), record, names, comms_);
  *at++ = '\n';
  return at;
}

void FtraceSink::spill() {
  body_.write({buffer_.data(), used_});
  used_ = 0;
}

void FtraceSink::close(unsigned online_cpus) {
  file_.write(
      fmt::format("# tracer: nop\n#\n# entries-in-buffer/entries-written: {0}/{0}   #P:{1}\n",
                  entries_, online_cpus));
  file_.write(kLegend);
  body_.move_to(file_);
  file_.write({buffer_.data(), used_});
  file_.commit();
}

}  // namespace kt::trace
