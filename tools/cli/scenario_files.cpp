#include "tools/cli/scenario_files.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "models/cpu/costs.hpp"
#include "tools/scenario/text_file.hpp"

namespace kt::cli {

namespace fs = std::filesystem;

namespace {

std::vector<fs::path> preset_folders(const std::string& file) {
  constexpr int kLevels = 4;  // the file's folder and three above it
  std::vector<fs::path> folders;
  std::error_code error;
  fs::path folder = fs::absolute(file, error).lexically_normal().parent_path();
  for (int level = 0; level < kLevels && !folder.empty(); ++level) {
    folders.push_back(folder / "machines");
    if (folder == folder.root_path()) break;
    folder = folder.parent_path();
  }
  const char* const data = std::getenv("KTSIM_DATA");
  folders.push_back(fs::path(data != nullptr ? data : KTSIM_DATA_DIR) / "machines");
  return folders;
}

std::optional<scenario::PresetFile> find_preset(const std::vector<fs::path>& folders,
                                                const std::string& name) {
  if (name.find('/') != std::string::npos) return std::nullopt;
  for (const fs::path& folder : folders) {
    const std::string path = folder / (name + ".json");
    if (std::optional<std::string> text = scenario::read_text_file(path, "a machine preset"))
      return scenario::PresetFile{path, *std::move(text)};
  }
  return std::nullopt;
}

std::vector<std::string> preset_names(const std::vector<fs::path>& folders) {
  std::vector<std::string> names;
  for (const fs::path& folder : folders) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace

scenario::Scenario load_scenario(const std::string& file,
                                 const std::vector<std::string>& overrides) {
  const std::vector<fs::path> folders = preset_folders(file);
  scenario::LoadOptions options;
  options.overrides = overrides;
  options.find_preset = [&folders](const std::string& name) { return find_preset(folders, name); };
  for (const cpu::CostEntry& entry : cpu::cost_entries()) {
    options.vocabulary.costs.emplace_back(entry.name);
  }
  options.vocabulary.machine_presets = preset_names(folders);
  scenario::Scenario scenario = scenario::load_file(file, options);
  scenario::require_modelled(scenario);
  return scenario;
}

}  // namespace kt::cli
