#include "tools/report/difference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace kt::report {

using Json = nlohmann::ordered_json;

std::optional<double> DifferenceRow::change() const {
  if (!a || !b || *a == 0) return std::nullopt;
  return (*b - *a) / *a;
}

namespace {

// What a report says of the run, not of the machine.
constexpr std::array<std::string_view, 12> kLeftOut{
    "file",  "name",         "seed",  "exit_code", "ending",       "message",
    "stuck", "expectations", "worst", "repeat",    "defect",       "horizon"};
// What tells the objects of a list apart, beside their name.
constexpr std::array<std::string_view, 8> kKeys{"pid", "id",    "cpu",   "node",
                                                "irq", "state", "start", "khz"};
constexpr std::array<std::string_view, 23> kTimes{
    "busy", "asleep", "time",      "end",         "mean",    "max",        "p50",
    "p90",  "p99",       "p99.9",       "latency", "cpu_time",   "run_delay",
    "from", "to",        "lock_waited", "waited",  "queued_at",  "most_since",
    "min",  "nothing_since", "duration", "direct_reclaim_time"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

Unit unit_of(std::string_view section, std::string_view leaf) {
  if (leaf == "joules") return Unit::kJoules;
  if (section == "memory" && leaf != "direct_reclaim_time") return Unit::kCount;  // bytes, pages
  return is_one_of(kTimes, leaf) ? Unit::kTime : Unit::kCount;
}

std::string words(std::string_view key) {
  std::string text(key);
  std::ranges::replace(text, '_', ' ');
  return text;
}

// How a person calls an object of a list.
std::string label(std::string_view list, const Json& object) {
  if (list == "hotplug") {
    return fmt::format("CPU {} {}", object["cpu"].get<int>(),
                       object["up"].get<bool>() ? "online" : "offline");
  }
  if (list == "suspends") return fmt::format("by {}", object["by"].get<std::string>());
  if (list == "phases" && object.contains("callback")) return object["callback"];
  if (list == "phases" && object.contains("phase")) return object["phase"];
  if (object.contains("name")) return object["name"];
  for (const std::string_view key : kKeys) {
    if (object.contains(key)) return fmt::format("{} {}", words(key), object[std::string(key)].dump());
  }
  return {};
}

class Flattener {
 public:
  explicit Flattener(const Json& report) {
    for (const auto& [section, value] : report.items()) {
      section_ = value.is_structured() ? section : "run";
      if (!is_one_of(kLeftOut, section)) visit(section, value, {}, section);
    }
  }
  [[nodiscard]] std::vector<DifferenceRow> take() { return std::move(rows_); }
  /// Whether the report has this object of a list.
  [[nodiscard]] bool has(const std::string& section, const std::string& object) const {
    return objects_.contains({section, object});
  }
  /// The objects of lists that a row belongs to, outermost first.
  [[nodiscard]] const std::vector<std::string>& objects_of(std::size_t row) const {
    return objects_of_[row];
  }

 private:
  void visit(std::string_view key, const Json& value, const std::string& path,
             std::string_view leaf) {
    if (value.is_object()) {
      for (const auto& [name, child] : value.items()) {
        if (is_one_of(kLeftOut, name) || is_key(value, name)) continue;
        visit(name, child, child.is_array() ? path : join(path, words(name)), name);
      }
    } else if (value.is_array()) {
      std::map<std::string, int> seen;
      for (const Json& child : value) {
        if (!child.is_object()) continue;
        std::string name = label(key, child);
        const int before = seen[name]++;
        if (before != 0) name += fmt::format(" #{}", before + 1);
        within_.push_back(join(path, name));
        objects_.insert({section_, within_.back()});
        visit(key, child, join(path, name), key);
        within_.pop_back();
      }
    } else if (value.is_number()) {
      rows_.push_back({section_, path.empty() ? words(leaf) : path, unit_of(section_, leaf),
                       value.get<double>(), std::nullopt, {}});
      objects_of_.push_back(within_);
    }
  }

  // Its own identity is no measurement; where something begins is none to compare.
  static bool is_key(const Json& object, std::string_view name) {
    if (name == "start") return true;
    return is_one_of(kKeys, name) && object[std::string(name)].is_number();
  }

  static std::string join(const std::string& path, const std::string& name) {
    return path.empty() ? name : path + ", " + name;
  }

  std::string section_;
  std::vector<std::string> within_;
  std::set<std::pair<std::string, std::string>> objects_;
  std::vector<DifferenceRow> rows_;
  std::vector<std::vector<std::string>> objects_of_;  // by row
};

// The outermost object of a row of `here` that the other report has not.
std::string alone(const Flattener& here, std::size_t row, const std::string& section,
                  const Flattener& other) {
  for (const std::string& object : here.objects_of(row)) {
    if (!other.has(section, object)) return object;
  }
  return {};
}

// In the order in which sections come first.
void sort_by_section(std::vector<DifferenceRow>& rows) {
  std::map<std::string, std::size_t> order;
  for (const DifferenceRow& row : rows) order.emplace(row.section, order.size());
  std::ranges::stable_sort(rows, {}, [&](const DifferenceRow& row) { return order[row.section]; });
}

}  // namespace

std::vector<DifferenceRow> difference(const Json& a, const Json& b) {
  Flattener of_a(a);
  Flattener of_b(b);
  std::vector<DifferenceRow> rows = of_a.take();
  std::map<std::pair<std::string, std::string>, std::size_t> places;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    places[{rows[i].section, rows[i].what}] = i;
    rows[i].alone = alone(of_a, i, rows[i].section, of_b);
  }
  std::size_t i = 0;
  for (DifferenceRow& row : of_b.take()) {
    const auto found = places.find({row.section, row.what});
    if (found != places.end()) {
      rows[found->second].b = row.a;
    } else {
      row.b = std::exchange(row.a, std::nullopt);
      row.alone = alone(of_b, i, row.section, of_a);
      rows.push_back(row);
    }
    ++i;
  }
  sort_by_section(rows);
  return rows;
}

Json difference_json(const std::vector<DifferenceRow>& rows) {
  const auto value = [](const std::optional<double>& number) {
    return number ? Json(*number) : Json();
  };
  constexpr std::array<std::string_view, 3> kUnits{"count", "ns", "J"};
  Json list = Json::array();
  for (const DifferenceRow& row : rows) {
    if (!row.differs()) continue;
    list.push_back({{"section", row.section},
                    {"what", row.what},
                    {"unit", kUnits[static_cast<std::size_t>(row.unit)]},
                    {"a", value(row.a)},
                    {"b", value(row.b)}});
  }
  return list;
}

}  // namespace kt::report
