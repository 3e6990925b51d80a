#include "tests/support/cpuhp_text.hpp"

#include <stdexcept>

namespace support {

namespace {

// The number behind "KEY: ".
std::int64_t number(std::string_view payload, std::string_view key) {
  const std::size_t at = payload.find(key);
  if (at == std::string_view::npos) {
    throw std::runtime_error("no " + std::string(key) + " in: " + std::string(payload));
  }
  return std::stoll(std::string(payload.substr(at + key.size())));
}

}  // namespace

HotplugStep parse_cpuhp_enter(std::string_view payload) {
  const std::size_t open = payload.find('(');
  return {number(payload, "cpu: "), number(payload, "target: "), number(payload, "step: "),
          std::string(payload.substr(open + 1, payload.find(')') - open - 1))};
}

HotplugStepEnd parse_cpuhp_exit(std::string_view payload) {
  return {number(payload, "cpu: "), number(payload, "state: "), number(payload, "step: "),
          number(payload, "ret: ")};
}

}  // namespace support
