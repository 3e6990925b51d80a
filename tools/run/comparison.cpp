#include "tools/run/comparison.hpp"

#include <array>

namespace kt::run {

using scenario::Comparison;

bool holds(std::int64_t left, Comparison comparison, std::int64_t right) {
  switch (comparison) {
    case Comparison::kLess:
      return left < right;
    case Comparison::kLessEqual:
      return left <= right;
    case Comparison::kEqual:
      return left == right;
    case Comparison::kNotEqual:
      return left != right;
    case Comparison::kGreaterEqual:
      return left >= right;
    case Comparison::kGreater:
      return left > right;
  }
  return false;
}

std::string_view comparison_text(Comparison comparison) {
  constexpr std::array<std::string_view, 6> kTexts{"<", "<=", "==", "!=", ">=", ">"};
  return kTexts[static_cast<std::size_t>(comparison)];
}

}  // namespace kt::run
