#include "sim/trace.hpp"

#include <catch2/catch.hpp>
#include <vector>

namespace {

struct Collector : sim::TraceSink {
  std::vector<sim::TraceRecord> records;
  std::vector<std::size_t> blocks;
  std::string first_comm;
  void write(std::span<const sim::TraceRecord> block, const sim::NameTable& names) override {
    if (records.empty()) first_comm = names[block.front().comm];
    records.insert(records.end(), block.begin(), block.end());
    blocks.push_back(block.size());
  }
};

}  // namespace

TEST_CASE("a name has one id for ever, in first-use order, and the empty one is 0", "[trace]") {
  sim::NameTable names;
  REQUIRE(names.intern("") == 0);
  REQUIRE(names.intern("kworker/0:1") == 1);
  REQUIRE(names.intern("kthreadd") == 2);
  for (int i = 0; i < 10'000; ++i) names.intern("task " + std::to_string(i));
  REQUIRE(names.intern("kworker/0:1") == 1);
  REQUIRE(names[1] == "kworker/0:1");
  REQUIRE(names[0].empty());
  REQUIRE(names.size() == 10'003);
  const std::string long_name(10'000, 'x');
  REQUIRE(names.intern(long_name) == 10'003);
  REQUIRE(names.intern("after") == 10'004);
  REQUIRE(names[10'003] == long_name);
  REQUIRE(names[5'002] == "task 4999");
}

TEST_CASE("every sink gets every record once, in order", "[trace]") {
  sim::Trace trace;
  Collector first;
  Collector second;
  trace.add_sink(first);
  trace.add_sink(second);
  const std::uint32_t comm = trace.names().intern("rx");
  constexpr sim::Time kRecords = 2'500;
  for (sim::Time t = 0; t < kRecords; ++t) {
    sim::TraceRecord record;
    record.time = t;
    record.comm = comm;
    trace.append(record);
  }
  trace.flush();
  trace.flush();
  for (const Collector* sink : {&first, &second}) {
    REQUIRE(sink->records.size() == kRecords);
    for (sim::Time t = 0; t < kRecords; ++t) {
      REQUIRE(sink->records[static_cast<std::size_t>(t)].time == t);
    }
    REQUIRE(sink->first_comm == "rx");
    REQUIRE(sink->blocks.size() == 3);
  }
}

TEST_CASE("an event is off until it is enabled", "[trace]") {
  sim::Trace trace;
  REQUIRE_FALSE(trace.enabled(7));
  trace.enable(7);
  REQUIRE(trace.enabled(7));
  REQUIRE_FALSE(trace.enabled(8));
  trace.enable(7, false);
  REQUIRE_FALSE(trace.enabled(7));
}
