// The expectations of a scenario: what has to be counted while it runs, and the verdicts at the
// end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/trace/selection.hpp"
#include "tools/run/stuck.hpp"
#include "tools/run/system.hpp"

namespace kt::run {

/// Counts and orders the trace events that expectations name.
///
/// "count" with a thread: an event counts that happens to the thread if its payload names tasks
/// (the one woken, migrated, forked, stopped or ended; of sched_switch the one that is switched
/// in), any other event if the thread is the current task. Threads are told apart by their comm.
///
/// "count" with a work: of events of the group workqueue, those of the work.
///
/// "order": the entries in this order, whatever happens in between. An entry is "mark TEXT", or the
/// name of an event, with its group or without, or a pattern of such names; behind a workqueue event
/// the name of a work may stand: "workqueue_execute_start rx".
class ExpectationSink final : public sim::TraceSink {
 public:
  /// Throws sim::UserError, with its place, for an entry that names no event, and for a work with
  /// events that are not those of works.
  ExpectationSink(const scenario::Scenario& scenario, sim::NameTable& names);

  void write(std::span<const sim::TraceRecord> records, const sim::NameTable& names) override;
  /// What it has to be given.
  [[nodiscard]] const trace::EventSet& events() const { return events_; }

  struct Position {
    Time time = -1;  ///< -1: not seen
    int cpu = 0;
    std::uint32_t comm = 0;  ///< NameTable id
    std::int32_t pid = 0;
  };
  struct Count {
    trace::EventSet events;
    std::uint32_t comm = 0;  ///< 0: any
    std::uint32_t work = 0;  ///< NameTable id of a function, 0: any
    std::int64_t count = 0;
    Position last;
  };
  struct Entry {
    trace::EventSet events;
    std::uint32_t mark = 0;  ///< NameTable id of the text, 0: any
    std::uint32_t work = 0;  ///< NameTable id of a function, 0: any
    Position position;       ///< where it was seen in its turn
    Position early;          ///< where it was seen last before its turn
  };
  struct Order {
    std::vector<Entry> entries;
    std::size_t reached = 0;  ///< entries seen in their turn
  };
  /// One for each expectation; only the kinds count and order are filled.
  struct Tally {
    Count count;
    Order order;
  };
  [[nodiscard]] const Tally& tally(std::size_t expectation) const { return tallies_[expectation]; }

 private:
  static Entry entry_of(const scenario::Scenario& scenario, const std::string& text,
                        const std::string& where, sim::NameTable& names);
  trace::EventSet events_;
  std::vector<Tally> tallies_;
};

struct Verdict {
  std::string expectation;  ///< in words
  bool passed = false;
  std::string reason;  ///< of a failure: what was seen instead, and when
  std::string where;   ///< place in the scenario
};

/// Whether all of them hold at the end of a run in which nobody waits; builds no text.
bool expectations_hold(System& system, const ExpectationSink& sink);

/// The verdicts, in the order of the scenario.
std::vector<Verdict> judge(System& system, const ExpectationSink& sink, const Stuck& stuck);

}  // namespace kt::run
