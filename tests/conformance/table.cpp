// Prints results/conformance.md: for every mark, return, fork, stop and exit of the recorded
// scenarios, when it happened in the recording and in the simulator, worst first.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string_view>

#include "tests/conformance/simulate.hpp"

namespace {

using namespace support;

struct TableRow {
  std::string scenario;
  std::string what;
  sim::Time recorded = 0;
  sim::Time simulated = 0;
  [[nodiscard]] sim::Time error() const { return std::abs(simulated - recorded); }
};

// What happened when, by a name that is unique within the trace.
std::map<std::string, sim::Time> moments(const TraceText& trace, const WorkNames& works) {
  const Facts facts = extract_facts(trace);
  std::map<std::string, sim::Time> result;
  const auto add = [&result](const std::string& name, sim::Time time) {
    std::string unique = name;
    for (int n = 2; !result.emplace(unique, time).second; ++n)
      unique = fmt::format("{} #{}", name, n);
  };
  const auto comm = [](const std::string& thread) { return thread.substr(0, thread.rfind('-')); };
  for (const auto& [work, times] : extract_work_facts(trace, works).start_times) {
    constexpr std::size_t kShown = 10;  // of works with many instances
    const std::size_t slash = work.find('/');
    if (slash != std::string::npos && std::stoul(work.substr(slash + 1)) >= kShown) continue;
    for (const sim::Time time : times) add("start of " + work, time);
  }
  for (const Note& mark : facts.marks) {
    if (!mark.text.starts_with("ktoracle ")) add("mark " + mark.text, mark.time);
  }
  for (const Note& note : facts.returns) add("return " + recorded_spelling(note.text), note.time);
  for (const ThreadForked& fork : facts.threads_forked)
    add("fork of " + comm(fork.thread), fork.time);
  for (const ThreadExit& exit : facts.exits) add("exit of " + exit.comm, exit.time);
  for (const KthreadStop& stop : facts.kthread_stops) {
    if (stop.event == "sched_kthread_stop_ret") add("kthread_stop " + stop.payload, stop.time);
  }
  return result;
}

std::vector<TableRow> compare() {
  std::vector<TableRow> rows;
  for (const auto& folder : recorded_scenarios()) {
    const TraceText recorded = recorded_trace(folder);
    const auto expected = moments(recorded, recorded_works(folder));
    const auto actual =
        moments(simulate(folder, beginning_of(folder, recorded)), simulated_works(folder));
    for (const auto& [what, time] : expected) {
      const auto found = actual.find(what);
      if (found == actual.end()) continue;
      rows.push_back({folder.filename().string(), what, time, found->second});
    }
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const TableRow& a, const TableRow& b) { return a.error() > b.error(); });
  return rows;
}

constexpr std::string_view kHead = R"(# Times against the recorded kernel

Linux 6.12.117 on an emulator that counts instructions (2 ns each), and ktsim on the preset
`qemu-icount`, from the same scenario, tick phase and CPU of the init task. Order and counts
are held exactly by tests (tests/conformance); this is how far the times are off, worst
first, in microseconds since t = 0. Recorded stamps are whole microseconds. The recorder's
CPUs take turns: one sees a remote wakeup late when another is inside a kernel path. In
lost_wakeup that decides the CPU on which a busy-waiting thread starts, and here the init task
is behind it for a tick; what follows is late by as much. In cpu_down_queued and suspend_deep
a CPU that is kicked keeps its turn until the next tick, for 3.9 and 2.4 ms
(cpuhp_kick_ap_alive), where cpu_down_threads has the 0.28 ms of the preset: here it gets as
much in these two. The turns also decide which CPU has its tick first, and that changes from tick
to tick: one that has it ahead of the CPU that counts the jiffies, by 5 us, sees old ones, and its
wheel timers are a tick late. In suspend_deep this happens to the delayed works again and again,
up to 28 ms in all, and to the thread that has to freeze; in cpu_down_threads to rcu_preempt at
31.5 ms. Here all ticks come at once, and the CPU that counts is in time. Draining the page lists
of a CPU (page_alloc_cpu_dead) took 0.3, 0.5 and in suspend_deep 1.5 ms, here it takes 0.5 ms.

Made by `build/release/tests/ktsim-conformance > results/conformance.md`.

| scenario | what | recorded | simulated | error |
| --- | --- | ---: | ---: | ---: |
)";

}  // namespace

int main() {
  fmt::print("{}", kHead);
  constexpr double kMicrosecond = 1000;
  const auto us = [](sim::Time time) { return static_cast<double>(time) / kMicrosecond; };
  for (const TableRow& row : compare()) {
    fmt::print("| {} | {} | {:.1f} | {:.1f} | {:+.1f} |\n", row.scenario, row.what,
               us(row.recorded), us(row.simulated), us(row.simulated - row.recorded));
  }
}
