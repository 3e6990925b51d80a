// The table of what differs, for people.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <span>
#include <utility>

#include "tools/report/difference.hpp"

namespace kt::report {

namespace {

// What a latency has, besides its count, in the order of the table.
constexpr std::array<std::string_view, 6> kOfLatency{"mean", "p50", "p90", "p99", "p99.9", "max"};

struct Scale {
  std::string_view unit;
  double size;
};

// Both values of a row in one unit, that of the larger.
Scale scale_of(const DifferenceRow& row) {
  constexpr std::array<Scale, 4> kTimeScales{{{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}}};
  if (row.unit == Unit::kCount) return {"", 1};
  if (row.unit == Unit::kJoules) return {"J", 1};
  const double larger = std::max(std::abs(row.a.value_or(0)), std::abs(row.b.value_or(0)));
  for (const Scale& scale : kTimeScales) {
    if (larger >= scale.size) return scale;
  }
  return kTimeScales.back();
}

// At least four digits, all those of a whole number.
std::string number_text(const std::optional<double>& value, double size) {
  if (!value) return "-";
  const double scaled = *value / size;
  if (scaled == std::floor(scaled)) return fmt::format("{:.0f}", scaled);
  const int before = static_cast<int>(std::floor(std::log10(std::abs(scaled))));
  return fmt::format("{:.{}f}", scaled, std::clamp(3 - before, 0, 9));
}

// A percentage while one can imagine it, then a factor.
std::string change_text(const DifferenceRow& row) {
  constexpr double kFactor = 10;
  if (!row.a) return "only B";
  if (!row.b) return "only A";
  if (*row.a == 0) return "new";
  const double factor = *row.b / *row.a;
  if (factor >= kFactor || (factor > 0 && factor <= 1 / kFactor / kFactor)) {
    return fmt::format("x{:.{}g}", factor, factor < kFactor * kFactor ? 3 : 2);
  }
  return fmt::format("{:+.1f} %", (factor - 1) * 100);
}

std::string_view leaf_of(const DifferenceRow& row) {
  const std::size_t comma = row.what.rfind(", ");
  return std::string_view(row.what).substr(comma == std::string::npos ? 0 : comma + 2);
}

std::size_t place_in_latency(const DifferenceRow& row) {
  const auto found = std::ranges::find(kOfLatency, leaf_of(row));
  return static_cast<std::size_t>(found - kOfLatency.begin());
}

bool is_of_latency(const DifferenceRow& row) {
  return place_in_latency(row) < kOfLatency.size();
}

std::string_view owner_of(const DifferenceRow& row) {
  const std::size_t comma = row.what.rfind(", ");
  return std::string_view(row.what).substr(0, comma == std::string::npos ? 0 : comma);
}

class Table {
 public:
  explicit Table(double least) : least_(least) {}

  void add(std::span<const DifferenceRow> rows) {
    while (!rows.empty()) {
      const DifferenceRow& first = rows.front();
      std::size_t count = 1;
      while (count < rows.size() && belongs(first, rows[count])) ++count;
      if (!first.alone.empty()) {
        add_alone(first);
      } else if (is_of_latency(first)) {
        add_latency({rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(count)});
      } else {
        add_row(first, first.what);
      }
      rows = rows.subspan(count);
    }
    flush_alone();
  }

  [[nodiscard]] std::string take() {
    if (text_.empty() && small_ == 0) return "no difference\n";
    if (small_ != 0) {
      fmt::format_to(std::back_inserter(text_), "\n{} more number{} by less than {} %\n", small_,
                     small_ == 1 ? " differs" : "s differ", least_ * 100);
    }
    return std::move(text_);
  }

 private:
  // To the same object that one run alone has, or the same latency.
  static bool belongs(const DifferenceRow& first, const DifferenceRow& row) {
    if (row.section != first.section || row.alone != first.alone) return false;
    return !first.alone.empty() ||
           (is_of_latency(first) && is_of_latency(row) && owner_of(row) == owner_of(first));
  }

  // Many of a kind are one row: the CPUs of a larger machine.
  void add_alone(const DifferenceRow& row) {
    const auto kind = [](const std::string& name) { return name.substr(0, name.rfind(' ')); };
    if (!alone_.empty() && (alone_.back().section != row.section ||
                            alone_.back().a.has_value() != row.a.has_value() ||
                            kind(alone_.back().alone) != kind(row.alone))) {
      flush_alone();
    }
    alone_.push_back(row);
  }

  void flush_alone() {
    constexpr std::size_t kMost = 3;
    const std::vector<DifferenceRow> rows = std::exchange(alone_, {});
    if (rows.size() > kMost) {
      const DifferenceRow& first = rows.front();
      line(first.section,
           fmt::format("{} ... {} ({})", first.alone, rows.back().alone, rows.size()), "", "", "",
           change_text(first));
      return;
    }
    for (const DifferenceRow& row : rows) line(row.section, row.alone, "", "", "", change_text(row));
  }

  // One row for those that are the same, as all are if there was one sample.
  void add_latency(std::vector<DifferenceRow> rows) {
    std::ranges::sort(rows, {}, place_in_latency);
    if (!rows.back().a || !rows.back().b) {  // one run has no samples: its count says so
      add_row(rows.back(), rows.back().what);
      return;
    }
    const std::string owner(owner_of(rows.front()));
    for (std::size_t i = 0; i < rows.size();) {
      std::size_t last = i;
      while (last + 1 < rows.size() && rows[last + 1].a == rows[i].a &&
             rows[last + 1].b == rows[i].b) {
        ++last;
      }
      std::string what = rows[i].what;
      if (last - i + 1 == kOfLatency.size() && !owner.empty()) {
        what = owner;
      } else if (last != i) {
        what += fmt::format(" to {}", leaf_of(rows[last]));
      }
      add_row(rows[i], what, last - i + 1);
      i = last + 1;
    }
  }

  void add_row(const DifferenceRow& row, const std::string& what, std::size_t numbers = 1) {
    if (!row.differs()) return;
    const auto change = row.change();
    if (change && std::abs(*change) < least_) {
      small_ += numbers;
      return;
    }
    const Scale scale = scale_of(row);
    line(row.section, what, number_text(row.a, scale.size), number_text(row.b, scale.size),
         scale.unit, change_text(row));
  }

  void line(const std::string& section, std::string_view what, std::string_view a,
            std::string_view b, std::string_view unit, std::string_view change) {
    flush_alone();
    auto out = std::back_inserter(text_);
    if (section != section_) {
      section_ = section;
      std::string title = section;
      std::ranges::replace(title, '_', ' ');
      fmt::format_to(out, "\n{:<52} {:>14} {:>14}    {:>10}\n", title, "A", "B", "change");
    }
    fmt::format_to(out, "  {:<50} {:>14} {:>14} {:<2} {:>10}\n", what, a, b, unit, change);
  }

  const double least_;
  std::string text_;
  std::string section_;
  std::size_t small_ = 0;
  std::vector<DifferenceRow> alone_;  // not yet printed
};

}  // namespace

std::string difference_text(const std::vector<DifferenceRow>& rows, double least) {
  Table table(least);
  table.add(rows);
  return table.take();
}

}  // namespace kt::report
