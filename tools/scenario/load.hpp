// Loads a scenario: JSON text in, a resolved and fully checked Scenario out. A mistake anywhere is
// a sim::UserError of the form
//   file:line:column: /json/pointer: what is wrong; expected …; did you mean "…"?
// and nothing has happened yet. Loading depends on nothing but the text and the options.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/scenario/scenario.hpp"

namespace kt::scenario {

/// The text of a machine preset (scenarios/machines/NAME.json): an object with the keys of machine.
struct PresetFile {
  std::string path;
  std::string text;
};

/// Names that belong to the models, to check and to suggest. An empty list is not checked.
struct Vocabulary {
  std::vector<std::string> costs;
  std::vector<std::string> machine_presets;
};

struct LoadOptions {
  /// "/json/pointer=value" each, applied in order before anything is checked.
  std::vector<std::string> overrides;
  /// The machine preset of that name, or nothing if there is none. Unset: there are no presets.
  std::function<std::optional<PresetFile>(const std::string& name)> find_preset;
  Vocabulary vocabulary;
};

/// Checks and resolves `text`; `file` names it in messages and is what the paths in it are relative
/// to. Throws sim::UserError.
Scenario load(const std::string& file, std::string_view text, const LoadOptions& options = {});

/// Reads `file` and loads it. Throws sim::UserError (ExitCode::kInputOutput if it cannot be read).
Scenario load_file(const std::string& file, const LoadOptions& options = {});

/// Refuses what is valid but belongs to models that this version does not have: "not modelled yet:
/// …" at its place. Throws sim::UserError.
void require_modelled(const Scenario& scenario);

}  // namespace kt::scenario
