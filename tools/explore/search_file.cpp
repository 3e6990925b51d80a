#include "tools/explore/search_file.hpp"

#include "sim/random.hpp"
#include "tools/explore/json_fields.hpp"

namespace kt::explore {

using Json = nlohmann::ordered_json;

namespace {

constexpr int kSearchFormat = 1;

Json count_json(const ScheduleCount& count) {
  return {{"all", count.all}, {"inner", count.inner}};
}

ScheduleCount parse_count(const std::string& path, const Json& json, const char* key) {
  const auto count = field<Json>(path, json, key);
  return {field<std::uint64_t>(path, count, "all"), field<std::uint64_t>(path, count, "inner")};
}

// A position that was edited would claim what nobody has searched.
std::string checksum(Json file) {
  file.erase("checksum");
  return fmt::format("{:016x}", sim::fnv1a(file.dump()));
}

}  // namespace

Json to_json(const SearchPosition& position) {
  return {{"bound", position.bound},
          {"path", position.path},
          {"interleavings", count_json(position.so_far)},
          {"of_bound_before", count_json(position.before)}};
}

SearchPosition parse_position(const std::string& path, const Json& json) {
  if (!json.is_object()) wrong_file(path, "a position is no object");
  return {field<unsigned>(path, json, "bound"),
          field<std::vector<std::uint32_t>>(path, json, "path"),
          parse_count(path, json, "interleavings"), parse_count(path, json, "of_bound_before")};
}

std::string SearchFile::difference(const SearchFile& other) const {
  const auto differs = [](const char* what, const auto& here, const auto& there) {
    return fmt::format("{}: {} here, {} there", what, here, there);
  };
  if (scenario_hash != other.scenario_hash) return "it is of another scenario, or version of it";
  if (version != other.version) return differs("ktsim", version, other.version);
  if (strategy != other.strategy) return differs("--strategy", strategy, other.strategy);
  if (faults != other.faults) return differs("--faults", faults, other.faults);
  if (positions.size() != other.positions.size())
    return differs("--jobs", positions.size(), other.positions.size());
  return {};
}

Json to_json(const SearchFile& file) {
  Json positions = Json::array();
  for (const SearchPosition& position : file.positions) positions.push_back(to_json(position));
  Json json{{"search", kSearchFormat},   {"ktsim", file.version},
            {"scenario", file.scenario}, {"scenario_hash", file.scenario_hash},
            {"strategy", file.strategy}, {"faults", file.faults},
            {"positions", positions}};
  json["checksum"] = checksum(json);
  return json;
}

SearchFile parse_search(const std::string& path, const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) wrong_file(path, "not a JSON object; expected a file of --resume");
  if (field<int>(path, json, "search") != kSearchFormat) {
    wrong_file(path, fmt::format("format {} is not known; expected {}", json["search"].dump(),
                                 kSearchFormat));
  }
  if (field<std::string>(path, json, "checksum") != checksum(json))
    wrong_file(path, "it was changed since it was written, or is not whole");
  SearchFile file;
  file.version = field<std::string>(path, json, "ktsim");
  file.scenario = field<std::string>(path, json, "scenario");
  file.scenario_hash = field<std::string>(path, json, "scenario_hash");
  file.strategy = field<std::string>(path, json, "strategy");
  file.faults = field<std::string>(path, json, "faults");
  const auto positions = field<Json>(path, json, "positions");
  if (!positions.is_array()) wrong_file(path, "expected an array \"positions\"");
  for (const Json& position : positions) file.positions.push_back(parse_position(path, position));
  return file;
}

}  // namespace kt::explore
