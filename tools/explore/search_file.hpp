// The file in which an exploration that has not ended says how far it has come (`ktsim explore
// --resume`): one position for each of its jobs, and what they hold for.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/explore/search.hpp"

namespace kt::explore {

nlohmann::ordered_json to_json(const SearchPosition& position);
/// `path`: of the file, for what is wrong. Throws sim::UserError.
SearchPosition parse_position(const std::string& path, const nlohmann::ordered_json& json);

struct SearchFile {
  std::string scenario;       ///< its name
  std::string scenario_hash;  ///< of its text and the values set by options
  std::string version;        ///< of ktsim: another one may count steps otherwise
  std::string strategy;
  std::string faults;
  std::vector<SearchPosition> positions;  ///< of the jobs

  /// What of another search keeps it from going on here, in words; empty: nothing.
  [[nodiscard]] std::string difference(const SearchFile& other) const;
};

nlohmann::ordered_json to_json(const SearchFile& file);
/// Throws sim::UserError with what is wrong.
SearchFile parse_search(const std::string& path, const std::string& text);

}  // namespace kt::explore
