#include "sim/time.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace sim {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t nanoseconds;
  int decimals;  // 10^decimals == nanoseconds
};
// Largest first.
constexpr std::array<Unit, 4> kUnits{
    {{"s", 1'000'000'000, 9}, {"ms", 1'000'000, 6}, {"us", 1'000, 3}, {"ns", 1, 0}}};

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<Unit> find_unit(std::string_view name) {
  for (const Unit& unit : kUnits) {
    if (unit.name == name) return unit;
  }
  return std::nullopt;
}

// value * 10 + digit, or nothing when that is not below kNever.
std::optional<std::uint64_t> append_digit(std::uint64_t value, unsigned digit) {
  constexpr auto kLimit = static_cast<std::uint64_t>(kNever);
  if (value > (kLimit - 1 - digit) / 10) return std::nullopt;
  return value * 10 + digit;
}

// Digits of `fraction` that a unit with `decimals` places can hold; trailing zeros are free.
std::optional<std::string_view> significant(std::string_view fraction, int decimals) {
  while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
  if (fraction.size() > static_cast<std::size_t>(decimals)) return std::nullopt;
  return fraction;
}

std::string format_in(std::uint64_t nanoseconds, const Unit& unit) {
  std::string text = std::to_string(nanoseconds / unit.nanoseconds);
  if (const std::uint64_t rest = nanoseconds % unit.nanoseconds; rest != 0) {
    std::string fraction = std::to_string(rest);
    fraction.insert(0, static_cast<std::size_t>(unit.decimals) - fraction.size(), '0');
    while (fraction.back() == '0') fraction.pop_back();
    text += '.' + fraction;
  }
  return text.append(unit.name);
}

}  // namespace

std::optional<Time> parse_time(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && is_digit(text[end])) ++end;
  const std::string_view whole = text.substr(0, end);
  if (whole.empty()) return std::nullopt;
  std::string_view fraction;
  const bool has_point = end < text.size() && text[end] == '.';
  if (has_point) {
    const std::size_t begin = ++end;
    while (end < text.size() && is_digit(text[end])) ++end;
    fraction = text.substr(begin, end - begin);
    if (fraction.empty()) return std::nullopt;
  }
  const std::string_view name = text.substr(end);
  if (name.empty() && has_point) return std::nullopt;
  const auto unit = find_unit(name.empty() ? "ns" : name);
  if (!unit) return std::nullopt;
  const auto kept = significant(fraction, unit->decimals);
  if (!kept) return std::nullopt;

  std::optional<std::uint64_t> value = 0;
  for (std::size_t i = 0; i < whole.size() && value; ++i) {
    value = append_digit(*value, static_cast<unsigned>(whole[i] - '0'));
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(unit->decimals) && value; ++i) {
    const char digit = i < kept->size() ? (*kept)[i] : '0';
    value = append_digit(*value, static_cast<unsigned>(digit - '0'));
  }
  if (!value) return std::nullopt;
  return static_cast<Time>(*value);
}

std::string format_time(Time time) {
  if (time == kNever) return "never";
  if (time == 0) return "0ns";
  // Negating in unsigned arithmetic is defined for the most negative value too.
  const auto magnitude = time < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(time)
                                  : static_cast<std::uint64_t>(time);
  std::string best;
  for (const Unit& unit : kUnits) {
    std::string text = format_in(magnitude, unit);
    if (best.empty() || text.size() < best.size()) best = std::move(text);
  }
  return time < 0 ? '-' + best : best;
}

}  // namespace sim
