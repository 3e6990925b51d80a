// Where the repository and the command under test lie.
#pragma once

#include <filesystem>
#include <string>

namespace support {

std::filesystem::path source_dir();
std::string ktsim_binary();

}  // namespace support
