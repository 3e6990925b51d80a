// Lints the repository: what the house style asks for and a program can check. Each rule collects
// all that breaks it and names file and line.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "tests/support/paths.hpp"

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileLines = 500;
constexpr std::size_t kFunctionLines = 70;

struct SourceFile {
  std::string path;  // from the root of the repository
  std::vector<std::string> lines;
};

bool starts_with_any(const std::string& text, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return text.starts_with(prefix); });
}

// What people wrote, as opposed to what a program put out.
bool is_written(const fs::path& path) {
  static const std::vector<std::string> extensions{".cpp", ".hpp", ".md", ".json", ".py", ".cmake"};
  return path == "tools/build" || path == ".ci/run" || path.filename() == "CMakeLists.txt" ||
         std::find(extensions.begin(), extensions.end(), path.extension()) != extensions.end();
}

std::vector<SourceFile> read_tree() {
  const fs::path root = support::source_dir();
  std::vector<SourceFile> files;
  for (fs::recursive_directory_iterator entry(root), end; entry != end; ++entry) {
    const fs::path path = fs::relative(entry->path(), root);
    if (path == ".git" || path == "build" || path == "results") {
      entry.disable_recursion_pending();
      continue;
    }
    if (!entry->is_regular_file() || !is_written(path)) continue;
    SourceFile file{path.string(), {}};
    std::ifstream in(entry->path());
    for (std::string line; std::getline(in, line);) file.lines.push_back(line);
    files.push_back(std::move(file));
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

const std::vector<SourceFile>& sources() {
  static const std::vector<SourceFile> files = read_tree();
  return files;
}

bool is_code(const SourceFile& file) {
  return file.path.ends_with(".cpp") || file.path.ends_with(".hpp");
}

bool is_test(const SourceFile& file) {
  return file.path.starts_with("tests/");
}

std::string at(const SourceFile& file, std::size_t line, const std::string& what) {
  return fmt::format("{}:{}: {}", file.path, line + 1, what);
}

std::string joined(const std::vector<std::string>& findings) {
  std::string text;
  for (const std::string& finding : findings) text += "\n  " + finding;
  return text;
}

// Something that must not stand in the repository, and a line that breaks the rule.
struct Ban {
  std::string what;
  std::string pattern;
  std::string sample;
  std::vector<std::string> only_in;  // path prefixes; empty: everywhere
  std::vector<std::string> exempt;   // path prefixes
};

// This file names what it bans.
const char* const kSelf = "tests/tidy_test.cpp";

const std::vector<Ban>& bans() {
  static const std::vector<Ban> list{
      {"the whole of std", R"(using namespace std;)", "using namespace std;", {}, {}},
      {"output belongs to tools and sinks",
       R"(std::(cout|cerr)\b|\bprintf\()",
       "std::cout << 1;",
       {"sim/", "models/"},
       {}},
      {"randomness without a seed", R"(\bs?rand\(|random_device)", "int x = rand();", {}, {}},
      {"wall clock",
       R"(\btime\((0|NULL|nullptr)\)|system_clock|gettimeofday)",
       "auto t = time(nullptr);",
       {},
       {"tools/bench/"}},
      {"the host's clock in the simulation",
       R"(steady_clock|high_resolution_clock)",
       "std::chrono::steady_clock::now()",
       {"sim/", "models/"},
       {}},
      {"a promise for later", R"(\b(TODO|FIXME|XXX|HACK)\b)", "// TODO: later", {}, {}},
      {"SimGrid outside its one place",
       R"(#include [<"](simgrid|xbt)/)",
       "#include <simgrid/s4u.hpp>",
       {},
       {"sim/platform", "tools/bench/"}},
      {"an include that points upwards",
       R"(#include "(models|tools|tests)/)",
       "#include \"models/x.hpp\"",
       {"sim/"},
       {}},
      {"an include that points upwards",
       R"(#include "(tools|tests)/)",
       "#include \"tools/x.hpp\"",
       {"models/"},
       {}},
      {"an include that points upwards",
       R"(#include "tests/)",
       "#include \"tests/x.hpp\"",
       {"tools/"},
       {}},
      {"a path of one machine",
       R"((^|[^\w.])/(home|Users|work|root)/\w)",
       "open(\"/home/me/x\")",
       {},
       {}},
  };
  return list;
}

void find_banned(const Ban& ban, std::vector<std::string>& findings) {
  const std::regex pattern(ban.pattern);
  for (const SourceFile& file : sources()) {
    if (file.path == kSelf || starts_with_any(file.path, ban.exempt)) continue;
    if (!ban.only_in.empty() && !starts_with_any(file.path, ban.only_in)) continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      if (std::regex_search(file.lines[i], pattern)) findings.push_back(at(file, i, ban.what));
    }
  }
}

std::size_t indentation(const std::string& line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

// Functions are recognised by clang-format's layout: from a lone closing brace up to the line that
// is indented as much, comments and preprocessor lines apart.
void find_long_functions(const SourceFile& file, std::vector<std::string>& findings) {
  for (std::size_t last = 0; last < file.lines.size(); ++last) {
    const std::size_t column = indentation(file.lines[last]);
    if (column > 4 || file.lines[last].substr(column) != "}") continue;
    for (std::size_t first = last; first-- > 0;) {
      const std::string& line = file.lines[first];
      if (line.empty() || indentation(line) > column) continue;
      if (line[0] == '#' || line.compare(column, 2, "//") == 0) continue;
      const std::size_t lines = last - first + 1;
      if (lines > kFunctionLines) {
        findings.push_back(at(file, first, fmt::format("{} lines in one function", lines)));
      }
      break;
    }
  }
}

bool opens_with_a_paragraph(const SourceFile& file) {
  const auto is_comment = [](const std::string& line) { return line.starts_with("// "); };
  return file.lines.size() > 1 && is_comment(file.lines[0]) && file.lines[0].size() > 20;
}

}  // namespace

TEST_CASE("no file outgrows its subject", "[tidy]") {
  std::vector<std::string> findings;
  for (const SourceFile& file : sources()) {
    if (is_code(file) && !is_test(file) && file.lines.size() > kFileLines) {
      findings.push_back(fmt::format("{}: {} lines", file.path, file.lines.size()));
    }
  }
  INFO("at most " << kFileLines << " lines:" << joined(findings));
  REQUIRE(findings.empty());
}

TEST_CASE("functions fit a screen", "[tidy]") {
  std::vector<std::string> findings;
  for (const SourceFile& file : sources()) {
    if (is_code(file) && !is_test(file)) find_long_functions(file, findings);
  }
  INFO("at most " << kFunctionLines << " lines:" << joined(findings));
  REQUIRE(findings.empty());
}

TEST_CASE("banned constructs are absent", "[tidy]") {
  std::vector<std::string> findings;
  for (const Ban& ban : bans()) find_banned(ban, findings);
  INFO(joined(findings));
  REQUIRE(findings.empty());
}

TEST_CASE("each ban finds what it bans", "[tidy]") {
  for (const Ban& ban : bans()) {
    INFO(ban.sample);
    CHECK(std::regex_search(ban.sample, std::regex(ban.pattern)));
  }
}

TEST_CASE("each header says what it is and guards itself", "[tidy]") {
  std::vector<std::string> findings;
  for (const SourceFile& file : sources()) {
    if (!file.path.ends_with(".hpp")) continue;
    if (std::find(file.lines.begin(), file.lines.end(), "#pragma once") == file.lines.end()) {
      findings.push_back(file.path + ": no #pragma once");
    }
    if (!opens_with_a_paragraph(file)) findings.push_back(file.path + ": no opening paragraph");
  }
  INFO(joined(findings));
  REQUIRE(findings.empty());
}

TEST_CASE("each scenario is JSON with a name, a description and an expectation", "[tidy]") {
  for (const SourceFile& file : sources()) {
    const fs::path path = file.path;
    if (path.parent_path() != "scenarios" || path.extension() != ".json") continue;
    if (file.path.ends_with(".schema.json")) continue;
    INFO(file.path);
    std::ifstream in(support::source_dir() / path);
    const auto scenario = nlohmann::json::parse(in, nullptr, false);
    REQUIRE(scenario.is_object());
    CHECK_FALSE(scenario.value("name", "").empty());
    CHECK_FALSE(scenario.value("description", "").empty());
    CHECK(scenario.contains("expect"));
  }
}

TEST_CASE("the function rule finds a long function", "[tidy]") {
  SourceFile file{"x.cpp", {"int f(int a,", "      int b) {"}};
  file.lines.insert(file.lines.end(), kFunctionLines, "  g();");
  file.lines.insert(file.lines.end(), {"}", "", "void g() {", "}"});
  std::vector<std::string> findings;
  find_long_functions(file, findings);
  REQUIRE(findings == std::vector<std::string>{"x.cpp:1: 73 lines in one function"});
}
