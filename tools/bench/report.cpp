#include "tools/bench/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace bench {

namespace {

constexpr const char* kColumns = "{:<32} {:<20} {:>14} {:>14} {:>14}  {:<13} {:<8} {}\n";

std::string figure(double value) {
  if (value < 1000) return fmt::format("{:.4g}", value);
  std::string digits = fmt::format("{:.0f}", value);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::string target_text(const Result& result, std::size_t row) {
  const Benchmark& benchmark = result.benchmark;
  const std::size_t carrier = result.rows.size() > 1 ? 1 : 0;
  if (benchmark.target <= 0 || row != carrier) return "";
  return fmt::format("{} {}: {}", benchmark.more_is_better ? ">=" : "<=", benchmark.target,
                     target_met(result) ? "met" : "MISSED");
}

}  // namespace

std::string table_head() {
  return fmt::format(kColumns, "load", "tool", "median", "min", "max", "unit", "ktsim/x", "target");
}

std::string table_rows(const Result& result) {
  std::string text;
  for (std::size_t i = 0; i < result.rows.size(); ++i) {
    const Row& row = result.rows[i];
    const std::string_view load = i == 0 ? std::string_view(result.benchmark.name) : "";
    if (!row.skipped.empty()) {
      text += fmt::format("{:<32} {:<20} {:>14}\n", load, row.contestant, row.skipped);
      continue;
    }
    const auto [least, most] = std::minmax_element(row.samples.begin(), row.samples.end());
    const double ratio = i == 0 ? 0 : median_ratio(result.rows[0], row);
    text += fmt::format(kColumns, load, row.contestant, figure(median(row.samples)), figure(*least),
                        figure(*most), result.benchmark.unit,
                        ratio > 0 ? fmt::format("{:.2f}", ratio) : "", target_text(result, i));
  }
  return text;
}

std::string json(const std::vector<Result>& results) {
  auto all = nlohmann::ordered_json::array();
  for (const Result& result : results) {
    nlohmann::ordered_json one{{"name", result.benchmark.name}, {"unit", result.benchmark.unit}};
    if (result.benchmark.target > 0) {
      one["target"] = result.benchmark.target;
      one["target_met"] = target_met(result);
    }
    for (const Row& row : result.rows) {
      nlohmann::ordered_json entry{{"tool", row.contestant}};
      if (row.skipped.empty()) {
        entry["median"] = median(row.samples);
        entry["samples"] = row.samples;
        if (&row != &result.rows[0]) entry["ratio"] = median_ratio(result.rows[0], row);
      } else {
        entry["skipped"] = row.skipped;
      }
      one["contestants"].push_back(entry);
    }
    all.push_back(one);
  }
  return all.dump(2) + "\n";
}

}  // namespace bench
