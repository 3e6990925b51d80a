// What differs between the reports of two runs, number by number. Objects of a list are told apart by
// what they are (a name, a CPU, an operation of CPU hotplug), not by their place, so that a thread, a
// queue or a step that only one run has shifts nothing.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace kt::report {

enum class Unit : std::uint8_t { kCount, kTime, kJoules };

struct DifferenceRow {
  std::string section;      ///< "threads", "hotplug", …
  std::string what;         ///< "consumer, wakeup latency p99"
  Unit unit = Unit::kCount;
  std::optional<double> a;  ///< nothing: this run has no such number
  std::optional<double> b;
  std::string alone;        ///< the object that it belongs to, if only one run has that: "cpu 4"

  [[nodiscard]] bool differs() const { return a != b; }
  /// (b - a) / a; nothing if a is 0 or one of them is missing.
  [[nodiscard]] std::optional<double> change() const;
};

/// Every number that both or one of the reports of `ktsim run --json` have, section by section, in
/// the order of the first, then of the second.
std::vector<DifferenceRow> difference(const nlohmann::ordered_json& a,
                                      const nlohmann::ordered_json& b);

/// The table for people: rows that differ by `least` (0.01: one in a hundred) or more, one row for
/// an object that one run alone has, and one for percentiles that are the same.
std::string difference_text(const std::vector<DifferenceRow>& rows, double least);
nlohmann::ordered_json difference_json(const std::vector<DifferenceRow>& rows);

}  // namespace kt::report
