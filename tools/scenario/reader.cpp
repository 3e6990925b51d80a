#include "tools/scenario/reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "tools/scenario/keys.hpp"
#include "tools/scenario/nearest.hpp"

namespace kt::scenario {
namespace {

bool is_number(const Value& value) {
  return value.kind() == Kind::kInteger || value.kind() == Kind::kUnsigned ||
         value.kind() == Kind::kReal;
}

[[noreturn]] void fail_kind(const Value& value, const std::string& expected) {
  value.fail({fmt::format("this is {}", value.kind_name()), expected});
}

/// Runs a parser of values.hpp on a text and gives its complaint a place.
template <class Parse>
auto parsed(const Value& value, Parse parse) {
  try {
    return parse(value.text());
  } catch (const ValueError& error) {
    fail_with(value, error);
  }
}

}  // namespace

void fail_with(const Value& value, const ValueError& error) {
  value.fail({error.what, error.expected, error.suggestion});
}

std::string join(std::span<const std::string_view> names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

void require_kind(const Value& value, Kind kind, const std::string& expected) {
  if (value.kind() != kind) fail_kind(value, expected);
}

void require_keys(const Value& object, std::span<const std::string_view> keys,
                  const std::string& expected) {
  require_kind(object, Kind::kObject, expected);
  for (const Value& member : object.children()) {
    if (std::find(keys.begin(), keys.end(), member.key()) != keys.end()) continue;
    member.fail_at_key(
        {fmt::format("unknown key \"{}\"", member.key()), join(keys), nearest(member.key(), keys)});
  }
}

Value required(const Value& object, std::string_view key, const std::string& expected) {
  if (const auto member = object.find(key)) return *member;
  object.fail({fmt::format("the key \"{}\" is missing", key), expected});
}

std::string read_text(const Value& value, const std::string& expected) {
  require_kind(value, Kind::kString, expected);
  return value.text();
}

bool read_boolean(const Value& value) {
  require_kind(value, Kind::kBoolean, "true or false");
  return value.boolean();
}

std::int64_t read_integer(const Value& value, std::int64_t low, std::int64_t high) {
  const bool bounded = low > std::numeric_limits<std::int64_t>::min() ||
                       high < std::numeric_limits<std::int64_t>::max();
  const std::string expected =
      bounded ? fmt::format("an integer from {} to {}", low, high) : "an integer of 64 bits";
  if (value.kind() == Kind::kUnsigned) value.fail({value.text() + " is out of range", expected});
  require_kind(value, Kind::kInteger, expected);
  if (value.integer() < low || value.integer() > high)
    value.fail({fmt::format("{} is out of range", value.integer()), expected});
  return value.integer();
}

std::int32_t read_int(const Value& value, std::int32_t low, std::int32_t high) {
  return static_cast<std::int32_t>(read_integer(value, low, high));
}

double read_number(const Value& value, double low) {
  const std::string expected = fmt::format("a number of at least {}", low);
  if (!is_number(value)) fail_kind(value, expected);
  if (value.real() < low) value.fail({fmt::format("{} is out of range", value.text()), expected});
  return value.real();
}

sim::Time read_time(const Value& value) {
  if (value.kind() == Kind::kInteger) return read_integer(value, 0, std::int64_t{1} << 62);
  require_kind(value, Kind::kString, "a time: an integer of nanoseconds or a text like \"50us\"");
  return parsed(value, parse_time);
}

std::int64_t read_size(const Value& value) {
  if (value.kind() == Kind::kInteger) return read_integer(value, 0, std::int64_t{1} << 62);
  require_kind(value, Kind::kString, "a size: an integer of bytes or a text like \"64K\"");
  return parsed(value, parse_size);
}

double read_rate(const Value& value) {
  const std::string expected = "a rate: events per second or a text like \"20kHz\"";
  if (is_number(value)) {
    if (value.real() > 0) return value.real();
    value.fail({fmt::format("a rate of {} never happens", value.text()), expected});
  }
  require_kind(value, Kind::kString, expected);
  return parsed(value, parse_rate);
}

std::int32_t read_cpu(const Value& value, const Machine& machine) {
  const std::string expected = fmt::format("a CPU from 0 to {}", machine.cpus - 1);
  require_kind(value, Kind::kInteger, expected);
  if (value.integer() < 0 || value.integer() >= machine.cpus)
    value.fail({fmt::format("the machine has no CPU {}", value.integer()), expected});
  return static_cast<std::int32_t>(value.integer());
}

CpuList read_cpulist(const Value& value, std::int32_t cpus) {
  require_kind(value, Kind::kString, "a CPU list like \"0-3,8\"");
  return parsed(value, [&](const std::string& text) { return parse_cpulist(text, cpus); });
}

std::vector<std::string> read_texts(const Value& value, const std::string& expected) {
  require_kind(value, Kind::kArray, expected);
  std::vector<std::string> texts;
  for (const Value& item : value.children()) texts.push_back(read_text(item, "a string"));
  return texts;
}

std::string read_path(const Value& value, const std::string& folder) {
  const std::filesystem::path path =
      std::filesystem::path(folder) / read_text(value, "the path of a file");
  if (!std::filesystem::is_regular_file(path))
    value.fail({fmt::format("there is no file {}", path.string()),
                "a path relative to the scenario file"});
  return path.string();
}

std::size_t read_choice(const Value& value, std::span<const std::string_view> names,
                        const std::string& expected) {
  const std::string text = read_text(value, expected);
  const auto found = std::find(names.begin(), names.end(), text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  value.fail({fmt::format("unknown {} \"{}\"", expected, text), join(names), nearest(text, names)});
}

namespace {

const std::string kDurationForm =
    "a time, or one of {\"exp\": mean}, {\"uniform\": [low, high]}, {\"lognormal\": {median, "
    "sigma}}, {\"pareto\": {min, alpha}}, {\"trace\": file}";

sim::Time read_positive_time(const Value& value) {
  const sim::Time time = read_time(value);
  if (time == 0) value.fail({"a time of 0 here gives no distribution", "a time above 0"});
  return time;
}

void read_uniform(const Value& value, Duration& duration) {
  duration.kind = Duration::Kind::kUniform;
  require_kind(value, Kind::kArray, "[low, high]");
  if (value.size() != 2)
    value.fail({fmt::format("{} values", value.size()), "two times, [low, high]"});
  duration.low = read_time(value.children()[0]);
  duration.high = read_time(value.children()[1]);
  if (duration.high < duration.low)
    value.fail({"the upper bound is below the lower one", "[low, high]"});
}

/// {"median", "sigma"} and {"min", "alpha"}: a time above 0 and a shape above 0.
void read_shaped(const Value& value, std::string_view section, Duration& duration) {
  const auto keys = keys_of(section);
  const std::string form = fmt::format("{{{}, {}}}", keys[0], keys[1]);
  require_keys(value, keys, form);
  duration.low = read_positive_time(required(value, keys[0], form));
  const Value shape = required(value, keys[1], form);
  duration.shape = read_number(shape, 0);
  if (duration.shape <= 0 || !std::isfinite(duration.shape))
    shape.fail({fmt::format("{} is no {}", shape.text(), keys[1]), "a number above 0"});
}

}  // namespace

Duration read_duration(const Value& value, const std::string& folder) {
  Duration duration;
  if (value.kind() != Kind::kObject) {
    if (value.kind() != Kind::kInteger && value.kind() != Kind::kString)
      fail_kind(value, kDurationForm);
    duration.low = duration.high = read_time(value);
    return duration;
  }
  require_keys(value, keys_of("duration"), kDurationForm);
  if (value.size() != 1)
    value.fail({fmt::format("a distribution with {} keys", value.size()), kDurationForm});
  const Value parameter = value.children()[0];
  if (parameter.key() == "exp") {
    duration.kind = Duration::Kind::kExponential;
    duration.low = read_positive_time(parameter);
  } else if (parameter.key() == "uniform") {
    read_uniform(parameter, duration);
  } else if (parameter.key() == "lognormal") {
    duration.kind = Duration::Kind::kLogNormal;
    read_shaped(parameter, "lognormal", duration);
  } else if (parameter.key() == "pareto") {
    duration.kind = Duration::Kind::kPareto;
    read_shaped(parameter, "pareto", duration);
  } else {
    duration.kind = Duration::Kind::kTrace;
    duration.file = read_path(parameter, folder);
  }
  return duration;
}

}  // namespace kt::scenario
