// The JSON Schema for editors says the same as the loader: the same keys everywhere, the same verbs
// with the same arguments.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "models/bugs.hpp"
#include "tests/support/paths.hpp"
#include "tools/scenario/keys.hpp"
#include "tools/scenario/verbs.hpp"

namespace {

using nlohmann::json;
using namespace kt::scenario;
using Strings = std::set<std::string>;

const json& schema() {
  static const json document = [] {
    std::ifstream file(support::source_dir() / "scenarios/scenario.schema.json");
    REQUIRE(file.good());
    return json::parse(file);
  }();
  return document;
}

/// The schema itself or the first of its alternatives that lists properties; null if there is none.
const json* object_form(const json& node) {
  if (node.contains("properties")) return &node;
  if (!node.contains("anyOf")) return nullptr;
  for (const json& alternative : node["anyOf"])
    if (alternative.contains("properties")) return &alternative;
  return nullptr;
}

Strings keys_in(const json& object) {
  Strings keys;
  for (const auto& [key, value] : object["properties"].items()) keys.insert(key);
  return keys;
}

Strings to_set(std::span<const std::string_view> keys) {
  return {keys.begin(), keys.end()};
}

Strings all_verbs() {
  Strings names;
  for (const VerbInfo& verb : verbs()) names.emplace(verb.name);
  return names;
}

bool is_control(std::string_view section) {
  return section == "if" || section == "while" || section == "loop";
}

const json& statement_form() {
  return *object_form(schema()["$defs"]["statement"]);
}

}  // namespace

TEST_CASE("the schema has the keys of every section", "[scenario][schema]") {
  Strings sections{"statement"};
  for (const SectionKeys& section : section_keys()) {
    CAPTURE(section.section);
    if (is_control(section.section)) continue;
    sections.emplace(section.section);
    const bool top = section.section == "scenario";
    if (!top) REQUIRE(schema()["$defs"].contains(section.section));
    const json* form =
        object_form(top ? schema() : schema()["$defs"][std::string(section.section)]);
    REQUIRE(form != nullptr);
    CHECK((*form)["additionalProperties"] == false);
    Strings expected = to_set(section.keys);
    if (section.section == "events") {
      expected.merge(all_verbs());
      expected.merge(Strings{"then", "else"});
    }
    CHECK(keys_in(*form) == expected);
  }
  for (const auto& [name, definition] : schema()["$defs"].items()) {
    CAPTURE(name);
    CHECK((object_form(definition) == nullptr || sections.contains(name)));
  }
}

TEST_CASE("the schema has every verb, and no other", "[scenario][schema]") {
  Strings expected = all_verbs();
  for (const SectionKeys& section : section_keys())
    if (is_control(section.section)) expected.merge(to_set(section.keys));
  CHECK(keys_in(statement_form()) == expected);

  Strings bare;
  for (const VerbInfo& verb : verbs())
    if (verb.argument == Argument::kNone || verb.verb == Verb::kReturn) bare.emplace(verb.name);
  Strings listed;
  for (const json& name : schema()["$defs"]["statement"]["anyOf"][0]["enum"])
    listed.insert(name.get<std::string>());
  CHECK(listed == bare);
}

TEST_CASE("the schema has the keys of every argument", "[scenario][schema]") {
  for (const VerbInfo& verb : verbs()) {
    CAPTURE(verb.name);
    const json& argument = statement_form()["properties"][std::string(verb.name)];
    const json* form = object_form(argument);
    const Strings expected = to_set(argument_keys(verb.argument));
    CHECK((form == nullptr ? Strings{} : keys_in(*form)) == expected);
  }
}

TEST_CASE("the schema has every bug of the table, which has them in order", "[scenario][schema]") {
  const Strings names = to_set(kt::kBugs);
  CHECK(names.size() == kt::kBugs.size());
  CHECK(std::ranges::is_sorted(kt::kBugs));
  const json& listed = schema()["$defs"]["kernel"]["properties"]["bugs"]["items"]["enum"];
  CHECK(listed.get<Strings>() == names);
}

TEST_CASE("the schema describes every property", "[scenario][schema]") {
  const auto check = [](const auto& self, const json& node) -> void {
    if (node.is_object() && node.contains("properties"))
      for (const auto& [key, property] : node["properties"].items()) {
        CAPTURE(key);
        CHECK((property.contains("description") || property.contains("$ref")));
      }
    if (node.is_structured())
      for (const json& child : node) self(self, child);
  };
  check(check, schema());
}
