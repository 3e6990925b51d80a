// GFP flags as the kernel prints them (include/trace/events/mmflags.h: show_gfp_flags): the named
// combinations first, then single flags.
#pragma once

#include <cstdint>
#include <string>

namespace kt::trace {

/// Writes at `at`, which has room for 200 characters; returns the end.
char* put_gfp(char* at, std::uint32_t gfp);
std::string gfp_text(std::uint32_t gfp);

}  // namespace kt::trace
