// The trace as ftrace text, byte for byte as Linux 6.12 prints /sys/kernel/tracing/trace with the
// default options (kernel/trace/trace_output.c: trace_print_context, trace_print_lat_fmt). The
// preamble holds the number of entries, which is known only at the end: lines are collected in
// memory; a trace that outgrows it leaves room for the longest preamble and fills that with spaces
// between the number of entries and that of CPUs. What streams, standard output for one, gets the
// same bytes by way of a nameless file. A sink that is destroyed without close() leaves nothing
// behind.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/trace/comms.hpp"
#include "models/trace/output_file.hpp"
#include "models/trace/selection.hpp"
#include "sim/trace.hpp"

namespace kt::trace {

/// Fraction digits of a time stamp.
enum class TimeFormat {
  kMicroseconds,  ///< six decimals, rounded half up (kernel/trace/trace.c: ns2usecs)
  kNanoseconds,   ///< nine decimals, as `trace-cmd report -t`
};

class FtraceSink : public sim::TraceSink {
 public:
  /// Path "-" is standard output. Only records of `events` are written: other sinks may need more
  /// than the text is to show. Throws sim::UserError (kInputOutput) if it cannot be written.
  explicit FtraceSink(std::string path, TimeFormat format = TimeFormat::kMicroseconds,
                      const EventSet& events = EventSet().set());

  void write(std::span<const sim::TraceRecord> records, const sim::NameTable& names) override;

  /// Writes the preamble and the lines. To be called once, after the trace's last flush;
  /// online_cpus is the number of online CPUs at that moment. Throws sim::UserError (kInputOutput).
  void close(unsigned online_cpus);

 private:
  // The last time stamp in text, as many events have the same one, or the same second.
  struct Stamp {
    std::uint64_t units = UINT64_MAX;  // us or ns
    std::uint64_t seconds = UINT64_MAX;
    std::array<char, 32> text{};
    std::size_t length = 0;
  };
  char* put_line(char* at, const sim::TraceRecord& record, const sim::NameTable& names);
  char* put_time(char* at, sim::Time time);
  void spill();

  OutputFile file_;
  SpillFile body_;         // of what streams
  bool spilled_ = false;   // lines have left the buffer
  TimeFormat format_;
  EventSet events_;
  Comms comms_;
  Stamp stamp_;
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::uint64_t entries_ = 0;
};

}  // namespace kt::trace
