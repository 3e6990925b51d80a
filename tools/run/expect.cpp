#include "tools/run/expect.hpp"

#include <algorithm>

#include "sim/error.hpp"
#include "tools/scenario/nearest.hpp"

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

// Of an event of works: the NameTable id of the function.
std::uint32_t function_of(const sim::TraceRecord& record) {
  return static_cast<std::uint32_t>(record.arguments[1]);
}

void require_work_events(const EventSet& events, const std::string& text,
                         const std::string& where) {
  EventSet of_works;
  for (const Event event : {Event::kWorkqueueQueueWork, Event::kWorkqueueActivateWork,
                            Event::kWorkqueueExecuteStart, Event::kWorkqueueExecuteEnd}) {
    of_works |= only(event);
  }
  if ((events & ~of_works).none()) return;
  throw sim::UserError(fmt::format(
      "{}: \"{}\" is no event of a work; expected one of the group workqueue", where, text));
}

ExpectationSink::Position position_of(const sim::TraceRecord& record) {
  return {record.time, record.cpu, record.comm, record.pid};
}

void count(ExpectationSink::Count& tally, const sim::TraceRecord& record) {
  if (!tally.events.test(record.event)) return;
  if (tally.comm != 0 && subject(record) != tally.comm) return;
  if (tally.work != 0 && function_of(record) != tally.work) return;
  ++tally.count;
  tally.last = position_of(record);
}

bool matches(const ExpectationSink::Entry& entry, const sim::TraceRecord& record) {
  if (!entry.events.test(record.event)) return false;
  if (entry.work != 0 && function_of(record) != entry.work) return false;
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

ExpectationSink::Entry ExpectationSink::entry_of(const scenario::Scenario& scenario,
                                                 const std::string& text, const std::string& where,
                                                 sim::NameTable& names) {
  Entry entry;
  if (text.starts_with(kMarkPrefix)) {
    entry.events = only(Event::kMark);
    entry.mark = names.intern(text.substr(kMarkPrefix.size()));
    return entry;
  }
  const std::size_t blank = text.find(' ');
  const std::string event = text.substr(0, blank);
  entry.events = trace::select_events(std::span(&event, 1), where);
  if (blank == std::string::npos) return entry;
  const std::string name = text.substr(blank + 1);
  require_work_events(entry.events, event, where);
  std::vector<std::string_view> works;
  for (const scenario::Work& work : scenario.works) works.push_back(work.name);
  if (std::ranges::find(works, name) == works.end()) {
    const std::string near = scenario::nearest(name, works);
    throw sim::UserError(
        fmt::format("{}: unknown work \"{}\"{}", where, name,
                    near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
  }
  entry.work = names.intern(name);
  return entry;
}

ExpectationSink::ExpectationSink(const scenario::Scenario& scenario, sim::NameTable& names) {
  constexpr std::size_t kCommLength = 15;
  for (const Expectation& expectation : scenario.expect) {
    Tally& tally = tallies_.emplace_back();
    const std::string where = scenario.where(expectation.origin);
    if (expectation.kind == Expectation::Kind::kCount) {
      tally.count.events = trace::select_events(std::span(&expectation.text, 1), where);
      if (expectation.thread >= 0) {
        const auto& thread = scenario.threads[static_cast<std::size_t>(expectation.thread)];
        tally.count.comm = names.intern(thread.name.substr(0, kCommLength));
      }
      if (expectation.work >= 0) {
        require_work_events(tally.count.events, expectation.text, where);
        tally.count.work =
            names.intern(scenario.works[static_cast<std::size_t>(expectation.work)].name);
      }
      events_ |= tally.count.events;
    }
    if (expectation.kind != Expectation::Kind::kOrder) continue;
    for (const std::string& text : expectation.texts) {
      tally.order.entries.push_back(entry_of(scenario, text, where, names));
      events_ |= tally.order.entries.back().events;
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
