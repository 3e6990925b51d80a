#include "tools/report/ps_json.hpp"

#include <nlohmann/json.hpp>

namespace kt::report {

using Json = nlohmann::ordered_json;

namespace {

Json number_or_null(const std::optional<int>& value) {
  return value ? Json(*value) : Json();
}

}  // namespace

std::string ps_json(const std::vector<boot::PsRow>& rows) {
  std::string text = "[";
  for (const boot::PsRow& row : rows) {
    const Json object{{"pid", row.pid},
                      {"ppid", row.ppid},
                      {"stat", row.stat},
                      {"psr", row.psr},
                      {"cls", row.cls},
                      {"rtprio", number_or_null(row.rtprio)},
                      {"ni", number_or_null(row.ni)},
                      {"comm", row.comm}};
    text += text.size() == 1 ? "\n " : ",\n ";
    text += object.dump();
  }
  return text + "\n]\n";
}

}  // namespace kt::report
