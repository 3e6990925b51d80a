// Whatever stands in the file, loading ends with a scenario or with a user's error at a place.
#include <catch2/catch.hpp>
#include <fstream>
#include <random>
#include <sstream>
#include <string>

#include "sim/error.hpp"
#include "tests/support/paths.hpp"
#include "tools/scenario/load.hpp"

namespace {

std::string read_file(const std::string& name) {
  std::ifstream file(support::source_dir() / "tests/conformance" / name / "scenario.json");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void mutate(std::string& text, std::mt19937& random) {
  static const std::string kCharacters = "{}[]\",:0123456789-+.eE/~ \n\\tnuldoif%!&|()=<>\xC3";
  const std::size_t at = random() % text.size();
  switch (random() % 4) {
    case 0:
      text.erase(at, 1 + random() % 8);
      break;
    case 1:
      text[at] = kCharacters[random() % kCharacters.size()];
      break;
    case 2:
      text.insert(at, 1, kCharacters[random() % kCharacters.size()]);
      break;
    default:
      text.insert(at, text.substr(random() % text.size(), random() % 30));
      break;
  }
  if (text.empty()) text = "0";
}

}  // namespace

TEST_CASE("a mutated scenario loads or is refused", "[scenario][property]") {
  const auto seed = GENERATE(1U, 2U, 3U);
  const std::string name = GENERATE("kthread_lifecycle", "lost_wakeup");
  CAPTURE(seed, name);
  const std::string original = read_file(name);
  std::mt19937 random(seed);
  for (int round = 0; round < 1'000; ++round) {
    std::string text = original;
    for (std::size_t edits = 1 + random() % 3; edits > 0; --edits) mutate(text, random);
    CAPTURE(text);
    try {
      kt::scenario::load("t.json", text);
    } catch (const sim::UserError& error) {
      REQUIRE_THAT(error.what(), Catch::StartsWith("t.json:") && Catch::Contains(": /"));
    }
  }
}
