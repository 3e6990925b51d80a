// ktsim explore: looks for an interleaving of a scenario in which something goes wrong.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <ranges>
#include <sstream>

#include "models/trace/output_file.hpp"
#include "sim/error.hpp"
#include "tools/cli/child.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/interrupt.hpp"
#include "tools/cli/run_scenario.hpp"
#include "tools/cli/scenario_files.hpp"
#include "tools/explore/explanation.hpp"
#include "tools/explore/schedule_file.hpp"
#include "tools/explore/search.hpp"
#include "tools/explore/search_file.hpp"
#include "tools/scenario/nearest.hpp"
#include "tools/scenario/text_file.hpp"

namespace kt::cli {

using Json = nlohmann::ordered_json;
using explore::Strategy;

namespace {

constexpr std::array<std::string_view, 4> kStrategies{"exhaustive", "dfs", "pct", "random"};

CommandLine explore_command_line() {
  CommandLine line(
      "explore", "SCENARIO",
      "Runs a scenario again and again, each time under another schedule, until something goes\n"
      "wrong: a lost wakeup, a deadlock, a hang, starvation, a run that does not end, a defect,\n"
      "a failed assertion or expectation, a data race on a plain variable. A schedule is the\n"
      "run that time alone gives, but for a few deviations: a CPU stalls before a step until a\n"
      "step of another CPU that it races with is done, an interrupt lands late, a sleep ends\n"
      "spuriously. All schedules of 0, 1, 2, ... deviations are tried. What is found is shrunk,\n"
      "explained, and written as a schedule that ktsim replay repeats. The scenario's kthreads\n"
      "exist when it begins.\n"
      "Exit codes: 0 nothing found, 1 found, 2 bad usage or scenario, 3 the budget ran out first\n"
      "(random and pct go on until it does: 0), 130 and 143 interrupted.",
      "  ktsim explore scenario.json\n"
      "  ktsim explore scenario.json --bound 3 --schedule-out found.json\n"
      "  ktsim replay scenario.json --schedule found.json --trace trace.txt\n"
      "  ktsim explore scenario.json --bound 4 --budget 1h --resume search.json\n"
      "  ktsim explore scenario.json --strategy random --budget 10s --json\n");
  line.add("strategy", "NAME",
           "exhaustive (default): schedules that reverse races; dfs: all, as a reference; random; "
           "pct: priorities of CPUs that change --bound times");
  line.add("bound", "K", "deviations at most (default 2)");
  line.add("from", "K", "begin with bound K: an earlier search was done with the smaller ones");
  line.add("budget", "N|TIME", "executions, or time of this machine (10s, 5min, 1h), at most");
  line.add("resume", "FILE",
           "go on where the search that wrote FILE has stopped, and write it if this one stops too: "
           "by its budget or by Ctrl-C");
  line.add("jobs", "N", "processes that share the search (default 1)");
  line.add("faults", "LIST",
           "what may go wrong besides timing: spurious-wakeup, allocation, none (default "
           "spurious-wakeup)");
  line.add("seed", "N", "seed of random and pct (default 1)");
  line.add("schedule-out", "FILE", "write the schedule that was found");
  line.add_list("set", "/POINTER=VALUE",
                "replace one value of the scenario; may be given several times");
  line.add("json", "", "print JSON");
  line.add("help", "", "this text");
  return line;
}

bool is_drawn(const explore::SearchOptions& options) {
  return options.strategy == Strategy::kPct || options.strategy == Strategy::kRandom;
}

void read_budget(const CommandLine& line, explore::SearchOptions& options) {
  const std::optional<std::string> budget = line.text("budget");
  if (!budget) return;
  if (budget->find_first_not_of("0123456789") == std::string::npos) {
    options.executions = *line.number("budget");
    if (options.executions == 0) line.fail("--budget: no executions");
    return;
  }
  options.time = std::chrono::nanoseconds(*line.host_time("budget"));
  if (options.time.count() == 0) line.fail("--budget: no time");
}

void read_faults(const CommandLine& line, explore::Faults& faults) {
  const std::optional<std::string> list = line.text("faults");
  if (!list) return;
  faults.spurious_wakeups = false;
  std::istringstream words(*list);
  for (std::string word; std::getline(words, word, ',');) {
    if (word == "spurious-wakeup") {
      faults.spurious_wakeups = true;
    } else if (word == "allocation") {
      faults.failing_allocations = true;
    } else if (word != "none") {
      line.fail(
          fmt::format("--faults: \"{}\"; expected spurious-wakeup, allocation or none", word));
    }
  }
}

explore::SearchOptions search_options(const CommandLine& line) {
  explore::SearchOptions options;
  const std::string name = line.text("strategy").value_or("exhaustive");
  const auto strategy = std::ranges::find(kStrategies, name);
  if (strategy == kStrategies.end()) {
    const std::string near =
        scenario::nearest(name, std::span<const std::string_view>(kStrategies));
    line.fail(fmt::format("--strategy: \"{}\"{}", name,
                          near.empty() ? std::string("; expected exhaustive, dfs, pct or random")
                                       : fmt::format("; did you mean \"{}\"?", near)));
  }
  options.strategy = static_cast<Strategy>(strategy - kStrategies.begin());
  const std::uint64_t bound = line.number("bound").value_or(2);
  constexpr std::uint64_t kLargest = 64;
  if (bound > kLargest) line.fail(fmt::format("--bound: at most {}", kLargest));
  options.bound = static_cast<unsigned>(bound);
  const std::uint64_t from = line.number("from").value_or(0);
  if (from > bound) line.fail("--from: above --bound");
  options.begin.bound = static_cast<unsigned>(from);
  const std::uint64_t jobs = line.number("jobs").value_or(1);
  constexpr std::uint64_t kMostJobs = 256;
  if (jobs == 0 || jobs > kMostJobs) line.fail(fmt::format("--jobs: 1 to {}", kMostJobs));
  options.jobs = static_cast<unsigned>(jobs);
  options.seed = line.number("seed").value_or(1);
  read_budget(line, options);
  read_faults(line, options.faults);
  const bool draws = is_drawn(options);
  if (draws && options.executions == 0 && options.time.count() == 0)
    line.fail(fmt::format("--strategy {} never ends by itself: give --budget", name));
  if (line.has("resume") && draws)
    line.fail(fmt::format("--resume: not with --strategy {}: take another --seed", name));
  if (line.has("resume") && line.has("from")) line.fail("--resume: not with --from");
  if (line.operands().size() != 1) line.fail("expected one scenario");
  return options;
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string interleavings(std::uint64_t count) {
  return count == 1 ? "the one interleaving" : fmt::format("all {} interleavings", count);
}

// Rewrites one line of the terminal; nothing is printed elsewhere.
class Counter {
 public:
  Counter(std::string name, bool shows)
      : name_(std::move(name)), shows_(shows && isatty(STDERR_FILENO) != 0) {}
  ~Counter() {
    if (shown_) fmt::print(stderr, "\r\x1b[K");
  }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  bool operator()(const explore::Progress& progress) {
    if (shows_ && progress.seconds - last_ > 0.25) {
      last_ = progress.seconds;
      shown_ = true;
      fmt::print(stderr, "\r\x1b[K{}: bound {}, {}, {:.0f}/s, {} each", name_, progress.bound,
                 counted(progress.executions, "execution"),
                 static_cast<double>(progress.executions) / progress.seconds,
                 counted(progress.steps, "step"));
    }
    return !InterruptGuard::interrupted();
  }

 private:
  std::string name_;
  bool shows_;
  bool shown_ = false;
  double last_ = 0;
};

std::string verdict_text(const explore::SearchOptions& options,
                         const explore::SearchResult& result) {
  const std::string executions = counted(result.executions, "execution");
  if (is_drawn(options)) return fmt::format("no defect in {} drawn at random", executions);
  if (!result.completed)
    return fmt::format("no defect in {}; the budget ended within bound {}", executions,
                       result.position.bound);
  const unsigned completed = *result.completed;
  if (result.schedules.all == 0)  // some jobs have come further than others
    return fmt::format(
        "no defect in {}, all interleavings up to bound {} among them; the budget ended within "
        "bound {}",
        executions, completed, completed + 1);
  const std::string all = interleavings(result.schedules.all);
  if (result.no_more)
    return fmt::format("no defect in {}; none has more than {}", all,
                       counted(completed - 1, "deviation"));
  std::string text = fmt::format("no defect in {} up to bound {}", all, completed);
  if (result.interrupted) text += fmt::format("; the budget ended within bound {}", completed + 1);
  return text;
}

std::string interrupted_text(const explore::SearchOptions& options,
                             const explore::SearchResult& result) {
  std::string text =
      fmt::format("interrupted after {}, no defect", counted(result.executions, "execution"));
  if (is_drawn(options)) return text;
  return text + (result.completed ? fmt::format("; bound {} was completed", *result.completed)
                                  : fmt::format("; no bound was completed"));
}

// One exploration, from the file to the report.
class Exploration {
 public:
  explicit Exploration(const CommandLine& line)
      : line_(line),
        options_(search_options(line)),
        file_(line.operands().front()),
        scenario_(load_scenario(file_, line.list("set"))),
        subject_(scenario_) {
    options_.faults.store_buffers = scenario_.kernel.memory_model == scenario::MemoryModel::kTso;
    search_.scenario = scenario_.name;
    search_.scenario_hash = hash();
    search_.version = KTSIM_VERSION;
    search_.strategy = kStrategies[static_cast<std::size_t>(options_.strategy)];
    search_.faults = line_.text("faults").value_or("spurious-wakeup");
    search_.positions.resize(options_.jobs, options_.begin);
    if (line_.has("resume")) {
      read_search();
      search_out_.emplace(*line_.text("resume"));
    }
    if (line_.has("schedule-out")) schedule_out_.emplace(*line_.text("schedule-out"));
  }

  int go() {
    {
      const InterruptGuard guard;
      const auto start = std::chrono::steady_clock::now();
      result_ = options_.jobs == 1 ? alone() : share();
      seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      if (result_.found) {
        result_.found = shrink();
      } else {
        if (search_out_) write(*search_out_, explore::to_json(search_));
        if (InterruptGuard::interrupted()) return interrupted();
      }
    }
    if (result_.found) return found();
    if (line_.has("json")) {
      print(Json::object());
    } else {
      fmt::print("{}: {}\n{}", scenario_.name, verdict_text(options_, result_), speed());
    }
    return code();
  }

 private:
  [[nodiscard]] int interrupted() const {
    std::string text = interrupted_text(options_, result_);
    if (search_out_) text += fmt::format("; {} has how far it came", *line_.text("resume"));
    fmt::print(stderr, "ktsim: {}\n", text);
    return InterruptGuard::exit_code();
  }

  [[nodiscard]] int code() const {
    if (result_.found) return static_cast<int>(sim::ExitCode::kDefect);
    const bool drawn = is_drawn(options_);
    return static_cast<int>(result_.interrupted && !drawn ? sim::ExitCode::kLimit
                                                          : sim::ExitCode::kDone);
  }

  [[nodiscard]] std::string hash() const {
    return explore::scenario_hash(scenario::require_text_file(file_, "a scenario file"), line_.list("set"));
  }

  void read_search() {
    const std::string path = *line_.text("resume");
    const std::optional<std::string> text = scenario::read_text_file(path, "a file of --resume");
    if (!text) return;  // this is the first search
    explore::SearchFile before = explore::parse_search(path, *text);
    const std::string difference = search_.difference(before);
    if (!difference.empty())
      throw sim::UserError(fmt::format("{}: cannot go on from it: {}", path, difference));
    search_.positions = std::move(before.positions);
  }

  static void write(trace::OutputFile& file, const Json& json) {
    file.write(json.dump(2) + "\n");
    file.commit();
  }

  explore::SearchResult alone() {
    Counter counter(scenario_.name, true);
    explore::SearchOptions options = options_;
    options.begin = search_.positions.front();
    explore::Search search(subject_, options);
    search.progress = std::ref(counter);
    explore::SearchResult result = search.run();
    search_.positions.front() = result.position;
    return result;
  }

  // Each job does its share of the last level; the levels above are done by all. What is found
  // first in the order of the jobs counts.
  explore::SearchResult share() {
    std::vector<Child> children;
    for (unsigned job = 0; job < options_.jobs; ++job) {
      children.emplace_back([&, job] {
        explore::SearchOptions mine = options_;
        mine.job = job;
        mine.seed += job;
        mine.begin = search_.positions[job];
        if (mine.executions != 0)
          mine.executions = std::max<std::uint64_t>(1, mine.executions / mine.jobs);
        explore::Search search(subject_, mine);
        Counter counter(fmt::format("{}, one of {} jobs", scenario_.name, mine.jobs), job == 0);
        search.progress = std::ref(counter);
        return result_json(search.run()).dump();
      });
    }
    std::vector<Json> jobs;
    for (const std::string& result : Child::results(children)) {
      const Json& job = jobs.emplace_back(Json::parse(result, nullptr, false));
      if (!job.is_object()) throw sim::InternalError("a job of the exploration broke off");
      search_.positions[jobs.size() - 1] = explore::parse_position("a job", job["position"]);
    }
    return sum(jobs);
  }

  static Json result_json(const explore::SearchResult& result) {
    Json found = Json::array();
    if (result.found) {
      for (const explore::Deviation& deviation : result.found->schedule) {
        found.push_back(
            {static_cast<int>(deviation.kind), deviation.cpu, deviation.index, deviation.time});
      }
    }
    return {{"executions", result.executions},
            {"schedules", result.schedules.all},
            {"inner", result.schedules.inner},
            {"position", to_json(result.position)},
            {"completed", result.completed ? static_cast<int>(*result.completed) : -1},
            {"no_more", result.no_more},
            {"interrupted", result.interrupted},
            {"is_found", result.found.has_value()},
            {"found", found}};
  }

  // A bound is completed once all jobs have completed it. How many interleavings it has is known if
  // none has completed more: 0 else.
  explore::SearchResult sum(const std::vector<Json>& jobs) {
    const auto bound_of = [](const Json& job) { return job["completed"].get<int>(); };
    const int least = std::ranges::min(jobs | std::views::transform(bound_of));
    const int most = std::ranges::max(jobs | std::views::transform(bound_of));
    explore::SearchResult all;
    if (least >= 0) all.completed = static_cast<unsigned>(least);
    all.position = std::ranges::min(search_.positions, {}, &explore::SearchPosition::bound);
    all.no_more = true;
    for (const Json& job : jobs) {
      all.executions += job["executions"].get<std::uint64_t>();
      all.no_more = all.no_more && job["no_more"].get<bool>();
      all.interrupted = all.interrupted || job["interrupted"].get<bool>();
      if (job["is_found"].get<bool>() && !all.found) all.found = found_by(job);
      if (least != most) continue;
      const bool first = &job == &jobs.front();
      all.schedules.all += job["schedules"].get<std::uint64_t>() -
                           (first ? 0 : job["inner"].get<std::uint64_t>());
    }
    return all;
  }

  explore::Found found_by(const Json& job) {
    explore::Schedule schedule;
    for (const Json& d : job["found"]) {
      schedule.push_back(
          {static_cast<explore::Deviation::Kind>(d[0].get<int>()), d[1], d[2], d[3]});
    }
    return {schedule, subject_.run(schedule, false)};
  }

  [[nodiscard]] std::string speed() const {
    return fmt::format("{} in {:.2f} s ({:.0f}/s)\n", counted(result_.executions, "execution"),
                       seconds_, static_cast<double>(result_.executions) / seconds_);
  }

  // For as long again as the budget at most; not if it is interrupted, or was when it was found.
  [[nodiscard]] explore::Found shrink() {
    const auto end = std::chrono::steady_clock::now() + options_.time;
    return explore::shrink(subject_, *result_.found, [&] {
      const bool in_time = options_.time.count() == 0 || std::chrono::steady_clock::now() < end;
      return in_time && !InterruptGuard::interrupted();
    });
  }

  // What comes behind the end of the run has no step and no time.
  static std::vector<explore::Place> in_time(std::vector<explore::Place> places) {
    std::ranges::stable_sort(places, {}, [](const explore::Place& place) {
      return place.thread.empty() ? sim::kNever : place.time;
    });
    return places;
  }

  int found() {
    const explore::Found& shrunk = *result_.found;
    const explore::Explanation explanation = explore::explain(subject_, shrunk);
    explore::ScheduleFile schedule;
    schedule.scenario = scenario_.name;
    schedule.scenario_hash = search_.scenario_hash;
    schedule.version = KTSIM_VERSION;
    schedule.fault = explore::fault_words(shrunk.outcome.fault);
    schedule.overrides = line_.list("set");
    schedule.schedule = shrunk.schedule;
    schedule.places = explanation.places;
    const Json json = explore::to_json(schedule);
    if (schedule_out_) write(*schedule_out_, json);
    if (line_.has("json")) {
      print({{"fault", schedule.fault}, {"why", explanation.why}, {"schedule", json}});
      return code();
    }
    fmt::print("{}: {} after {}\n\n", scenario_.name, schedule.fault,
               counted(result_.executions, "execution"));
    for (const explore::Place& place : in_time(explanation.places))
      fmt::print("  {}\n", place.text());
    if (explanation.places.empty()) fmt::print("  in the run that time alone gives\n");
    fmt::print("\n{}\n{}\n\n{}", explanation.table(), explanation.why, speed());
    return code();
  }

  void print(const Json& more) const {
    Json json{{"ktsim", KTSIM_VERSION},
              {"scenario", scenario_.name},
              {"exit_code", code()},
              {"executions", result_.executions},
              {"seconds", seconds_}};
    if (result_.completed) {
      json["bound_completed"] = *result_.completed;
      if (result_.schedules.all != 0) json["interleavings"] = result_.schedules.all;
    }
    json["complete"] = result_.no_more;
    json.update(more);
    fmt::print("{}\n", json.dump(2));
  }

  const CommandLine& line_;
  explore::SearchOptions options_;
  std::string file_;
  scenario::Scenario scenario_;
  explore::Subject subject_;
  // Open from the start: what cannot be written is found before the search.
  std::optional<trace::OutputFile> search_out_;
  std::optional<trace::OutputFile> schedule_out_;
  explore::SearchFile search_;  // where each job begins, then where it has stopped
  explore::SearchResult result_;
  double seconds_ = 0;
};

}  // namespace

int explore_command(const std::vector<std::string>& arguments) {
  CommandLine line = explore_command_line();
  line.parse(arguments);
  if (line.has("help")) {
    fmt::print("{}", line.help());
    return 0;
  }
  return Exploration(line).go();
}

}  // namespace kt::cli
