#include "tools/scenario/load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "sim/error.hpp"
#include "tools/scenario/keys.hpp"
#include "tools/scenario/load_context.hpp"
#include "tools/scenario/text_file.hpp"

namespace kt::scenario {
namespace {

constexpr std::int64_t kVersion = 1;

void check_identifier(const Value& value, const std::string& text) {
  const bool valid = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
  if (!valid)
    value.fail(
        {fmt::format("\"{}\" cannot name a scenario", text), "letters, digits, '-', '_', '.'"});
}

std::uint64_t read_seed(const Value& value) {
  if (value.kind() == Kind::kUnsigned) return value.whole();
  return static_cast<std::uint64_t>(read_integer(value, 0, INT64_MAX));
}

sim::Time read_run_time(const Value& value) {
  if (value.kind() == Kind::kString && value.text() == "idle") return sim::kNever;
  const std::string expected = "a time above 0, or \"idle\"";
  if (value.kind() != Kind::kInteger) require_kind(value, Kind::kString, expected);
  const sim::Time duration = read_time(value);
  if (duration == 0) value.fail({"a run of no time", expected});
  return duration;
}

void load_header(LoadContext& context, const Value& root) {
  require_keys(root, keys_of("scenario"), "a scenario, an object");
  Scenario& scenario = context.scenario;
  const Value name = required(root, "name", "the name of the scenario");
  scenario.name = read_text(name, "the name of the scenario");
  check_identifier(name, scenario.name);
  const Value version = required(root, "version", fmt::format("\"version\": {}", kVersion));
  if (version.kind() != Kind::kInteger || version.integer() != kVersion)
    version.fail({"unknown version of the format", fmt::format("{}", kVersion)});
  if (const auto text = root.find("description")) scenario.description = read_text(*text, "a text");
  if (const auto seed = root.find("seed")) scenario.seed = read_seed(*seed);
  scenario.duration = read_run_time(required(root, "duration", "a time or \"idle\""));
  if (const auto trace = root.find("trace")) {
    require_keys(*trace, keys_of("trace"), "{\"events\": [patterns]}");
    if (const auto events = trace->find("events"))
      scenario.trace_events = read_texts(*events, "an array of patterns like \"sched:*\"");
  }
}

}  // namespace

Scenario load(const std::string& file, std::string_view text, const LoadOptions& options) {
  Scenario scenario;
  scenario.file = file;
  LoadContext context{options, scenario, std::filesystem::path(file).parent_path().string()};
  context.documents.push_back(std::make_unique<Document>(file, text));
  Document& document = *context.documents.back();
  for (const std::string& option : options.overrides) document.override_value(option);
  const Value root = document.root();
  context.origin(root);
  load_header(context, root);
  load_machine(context, root);
  load_kernel(context, root);
  declare_objects(context, root);
  load_objects(context, root);
  load_events(context, root);
  load_expectations(context, root);
  return scenario;
}

Scenario load_file(const std::string& file, const LoadOptions& options) {
  return load(file, require_text_file(file, "a scenario file"), options);
}

}  // namespace kt::scenario
