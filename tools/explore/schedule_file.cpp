#include "tools/explore/schedule_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/random.hpp"
#include "tools/explore/json_fields.hpp"

namespace kt::explore {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::array<std::string_view, 3> kKinds{"stall", "late_interrupt", "answer"};

constexpr int kFormat = 1;

Place parse_place(const std::string& path, const Json& entry) {
  Place place;
  const auto kind = field<std::string>(path, entry, "kind");
  const auto found = std::ranges::find(kKinds, kind);
  if (found == kKinds.end())
    wrong_file(path, fmt::format("\"{}\": expected stall, late_interrupt or answer", kind));
  place.deviation.kind = static_cast<Deviation::Kind>(found - kKinds.begin());
  place.deviation.cpu = field<std::uint16_t>(path, entry, "cpu");
  place.deviation.index = field<std::uint32_t>(path, entry, "index");
  place.deviation.time = field<Time>(path, entry, "ns");
  if (place.deviation.time < 0 || place.deviation.index == 0)
    wrong_file(path, "\"ns\" or \"index\" is out of range");
  place.thread = field<std::string>(path, entry, "thread");
  place.statement = field<std::string>(path, entry, "statement");
  place.pointer = field<std::string>(path, entry, "pointer");
  return place;
}

std::string step_words(const Place& place) {
  if (place.thread.empty()) return "nothing: the run has no such step";
  return place.statement.empty()
             ? place.thread
             : fmt::format("{}: {} at {}", place.thread, place.statement, place.pointer);
}

}  // namespace

std::string scenario_hash(std::string_view text, const std::vector<std::string>& overrides) {
  std::string all(text);
  for (const std::string& value : overrides) all += '\0' + value;
  return fmt::format("{:016x}", sim::fnv1a(all));
}

Json to_json(const ScheduleFile& file) {
  Json deviations = Json::array();
  for (const Place& place : file.places) {
    const Deviation& deviation = place.deviation;
    deviations.push_back({{"kind", kKinds[static_cast<std::size_t>(deviation.kind)]},
                          {"cpu", deviation.cpu},
                          {"index", deviation.index},
                          {"ns", deviation.time},
                          {"thread", place.thread},
                          {"statement", place.statement},
                          {"pointer", place.pointer}});
  }
  return {{"schedule", kFormat},       {"ktsim", file.version},
          {"scenario", file.scenario}, {"scenario_hash", file.scenario_hash},
          {"set", file.overrides},     {"fault", file.fault},
          {"deviations", deviations}};
}

ScheduleFile parse_schedule(const std::string& path, const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) wrong_file(path, "not a JSON object; expected a schedule file");
  if (field<int>(path, json, "schedule") != kFormat)
    wrong_file(path,
          fmt::format("format {} is not known; expected {}", json["schedule"].dump(), kFormat));
  ScheduleFile file;
  file.version = field<std::string>(path, json, "ktsim");
  file.scenario = field<std::string>(path, json, "scenario");
  file.scenario_hash = field<std::string>(path, json, "scenario_hash");
  file.overrides = field<std::vector<std::string>>(path, json, "set");
  file.fault = field<std::string>(path, json, "fault");
  const auto deviations = json.find("deviations");
  if (deviations == json.end() || !deviations->is_array())
    wrong_file(path, "expected an array \"deviations\"");
  for (const Json& entry : *deviations) {
    if (!entry.is_object()) wrong_file(path, "an entry of \"deviations\" is no object");
    file.places.push_back(parse_place(path, entry));
    file.schedule = with(file.schedule, file.places.back().deviation);
  }
  return file;
}

std::string first_difference(const ScheduleFile& file, const std::vector<Place>& places,
                             const std::string& hash) {
  for (std::size_t i = 0; i < file.places.size(); ++i) {
    const Place& wanted = file.places[i];
    const Place& found = places[i];
    const bool same = wanted.thread == found.thread && wanted.statement == found.statement &&
                      wanted.pointer == found.pointer;
    if (!same)
      return fmt::format("deviation {} of {} is about {}, but step {} of CPU {} is {}", i + 1,
                         file.places.size(), step_words(wanted), wanted.deviation.index,
                         wanted.deviation.cpu, step_words(found));
    if (wanted.thread.empty() && hash != file.scenario_hash)
      return fmt::format(
          "it is of another scenario, or another version of it, and deviation {} of {} names no "
          "step to compare",
          i + 1, file.places.size());
  }
  return {};
}

}  // namespace kt::explore
