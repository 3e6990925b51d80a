// Looks for a schedule under which something goes wrong. `exhaustive` and `dfs` try every schedule
// of 0, 1, 2, … deviations; the former only those that reverse a race, and goes on only from runs
// that decide races in a new way. `random` and `pct` draw schedules.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "sim/random.hpp"
#include "tools/explore/races.hpp"
#include "tools/explore/subject.hpp"

namespace kt::explore {

enum class Strategy : std::uint8_t { kExhaustive, kDfs, kPct, kRandom };

/// Different schedules of one bound, and those of them that every job makes.
struct ScheduleCount {
  std::uint64_t all = 0;
  std::uint64_t inner = 0;
  bool operator==(const ScheduleCount&) const = default;
};

/// How far a search of `exhaustive` or `dfs` has come, where another one may go on: what the first
/// remembers of runs that are alike, the other one does not know, and may make some again.
struct SearchPosition {
  unsigned bound = 0;               ///< that is being searched; it includes those before it
  std::vector<std::uint32_t> path;  ///< which deviation is next, of those at each depth
  ScheduleCount so_far;             ///< of this bound
  ScheduleCount before;             ///< of the bound before; 0: not known
  bool operator==(const SearchPosition&) const = default;
};

struct SearchOptions {
  Strategy strategy = Strategy::kExhaustive;
  SearchPosition begin;
  unsigned bound = 2;                ///< deviations at most: reversals of races, other answers
  std::uint64_t executions = 0;      ///< the budget; 0: none
  std::chrono::nanoseconds time{0};  ///< the budget of the host's time; 0: none
  std::uint64_t seed = 1;
  unsigned job = 0;   ///< which of
  unsigned jobs = 1;  ///< so many shares of the search this one does
  Faults faults;
  bool stop_at_fault = true;
};

struct Progress {
  std::uint64_t executions = 0;
  unsigned bound = 0;       ///< that is being searched
  std::uint32_t steps = 0;  ///< of the last run
  double seconds = 0;
};

struct Found {
  Schedule schedule;
  Outcome outcome;
};

struct SearchResult {
  std::uint64_t executions = 0;  ///< runs made, in all
  ScheduleCount schedules;            ///< of the last bound that was completed
  std::optional<unsigned> completed;  ///< all schedules up to this bound were tried
  bool no_more = false;               ///< and larger bounds would add none
  bool interrupted = false;
  SearchPosition position;  ///< at the end, if nothing was found
  std::optional<Found> found;
};

class Search {
 public:
  Search(Subject& subject, const SearchOptions& options);

  SearchResult run();
  /// Called now and then; false: stop.
  std::function<bool(const Progress&)> progress;
  /// Called behind each run (for tests).
  std::function<void(const Schedule&, const Outcome&)> observe;

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::uint64_t kStepsBetweenLooks = 50'000;  // at the clock: some ms
  // Remembers so many numbers and forgets some when there are more: forgetting costs time only.
  class Seen {
   public:
    Seen();
    /// Whether the number was put in before with at least this `left`; puts it in.
    bool contains(std::uint64_t number, unsigned left);
    void clear() { ++epoch_; }

   private:
    static constexpr std::size_t kSize = std::size_t{1} << 20;
    struct Entry {
      std::uint64_t number;
      std::uint32_t left;
      std::uint32_t epoch;
    };
    struct Free {
      void operator()(Entry* entries) const { std::free(entries); }
    };
    std::unique_ptr<Entry[], Free> entries_;  // zeroes that take no memory until they are used
    std::uint32_t epoch_ = 1;
  };

  Outcome execute(const Schedule& schedule, bool recording);
  void note(const Schedule& schedule, const Outcome& outcome);
  void visit(const Schedule& schedule, unsigned depth);
  void visit_last(const Schedule& schedule, const Deviation& deviation, std::uint64_t hash);
  void iterate();
  void draw_random();
  void draw_pct();
  [[nodiscard]] bool over();
  [[nodiscard]] bool goes_on();

  Subject& subject_;
  SearchOptions options_;
  Races races_;
  SearchResult result_;
  unsigned bound_ = 0;
  std::uint64_t unseen_steps_ = kStepsBetweenLooks;  // since it looked at the clock
  ScheduleCount in_bound_;
  std::vector<std::uint32_t> path_;    // to where it is
  std::vector<std::uint32_t> resumed_;  // to where it begins; empty once it is there
  bool deeper_ = false;  // a schedule of more deviations than the bound exists
  bool stop_ = false;
  Clock::time_point start_;
  Seen traces_;
  Seen schedules_;
};

/// Removes and shortens until nothing can go without losing the fault: fewest deviations, then
/// shortest stalls. Asks `goes_on` now and then; false: what it has by then.
Found shrink(Subject& subject, const Found& found, const std::function<bool()>& goes_on = {});

}  // namespace kt::explore
