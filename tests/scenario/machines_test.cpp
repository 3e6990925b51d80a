// The machine presets: each loads, names only costs that exist, and justifies each of its figures.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "models/cpu/costs.hpp"
#include "tests/support/paths.hpp"
#include "tools/scenario/load.hpp"

namespace kt::scenario {
namespace {

namespace fs = std::filesystem;
const fs::path kFolder = support::source_dir() / "scenarios" / "machines";

std::string read(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

Scenario load_preset(const std::string& name) {
  LoadOptions options;
  options.find_preset = [](const std::string& preset) -> std::optional<PresetFile> {
    const fs::path path = kFolder / (preset + ".json");
    return PresetFile{path.string(), read(path)};
  };
  for (const cpu::CostEntry& entry : cpu::cost_entries()) {
    options.vocabulary.costs.emplace_back(entry.name);
  }
  const std::string text = R"({"name": "preset", "version": 1, "duration": "idle",
                               "machine": {"preset": ")" +
                           name + R"("}})";
  return load("preset.json", text, options);
}

// The part of the README that is headed by the preset's name.
std::string chapter(const std::string& name) {
  const std::string readme = read(kFolder / "README.md");
  const std::size_t from = readme.find("\n## " + name + "\n");
  REQUIRE(from != std::string::npos);
  return readme.substr(from, readme.find("\n## ", from + 1) - from);
}

TEST_CASE("each machine preset loads and is documented figure by figure", "[scenario]") {
  int presets = 0;
  for (const fs::directory_entry& file : fs::directory_iterator(kFolder)) {
    if (file.path().extension() != ".json") continue;
    const std::string name = file.path().stem().string();
    CAPTURE(name);
    ++presets;
    const Machine machine = load_preset(name).machine;
    CHECK(machine.preset == name);
    const std::string text = chapter(name);
    const auto json = nlohmann::json::parse(read(file.path()));
    for (const auto& [key, value] : json.items()) {
      CAPTURE(key);
      if (key != "costs") CHECK(text.find("| " + key + " |") != std::string::npos);
    }
    for (const Costs::Override& cost : machine.costs.overrides) {
      const std::string row = "| " + cost.name + " | " + std::to_string(cost.value) + " |";
      CAPTURE(row);
      CHECK(text.find(row) != std::string::npos);
    }
  }
  CHECK(presets >= 3);
}

TEST_CASE("the README gives the default of each cost", "[scenario]") {
  const std::string text = chapter("Default costs");
  const cpu::CostTable table;
  for (const cpu::CostEntry& entry : cpu::cost_entries()) {
    const std::string row =
        "| " + std::string(entry.name) + " | " + std::to_string(table.*entry.field) + " |";
    CAPTURE(row);
    CHECK(text.find(row) != std::string::npos);
  }
}

TEST_CASE("the recorded kernel idles halted and has warm caches", "[scenario]") {
  const Machine machine = load_preset("qemu-icount").machine;
  CHECK(machine.idle == Idle::kHlt);
  CHECK(machine.costs.overrides.size() == cpu::cost_entries().size());
  CHECK(load_preset("xeon-gold-6248r").machine.idle == Idle::kMwait);
}

}  // namespace
}  // namespace kt::scenario
