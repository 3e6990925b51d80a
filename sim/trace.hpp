// The trace: fixed-size binary records, appended to a buffer and handed to sinks in blocks. What a
// record means is the models' business (its event id, its arguments); the engine only moves it. No
// sink changes the simulation, and an event that no sink wants costs one test of a bit.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/time.hpp"

namespace sim {

/// One event. 64 bytes.
struct TraceRecord {
  Time time = 0;
  std::uint32_t comm = 0;  ///< name id of the current task
  std::int32_t pid = 0;    ///< of the current task
  std::uint16_t cpu = 0;
  std::uint16_t event = 0;
  std::uint8_t flags = 0;          ///< TraceFlag bits
  std::uint8_t preempt_depth = 0;  ///< preempt_disable nesting, without irq and softirq
  std::uint8_t migrate_disable = 0;
  std::uint8_t reserved = 0;
  std::array<std::uint64_t, 5> arguments{};
};
static_assert(sizeof(TraceRecord) == 64);

/// Names that records refer to by id. Id 0 is the empty string. Ids are given in first-use order.
class NameTable {
 public:
  NameTable() { intern(""); }
  std::uint32_t intern(std::string_view name);
  [[nodiscard]] std::string_view operator[](std::uint32_t id) const { return names_[id]; }
  [[nodiscard]] std::size_t size() const { return names_.size(); }

 private:
  std::deque<std::string> names_;
  std::unordered_map<std::string_view, std::uint32_t> ids_;
};

/// Receives records in order. Must not influence the simulation.
class TraceSink {
 public:
  virtual ~TraceSink() = default;
  virtual void write(std::span<const TraceRecord> records, const NameTable& names) = 0;
};

class Trace {
 public:
  static constexpr std::size_t kMaxEvents = 256;

  /// Sinks are not owned and must outlive the last flush.
  void add_sink(TraceSink& sink) { sinks_.push_back(&sink); }
  void enable(std::uint16_t event, bool on = true) { enabled_.set(event, on); }
  [[nodiscard]] bool enabled(std::uint16_t event) const { return enabled_.test(event); }

  void append(const TraceRecord& record) {
    buffer_.push_back(record);
    if (buffer_.size() == kBlock) [[unlikely]]
      flush();
  }
  void flush();

  NameTable& names() { return names_; }

 private:
  static constexpr std::size_t kBlock = 1024;
  std::bitset<kMaxEvents> enabled_;
  std::vector<TraceRecord> buffer_;
  std::vector<TraceSink*> sinks_;
  NameTable names_;
};

}  // namespace sim
