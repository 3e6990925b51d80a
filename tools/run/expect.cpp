#include "tools/run/expect.hpp"

#include "sim/error.hpp"

namespace kt::run {

using scenario::Expectation;
using trace::Event;
using trace::EventSet;

namespace {

constexpr std::string_view kMarkPrefix = "mark ";

EventSet only(Event event) {
  EventSet set;
  set.set(static_cast<std::size_t>(event));
  return set;
}

// Where a record's payload holds the task that the event happens to; -1: it names none.
int task_argument(Event event) {
  switch (event) {
    case Event::kSchedWaking:
    case Event::kSchedWakeup:
    case Event::kSchedWakeupNew:
    case Event::kSchedMigrateTask:
    case Event::kSchedProcessExit:
    case Event::kSchedProcessFree:
    case Event::kSchedWaitTask:
    case Event::kSchedProcessHang:
    case Event::kSchedStatRuntime:
    case Event::kSchedPiSetprio:
    case Event::kSchedKthreadStop:
      return 0;
    case Event::kSchedProcessFork:
      return 1;
    case Event::kSchedSwitch:
      return 2;
    default:
      return -1;
  }
}

std::uint32_t subject(const sim::TraceRecord& record) {
  const int argument = task_argument(static_cast<Event>(record.event));
  if (argument < 0) return record.comm;
  return static_cast<std::uint32_t>(record.arguments[static_cast<std::size_t>(argument)] >> 32);
}

ExpectationSink::Position position_of(const sim::TraceRecord& record) {
  return {record.time, record.cpu, record.comm, record.pid};
}

void count(ExpectationSink::Count& tally, const sim::TraceRecord& record) {
  if (!tally.events.test(record.event)) return;
  if (tally.comm != 0 && subject(record) != tally.comm) return;
  ++tally.count;
  tally.last = position_of(record);
}

bool matches(const ExpectationSink::Entry& entry, const sim::TraceRecord& record) {
  if (!entry.events.test(record.event)) return false;
  return entry.mark == 0 || record.arguments[0] == entry.mark;
}

void advance(ExpectationSink::Order& order, const sim::TraceRecord& record) {
  const std::size_t turn = order.reached;
  if (turn < order.entries.size() && matches(order.entries[turn], record)) {
    order.entries[order.reached++].position = position_of(record);
    return;
  }
  for (std::size_t i = turn; i < order.entries.size(); ++i) {
    if (matches(order.entries[i], record)) order.entries[i].early = position_of(record);
  }
}

}  // namespace

ExpectationSink::ExpectationSink(const scenario::Scenario& scenario, sim::NameTable& names) {
  constexpr std::size_t kCommLength = 15;
  for (const Expectation& expectation : scenario.expect) {
    Tally& tally = tallies_.emplace_back();
    const auto events_of = [&](const std::string& text) {
      return trace::select_events(std::span(&text, 1), scenario.where(expectation.origin));
    };
    if (expectation.kind == Expectation::Kind::kCount) {
      tally.count.events = events_of(expectation.text);
      if (expectation.thread >= 0) {
        const auto& thread = scenario.threads[static_cast<std::size_t>(expectation.thread)];
        tally.count.comm = names.intern(thread.name.substr(0, kCommLength));
      }
      events_ |= tally.count.events;
    }
    if (expectation.kind != Expectation::Kind::kOrder) continue;
    for (const std::string& text : expectation.texts) {
      Entry& entry = tally.order.entries.emplace_back();
      const bool mark = text.starts_with(kMarkPrefix);
      entry.events = mark ? only(Event::kMark) : events_of(text);
      if (mark) entry.mark = names.intern(text.substr(kMarkPrefix.size()));
      events_ |= entry.events;
    }
  }
}

void ExpectationSink::write(std::span<const sim::TraceRecord> records, const sim::NameTable&) {
  if (events_.none()) return;
  for (const sim::TraceRecord& record : records) {
    if (!events_.test(record.event)) continue;
    for (Tally& tally : tallies_) {
      count(tally.count, record);
      advance(tally.order, record);
    }
  }
}

}  // namespace kt::run
