// Reads JSON values as the types of a scenario. Each function checks the kind and the range and
// fails at the value's place with what was expected.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/scenario/duration.hpp"
#include "tools/scenario/json_document.hpp"
#include "tools/scenario/machine.hpp"
#include "tools/scenario/values.hpp"

namespace kt::scenario {

/// Fails unless the value is of that kind. `expected`: "an object of kthreads", …
void require_kind(const Value& value, Kind kind, const std::string& expected);

/// Fails at the first member of an object whose key is not among `keys`, and unless it is an
/// object.
void require_keys(const Value& object, std::span<const std::string_view> keys,
                  const std::string& expected);

/// The member `key`; fails if it is missing.
Value required(const Value& object, std::string_view key, const std::string& expected);

std::string read_text(const Value& value, const std::string& expected);
bool read_boolean(const Value& value);
std::int64_t read_integer(const Value& value, std::int64_t low, std::int64_t high);
std::int32_t read_int(const Value& value, std::int32_t low, std::int32_t high);
/// A number (integer or not) of at least `low`.
double read_number(const Value& value, double low);
sim::Time read_time(const Value& value);
std::int64_t read_size(const Value& value);
double read_rate(const Value& value);
std::int32_t read_cpu(const Value& value, const Machine& machine);
CpuList read_cpulist(const Value& value, std::int32_t cpus);
std::vector<std::string> read_texts(const Value& value, const std::string& expected);

/// A time or a distribution; `folder` is what the path of a trace is relative to.
Duration read_duration(const Value& value, const std::string& folder);

/// A file named by the value, resolved against `folder`; fails if there is none.
std::string read_path(const Value& value, const std::string& folder);

/// The index of a text among `names`; fails with the nearest of them.
std::size_t read_choice(const Value& value, std::span<const std::string_view> names,
                        const std::string& expected);

/// Fails with a ValueError's message at the value's place.
[[noreturn]] void fail_with(const Value& value, const ValueError& error);

/// `a, b or c`
std::string join(std::span<const std::string_view> names);

}  // namespace kt::scenario
