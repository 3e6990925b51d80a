#include "tools/scenario/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <span>

namespace kt::scenario {
namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 62;
constexpr const char* kTimeForm =
    "an integer of nanoseconds or a text like \"50us\", \"1.5ms\", \"2s\"";
constexpr const char* kSizeForm = "an integer of bytes or a text like \"64K\", \"16M\", \"2G\"";
constexpr const char* kRateForm =
    "a number of events per second or a text like \"500Hz\", \"20kHz\"";

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

/// A decimal number and the unit behind it: digits / 10^places.
struct Decimal {
  std::int64_t digits = 0;
  std::int64_t scale = 1;
  std::string_view unit;
};

Decimal split(std::string_view text, const char* form) {
  Decimal result;
  std::size_t at = 0;
  bool any = false;
  bool point = false;
  for (; at < text.size() && (is_digit(text[at]) || (text[at] == '.' && !point)); ++at) {
    if (text[at] == '.') {
      point = true;
      continue;
    }
    any = true;
    if (result.digits > (kLargest - 9) / 10 || (point && result.scale > kLargest / 10))
      throw ValueError{fmt::format("\"{}\" is too large or has too many digits", text), form};
    result.digits = result.digits * 10 + (text[at] - '0');
    if (point) result.scale *= 10;
  }
  if (!any || text[at - 1] == '.')
    throw ValueError{fmt::format("\"{}\" is not a number", text), form};
  result.unit = text.substr(at);
  return result;
}

std::int64_t factor_of(std::string_view text, std::string_view unit, std::span<const Unit> units,
                       const char* form) {
  for (const Unit& known : units)
    if (known.name == unit) return known.factor;
  if (unit.empty()) throw ValueError{fmt::format("\"{}\" has no unit", text), form};
  throw ValueError{fmt::format("\"{}\" has an unknown unit \"{}\"", text, unit), form};
}

std::int64_t exact(std::string_view text, const Decimal& decimal, std::int64_t factor,
                   const char* form, const char* smallest) {
  const auto product = static_cast<__int128>(decimal.digits) * factor;
  if (product % decimal.scale != 0)
    throw ValueError{fmt::format("\"{}\" is finer than {}", text, smallest), form};
  const auto value = product / decimal.scale;
  if (value > kLargest) throw ValueError{fmt::format("\"{}\" is too large", text), form};
  return static_cast<std::int64_t>(value);
}

class CpuListParser {
 public:
  CpuListParser(std::string_view text, std::int32_t cpus) : text_(text), cpus_(cpus) {}

  CpuList parse() {
    if (text_ == "all") return {range(0, cpus_ - 1)};
    std::set<std::int32_t> all;
    do {
      for (std::int32_t cpu : region()) all.insert(cpu);
    } while (take(','));
    if (at_ != text_.size()) fail(fmt::format("unexpected '{}'", text_[at_]));
    return {all.begin(), all.end()};
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw ValueError{fmt::format("\"{}\" is not a CPU list: {}", text_, problem),
                     "a list like \"0-3,8\""};
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::int32_t number() {
    if (take('N')) return cpus_ - 1;
    std::int32_t value = 0;
    const auto [end, error] =
        std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc{} || value < 0) fail("a CPU number is missing");
    at_ = static_cast<std::size_t>(end - text_.data());
    return value;
  }
  static CpuList range(std::int32_t first, std::int32_t last) {
    CpuList list;
    for (std::int32_t cpu = first; cpu <= last; ++cpu) list.push_back(cpu);
    return list;
  }
  CpuList region() {
    const std::int32_t first = number();
    const std::int32_t last = take('-') ? number() : first;
    if (last < first) fail(fmt::format("{}-{} runs backwards", first, last));
    if (last >= cpus_)
      throw ValueError{
          fmt::format("\"{}\" names CPU {}, which the machine does not have", text_, last),
          fmt::format("CPUs 0 to {}", cpus_ - 1)};
    CpuList list = range(first, last);
    if (!take(':')) return list;
    const std::int32_t used = number();
    if (!take('/')) fail("':' without '/'");
    const std::int32_t group = number();
    if (used < 1 || group < used) fail(fmt::format("{}/{} selects nothing sensible", used, group));
    std::erase_if(list, [&](std::int32_t cpu) { return (cpu - first) % group >= used; });
    return list;
  }

  std::string_view text_;
  std::int32_t cpus_;
  std::size_t at_ = 0;
};

}  // namespace

sim::Time parse_time(std::string_view text) {
  static constexpr std::array<Unit, 4> kUnits{
      {{"ns", 1}, {"us", 1'000}, {"ms", 1'000'000}, {"s", 1'000'000'000}}};
  const Decimal decimal = split(text, kTimeForm);
  if (decimal.unit.empty() && decimal.digits == 0) return 0;
  const std::int64_t factor = factor_of(text, decimal.unit, kUnits, kTimeForm);
  return exact(text, decimal, factor, kTimeForm, "a nanosecond");
}

std::int64_t parse_size(std::string_view text) {
  static constexpr std::array<Unit, 5> kUnits{
      {{"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", std::int64_t{1} << 40}}};
  const Decimal decimal = split(text, kSizeForm);
  const std::int64_t factor = factor_of(text, decimal.unit, kUnits, kSizeForm);
  return exact(text, decimal, factor, kSizeForm, "a byte");
}

double parse_rate(std::string_view text) {
  static constexpr std::array<Unit, 4> kUnits{
      {{"Hz", 1}, {"kHz", 1'000}, {"MHz", 1'000'000}, {"GHz", 1'000'000'000}}};
  const Decimal decimal = split(text, kRateForm);
  const std::int64_t factor = factor_of(text, decimal.unit, kUnits, kRateForm);
  if (decimal.digits == 0) throw ValueError{"a rate of 0 never happens", kRateForm};
  return static_cast<double>(decimal.digits) / static_cast<double>(decimal.scale) *
         static_cast<double>(factor);
}

CpuList parse_cpulist(std::string_view text, std::int32_t cpus) {
  return CpuListParser(text, cpus).parse();
}

std::string format_cpulist(const CpuList& cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t end = i;
    while (end + 1 < cpus.size() && cpus[end + 1] == cpus[end] + 1) ++end;
    if (!text.empty()) text += ',';
    text += end == i ? fmt::format("{}", cpus[i]) : fmt::format("{}-{}", cpus[i], cpus[end]);
    i = end + 1;
  }
  return text;
}

}  // namespace kt::scenario
