// Reads the fields of the files that an exploration writes.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "sim/error.hpp"

namespace kt::explore {

[[noreturn]] inline void wrong_file(const std::string& path, const std::string& what) {
  throw sim::UserError(fmt::format("{}: {}", path, what));
}

/// A field of an object in the file `path`. Throws sim::UserError if it is missing or of another
/// type.
template <class T>
T field(const std::string& path, const nlohmann::ordered_json& object, const char* key) {
  const auto entry = object.find(key);
  if (entry == object.end()) wrong_file(path, fmt::format("expected the key \"{}\"", key));
  try {
    return entry->get<T>();
  } catch (const nlohmann::ordered_json::exception&) {
    wrong_file(path, fmt::format("\"{}\" has the wrong type", key));
  }
}

}  // namespace kt::explore
