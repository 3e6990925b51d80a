#include "sim/error.hpp"

namespace sim {

void assertion_failed(const char* condition, const char* file, int line,
                      const std::string& message) {
  throw InternalError(fmt::format("{}:{}: {} ({})", file, line, message, condition));
}

}  // namespace sim
