// The ftrace sink prints what the kernel recorded with the kernel's bytes: lines are read into
// trace records, and the sink's text is compared with the recorded one, preamble included.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <string>

#include "models/trace/events.hpp"
#include "models/trace/ftrace_sink.hpp"
#include "tests/support/cpuhp_text.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/trace_text.hpp"

namespace {

namespace fs = std::filesystem;
using kt::trace::Event;
using support::TraceLine;

class Recorder {
 public:
  explicit Recorder(sim::NameTable& names) : names_(names) {}

  /// False for an event that ktsim has not or names otherwise.
  bool record(const TraceLine& line) {
    for (std::size_t event = 0; event < static_cast<std::size_t>(Event::kCount); ++event) {
      if (kt::trace::info(static_cast<Event>(event)).name != line.event) continue;
      sim::TraceRecord record = context(line);
      record.event = static_cast<std::uint16_t>(event);
      if (!arguments(line, record)) return false;
      records_.push_back(record);
      return true;
    }
    return false;
  }

  [[nodiscard]] const std::vector<sim::TraceRecord>& records() const { return records_; }

 private:
  static std::uint64_t pair(std::int64_t high, std::int64_t low) {
    return static_cast<std::uint64_t>(high) << 32 | (static_cast<std::uint64_t>(low) & 0xffffffff);
  }

  std::uint64_t task(const TraceLine& line, const std::string& prefix = "") {
    return pair(names_.intern(line.text_of(prefix + "comm")), line.number_of(prefix + "pid"));
  }

  sim::TraceRecord context(const TraceLine& line) {
    static const std::map<char, int> kBits{{'.', 0},    {'d', 0x01}, {'b', 0x02}, {'D', 0x03},
                                           {'n', 0x04}, {'p', 0x08}, {'N', 0x0c}, {'h', 0x10},
                                           {'s', 0x20}, {'H', 0x30}};
    const auto depth = [](char c) {
      return static_cast<std::uint8_t>(c == '.' ? 0 : std::stoi(std::string(1, c), nullptr, 16));
    };
    sim::TraceRecord record;
    record.time = line.time;
    record.comm = names_.intern(line.comm);
    record.pid = line.pid;
    record.cpu = static_cast<std::uint16_t>(line.cpu);
    record.flags = static_cast<std::uint8_t>(kBits.at(line.flags[0]) | kBits.at(line.flags[1]) |
                                             kBits.at(line.flags[2]));
    record.preempt_depth = depth(line.flags[3]);
    record.migrate_disable = depth(line.flags[4]);
    return record;
  }

  static std::int64_t state(std::string_view letters) {
    static const std::map<std::string_view, std::int64_t> kStates{
        {"R", 0},    {"S", 1},    {"D", 2},    {"T", 4},    {"t", 8},
        {"X", 0x10}, {"Z", 0x20}, {"P", 0x40}, {"I", 0x80}, {"R+", 0x100}};
    return kStates.at(letters);
  }

  bool arguments(const TraceLine& line, sim::TraceRecord& record) {
    auto& a = record.arguments;
    switch (static_cast<Event>(record.event)) {
      case Event::kSchedWaking:
      case Event::kSchedWakeup:
      case Event::kSchedWakeupNew:
        a = {task(line), pair(line.number_of("prio"), line.number_of("target_cpu"))};
        return true;
      case Event::kSchedSwitch:
        a = {task(line, "prev_"),
             pair(line.number_of("prev_prio"), state(line.text_of("prev_state"))),
             task(line, "next_"), pair(0, line.number_of("next_prio"))};
        return true;
      case Event::kSchedMigrateTask:
        a = {task(line), pair(0, line.number_of("prio")),
             pair(line.number_of("orig_cpu"), line.number_of("dest_cpu"))};
        return true;
      case Event::kSchedProcessFork:
        a = {task(line), task(line, "child_")};
        return true;
      case Event::kSchedProcessExit:
        a = {task(line), pair(0, line.number_of("prio"))};
        return true;
      case Event::kSchedKthreadStop:
        a = {task(line)};
        return true;
      case Event::kSchedKthreadStopRet:
        a = {pair(0, line.number_of("ret"))};
        return true;
      case Event::kSoftirqRaise:
      case Event::kSoftirqEntry:
      case Event::kSoftirqExit:
        a = {pair(0, line.number_of("vec"))};
        return true;
      case Event::kCpuhpEnter:
      case Event::kCpuhpMultiEnter: {
        const support::HotplugStep step = support::parse_cpuhp_enter(line.payload);
        a = {pair(step.cpu, step.target), static_cast<std::uint64_t>(step.step),
             names_.intern(step.function)};
        return true;
      }
      case Event::kCpuhpExit: {
        const support::HotplugStepEnd end = support::parse_cpuhp_exit(line.payload);
        a = {pair(end.cpu, end.state), pair(end.step, end.ret)};
        return true;
      }
      case Event::kWorkqueueQueueWork:
        a = {address(line.text_of("struct")), names_.intern(line.text_of("function")),
             names_.intern(line.text_of("workqueue")),
             pair(line.number_of("req_cpu"), line.number_of("cpu"))};
        return true;
      case Event::kSchedKthreadWorkQueueWork:
        a = {address(line.text_of("struct")), names_.intern(line.text_of("function")),
             address(line.text_of("worker"))};
        return true;
      case Event::kWorkqueueActivateWork:
      case Event::kWorkqueueExecuteStart:
      case Event::kWorkqueueExecuteEnd:
      case Event::kSchedKthreadWorkExecuteStart:
      case Event::kSchedKthreadWorkExecuteEnd:
        work(line.payload, a);
        return true;
      default:
        return false;
    }
  }

  static std::uint64_t address(std::string_view hex) {
    return std::stoull(std::string(hex), nullptr, 16);
  }

  /// "work struct ADDRESS: function NAME", "work struct ADDRESS function=NAME "
  template <class Arguments>
  void work(std::string_view payload, Arguments& a) {
    constexpr std::string_view kBefore = "work struct ";
    constexpr std::size_t kDigits = 16;
    constexpr std::string_view kFunction = "function ";
    a[0] = address(payload.substr(kBefore.size(), kDigits));
    std::string_view name = payload.substr(payload.find("function") + kFunction.size());
    while (name.ends_with(' ')) name.remove_suffix(1);
    a[1] = names_.intern(name);
  }

  sim::NameTable& names_;
  std::vector<sim::TraceRecord> records_;
};

/// The recorded text without the lines that were not turned into records.
std::string expected_text(const std::string& recorded, const std::string& kept, std::size_t count,
                          unsigned cpus) {
  std::string preamble = recorded.substr(0, recorded.find("\n ") + 1);
  const std::size_t begin = preamble.find("# entries");
  const std::size_t end = preamble.find('\n', begin);
  preamble.replace(
      begin, end - begin,
      fmt::format("# entries-in-buffer/entries-written: {0}/{0}   #P:{1}", count, cpus));
  return preamble + kept;
}

/// Without the room for the longest number of lines that a long trace leaves in its preamble.
std::string without_room(std::string printed) {
  const std::size_t cpus = printed.find("   #P:");
  std::size_t begin = cpus;
  while (printed[begin - 1] == ' ') --begin;
  return printed.erase(begin, cpus - begin);
}

}  // namespace

TEST_CASE("the sink prints recorded lines with the kernel's bytes", "[conformance][trace]") {
  for (const auto& entry : fs::directory_iterator(support::source_dir() / "tests/conformance")) {
    if (!fs::exists(entry.path() / "trace.txt")) continue;
    INFO(entry.path());
    const std::string recorded = support::read_text(entry.path() / "trace.txt");
    const support::TraceText trace = support::parse_trace(recorded);
    sim::NameTable names;
    Recorder recorder(names);
    std::string kept;
    for (const TraceLine& line : trace.lines)
      if (recorder.record(line)) kept += line.text + "\n";
    REQUIRE(recorder.records().size() > trace.lines.size() * 9 / 10);

    const TemporaryDirectory directory;
    kt::trace::FtraceSink sink(directory.path() / "trace.txt");
    sink.write(recorder.records(), names);
    sink.close(trace.online_cpus);
    const std::string printed = without_room(support::read_text(directory.path() / "trace.txt"));
    CHECK(printed == expected_text(recorded, kept, recorder.records().size(), trace.online_cpus));
  }
}
