// The trace: fixed-size binary records, appended to a buffer and handed to sinks in blocks. What a
// record means is the models' business (its event id, its arguments); the engine only moves it. No
// sink changes the simulation, and an event that no sink wants costs one test of a bit.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string_view>
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
  NameTable();
  std::uint32_t intern(std::string_view name);
  [[nodiscard]] std::string_view operator[](std::uint32_t id) const { return names_[id]; }
  [[nodiscard]] std::size_t size() const { return names_.size(); }

 private:
  static constexpr std::uint32_t kFree = UINT32_MAX;
  std::string_view keep(std::string_view name);
  [[nodiscard]] std::size_t slot_of(std::string_view name) const;
  void grow();

  // A machine may have a hundred thousand names, one a thread: characters lie in blocks, and the
  // index is an open-addressed table of ids, at most three quarters full.
  std::deque<std::string_view> names_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::span<char> block_left_;
  std::vector<std::uint32_t> index_;
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

  /// The next record, empty, to be filled in its place: a copy of fields just stored would wait for
  /// them.
  TraceRecord& append() {
    if (buffer_.size() == kBlock) [[unlikely]]
      flush();
    return buffer_.emplace_back();
  }
  void append(const TraceRecord& record) { append() = record; }
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
