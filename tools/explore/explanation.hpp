// What a schedule that goes wrong looks like to people: the interleaving as a table, a column a
// thread and a row a step, with the deciding steps marked, and why that is wrong in a few
// sentences.
#pragma once

#include <string>
#include <vector>

#include "tools/explore/search.hpp"

namespace kt::explore {

/// Where a deviation takes effect: the step that is held back, in the words of the scenario.
struct Place {
  Deviation deviation;
  Time time = 0;          ///< when it begins
  std::string thread;     ///< whose step, or "an interrupt"
  std::string statement;  ///< "set flag = 1"; empty: none yet
  std::string where;      ///< file:line:column: pointer of it; empty: none
  std::string pointer;    ///< the JSON pointer alone
  bool inside = false;    ///< in something that the statement calls, not before the statement
  std::string question;   ///< kAnswer: what happens
  std::string until;      ///< the step of another CPU that comes first for it; empty: none is known
  [[nodiscard]] std::string text() const;
};

struct Row {
  Time time = 0;
  std::size_t column = 0;  ///< index of its thread
  std::string text;
  bool decides = false;
};

struct Explanation {
  std::vector<std::string> columns;  ///< "waiter, CPU 1"
  std::vector<Row> rows;
  std::vector<Place> places;  ///< one a deviation
  std::string why;
  [[nodiscard]] std::string table() const;
};

/// Runs the schedule once more, recorded. The schedule must fit.
Explanation explain(Subject& subject, const Found& found);

/// The deviations of a run that has been recorded, in words.
std::vector<Place> places_of(const Recorder& recorder, const scenario::Scenario& scenario,
                             run::System& system, const Schedule& schedule);

/// Why a run that has ended is wrong, but for data races (data_race_text).
std::string why_text(run::System& system, const run::ExpectationSink& sink, const Outcome& outcome,
                     Time held_back);

}  // namespace kt::explore
