#include "tools/cli/child_run.hpp"

#include <fmt/format.h>

#include "sim/error.hpp"
#include "tools/cli/child.hpp"

namespace kt::cli {

using Json = nlohmann::ordered_json;

// A mistake of the user ends this scenario, not those behind it.
RunResult run_one(const std::string& file, const RunOptions& options) {
  RunResult result;
  try {
    return run_scenario(file, options);
  } catch (const sim::UserError& error) {
    result.code = static_cast<int>(error.code());
    result.text = error.what();
  } catch (const sim::InternalError& error) {
    result.code = static_cast<int>(sim::ExitCode::kInternal);
    result.text = fmt::format("internal error: {}", error.what());
  }
  result.json = result.full =
      Json{{"file", file}, {"exit_code", result.code}, {"message", result.text}};
  return result;
}

RunResult run_in_child(const std::string& file, const RunOptions& options) {
  Child child([&] {
    const RunResult result = run_one(file, options);
    return Json{
        {"code", result.code}, {"text", result.text}, {"json", result.json}, {"full", result.full}}
        .dump();
  });
  const Json all = Json::parse(child.result(), nullptr, false);
  if (!all.is_object()) throw sim::InternalError(fmt::format("{}: the run broke off", file));
  return {all["code"], all["text"], all["json"], all["full"]};
}

}  // namespace kt::cli
