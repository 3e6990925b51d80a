// A scenario for the tests of the explorer: two or three threads on CPUs of their own.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "tools/explore/search.hpp"
#include "tools/scenario/load.hpp"

namespace kt::test {

inline std::string explored_text(const std::string& sections,
                                 const std::vector<std::string>& bodies) {
  std::string text = fmt::format(
      R"({{"name": "explored", "version": 1, "duration": "idle", "machine": {{"cpus": {}}},
          "kernel": {{"boot": "minimal"}}, {}"kthreads": {{)",
      bodies.size(), sections);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    text +=
        fmt::format(R"({}"t{}": {{"cpu": {}, "do": [{}]}})", i == 0 ? "" : ", ", i, i, bodies[i]);
  }
  return text + R"(}, "expect": [{"always": "terminates"}]})";
}

inline scenario::Scenario explored(const std::string& sections,
                                   const std::vector<std::string>& bodies) {
  return scenario::load("explored.json", explored_text(sections, bodies));
}

inline scenario::Scenario lost_wakeup(bool broken) {
  const std::string sleeper =
      broken ? R"({"while": "flag == 0", "do": [{"set_state": "TASK_INTERRUPTIBLE"}, "schedule"]})"
             : R"({"loop": null, "do": [{"set_state": "TASK_INTERRUPTIBLE"},
                    {"if": "flag != 0", "then": ["break"]}, "schedule"]},
                  {"__set_state": "TASK_RUNNING"})";
  return explored(R"("variables": {"flag": 0}, )",
                  {sleeper, R"({"set": "flag = 1"}, {"wake": "t0"})"});
}

inline explore::SearchResult search(explore::Subject& subject,
                                    const explore::SearchOptions& options) {
  return explore::Search(subject, options).run();
}

}  // namespace kt::test
