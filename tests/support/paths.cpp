#include "tests/support/paths.hpp"

namespace support {

std::filesystem::path source_dir() {
  return KTSIM_SOURCE_DIR;
}

std::string ktsim_binary() {
  return KTSIM_BINARY;
}

}  // namespace support
