#include "tools/run/time_text.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace kt::run {

namespace {

struct Unit {
  std::string_view name;
  sim::Time size;  // ns
  int digits;      // of its fraction
};

const Unit& unit_of(sim::Time time) {
  static constexpr std::array<Unit, 4> kUnits{
      Unit{"s", 1'000'000'000, 9}, {"ms", 1'000'000, 6}, {"us", 1'000, 3}, {"ns", 1, 0}};
  for (const Unit& unit : kUnits) {
    if (time >= unit.size) return unit;
  }
  return kUnits.back();
}

}  // namespace

std::string time_text(sim::Time time) {
  if (time == sim::kNever) return "never";
  const Unit& unit = unit_of(time);
  std::string text = fmt::format("{}", time / unit.size);
  if (const sim::Time rest = time % unit.size; rest != 0) {
    text += fmt::format(".{:0{}}", rest, unit.digits);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text.append(unit.name);
}

std::string short_time_text(sim::Time time) {
  if (time == sim::kNever) return "never";
  const Unit& unit = unit_of(time);
  if (unit.digits == 0) return time_text(time);
  return fmt::format("{:.4g}{}", static_cast<double>(time) / static_cast<double>(unit.size),
                     unit.name);
}

}  // namespace kt::run
