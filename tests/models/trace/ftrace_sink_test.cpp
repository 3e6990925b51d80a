#include "models/trace/ftrace_sink.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "models/trace/events.hpp"
#include "sim/error.hpp"
#include "tests/models/trace/sample_records.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/temporary_directory.hpp"

namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  INFO(path);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string golden(const std::string& name) {
  return read_file(support::source_dir() / "tests/models/trace/golden" / name);
}

std::string printed(kt::trace::TimeFormat format) {
  const TemporaryDirectory directory;
  sim::NameTable names;
  const auto records = sample_records(names);
  kt::trace::FtraceSink sink(directory.path() / "trace.txt", format);
  sink.write(records, names);
  sink.close(4);
  return read_file(directory.path() / "trace.txt");
}

sim::TraceRecord mark(sim::NameTable& names, const std::string& text) {
  sim::TraceRecord record;
  record.event = static_cast<std::uint16_t>(kt::trace::Event::kMark);
  record.arguments[0] = names.intern(text);
  return record;
}

}  // namespace

TEST_CASE("every event prints as the golden file has it, in microseconds", "[trace]") {
  REQUIRE(printed(kt::trace::TimeFormat::kMicroseconds) == golden("microseconds.txt"));
}

TEST_CASE("every event prints as the golden file has it, in nanoseconds", "[trace]") {
  REQUIRE(printed(kt::trace::TimeFormat::kNanoseconds) == golden("nanoseconds.txt"));
}

TEST_CASE("the sample holds every event", "[trace]") {
  sim::NameTable names;
  std::bitset<static_cast<std::size_t>(kt::trace::Event::kCount)> seen;
  for (const auto& record : sample_records(names)) seen.set(record.event);
  REQUIRE(seen.all());
}

TEST_CASE("a file appears only when it is closed", "[trace]") {
  const TemporaryDirectory directory;
  sim::NameTable names;
  const std::vector<sim::TraceRecord> records{mark(names, "x")};
  {
    kt::trace::FtraceSink sink(directory.path() / "trace.txt");
    sink.write(records, names);
    REQUIRE_FALSE(std::filesystem::exists(directory.path() / "trace.txt"));
  }
  REQUIRE(std::filesystem::is_empty(directory.path()));
  kt::trace::FtraceSink sink(directory.path() / "trace.txt");
  sink.close(1);
  const auto files = std::filesystem::directory_iterator(directory.path());
  REQUIRE(std::distance(begin(files), end(files)) == 1);
}

TEST_CASE("a directory that cannot be written is an input or output error at once", "[trace]") {
  const TemporaryDirectory directory;
  try {
    const kt::trace::FtraceSink sink(directory.path() / "missing" / "trace.txt");
    FAIL("no error");
  } catch (const sim::UserError& error) {
    REQUIRE(error.code() == sim::ExitCode::kInputOutput);
    REQUIRE_THAT(error.what(), Catch::Contains("trace.txt") && Catch::Contains("No such file"));
  }
}

TEST_CASE("a trace larger than memory's block keeps every line in order", "[trace]") {
  const TemporaryDirectory directory;
  sim::NameTable names;
  constexpr int kLines = 40'000;
  {
    kt::trace::FtraceSink sink(directory.path() / "trace.txt");
    for (int i = 0; i < kLines; ++i) {
      const std::vector<sim::TraceRecord> records{mark(names, std::to_string(i))};
      sink.write(records, names);
    }
    const std::vector<sim::TraceRecord> records{mark(names, std::string(3 << 20, 'l'))};
    sink.write(records, names);
    sink.close(1);
  }
  std::ifstream file(directory.path() / "trace.txt");
  std::string line;
  for (int i = 0; i < 12; ++i) {
    std::getline(file, line);
    if (i != 2) continue;  // room was left for the longest line
    CHECK(line == "# entries-in-buffer/entries-written: 40001/40001" + std::string(42, ' ') + "#P:1");
  }
  for (int i = 0; i < kLines; ++i) {
    REQUIRE(std::getline(file, line));
    REQUIRE(line == "          <idle>-0       [000] .....     0.000000: tracing_mark_write: " +
                        std::to_string(i));
  }
  std::getline(file, line);
  REQUIRE(line.size() > 3 << 20);
  REQUIRE_FALSE(std::getline(file, line));
}

TEST_CASE("standard output gets the bytes that a file gets, short or long", "[trace]") {
  const TemporaryDirectory directory;
  for (const int lines : {3, 40'000}) {
    sim::NameTable names;
    const std::vector<sim::TraceRecord> records(static_cast<std::size_t>(lines), mark(names, "x"));
    const auto write = [&](const std::string& path) {
      kt::trace::FtraceSink sink(path);
      sink.write(records, names);
      sink.close(2);
    };
    write(directory.path() / "file.txt");
    const int kept = ::dup(STDOUT_FILENO);
    const std::string caught = directory.path() / "stdout.txt";
    std::fflush(stdout);
    const int to = ::open(caught.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    ::dup2(to, STDOUT_FILENO);
    write("-");
    ::dup2(kept, STDOUT_FILENO);
    ::close(to);
    ::close(kept);
    CHECK(read_file(caught) == read_file(directory.path() / "file.txt"));
  }
}
