#include "models/trace/gfp_text.hpp"

#include <array>
#include <string_view>

#include "models/trace/text.hpp"

namespace kt::trace {

namespace {

struct GfpName {
  std::uint32_t bits;
  std::string_view name;
};

// __def_gfpflag_names, those that the models use; in its order.
constexpr std::array kNames{GfpName{0xcc0, "GFP_KERNEL"},
                            GfpName{0xc40, "GFP_NOFS"},
                            GfpName{0x820, "GFP_ATOMIC"},
                            GfpName{0xc00, "GFP_NOIO"},
                            GfpName{0x2800, "GFP_NOWAIT"},
                            GfpName{0x20, "__GFP_HIGH"},
                            GfpName{0x40, "__GFP_IO"},
                            GfpName{0x80, "__GFP_FS"},
                            GfpName{0x2000, "__GFP_NOWARN"},
                            GfpName{0x4000, "__GFP_RETRY_MAYFAIL"},
                            GfpName{0x10000, "__GFP_NORETRY"},
                            GfpName{0x200000, "__GFP_THISNODE"},
                            GfpName{0x400, "__GFP_DIRECT_RECLAIM"},
                            GfpName{0x800, "__GFP_KSWAPD_RECLAIM"}};

}  // namespace

char* put_gfp(char* at, std::uint32_t gfp) {
  if (gfp == 0) return text::put(at, "none");
  bool first = true;
  const auto separate = [&] {
    if (!first) *at++ = '|';
    first = false;
  };
  for (const GfpName& name : kNames) {
    if ((gfp & name.bits) != name.bits) continue;
    separate();
    at = text::put(at, name.name);
    gfp &= ~name.bits;
  }
  if (gfp == 0) return at;
  separate();
  return text::put_hex(at, gfp);
}

std::string gfp_text(std::uint32_t gfp) {
  std::array<char, 256> buffer{};
  return {buffer.data(), put_gfp(buffer.data(), gfp)};
}

}  // namespace kt::trace
