#include "tools/scenario/load_context.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace kt::scenario {
namespace {

/// Runs a look-up and gives its complaint a place.
template <class LookUp>
auto looked_up(const Value& value, LookUp look_up) {
  try {
    return look_up();
  } catch (const ValueError& error) {
    fail_with(value, error);
  }
}

}  // namespace

std::uint32_t LoadContext::origin(const Value& value) {
  const Place place = value.place();
  scenario.origins.push_back({value.pointer(), place.file, place.line, place.column});
  return static_cast<std::uint32_t>(scenario.origins.size()) - 1;
}

std::int32_t LoadContext::add_duration(const Value& value) {
  Duration duration = read_duration(value, folder);
  duration.origin = origin(value);
  scenario.durations.push_back(std::move(duration));
  return static_cast<std::int32_t>(scenario.durations.size()) - 1;
}

std::int32_t read_reference(const LoadContext& context, Section section, const Value& value) {
  const std::string name = read_text(value, fmt::format("the name of a {}", noun(section)));
  return looked_up(value, [&] { return context.names.reference(section, name); });
}

std::int32_t read_thread(const LoadContext& context, const Value& value, ThreadSet allowed) {
  const std::string name = read_text(value, "the name of a thread");
  return looked_up(value, [&] { return context.names.thread(name, allowed); });
}

WorkReference read_work(const LoadContext& context, Section section, const Value& value,
                        bool bare) {
  const std::string name = read_text(value, fmt::format("the name of a {}", noun(section)));
  return looked_up(value,
                   [&] { return context.names.work(section, name, context.scenario, bare); });
}

Scheduling parse_policy(const Value& value) {
  static constexpr std::array<std::string_view, 10> kNames{
      "normal",       "fifo",       "rr",       "batch",       "idle",
      "SCHED_NORMAL", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_IDLE"};
  constexpr std::int32_t kDefaultPriority = 50;  // kernel/sched/syscalls.c: sched_set_fifo
  const std::string text = read_text(value, "a policy like \"normal\" or \"fifo:80\"");
  const std::size_t colon = std::min(text.find(':'), text.size());
  Scheduling scheduling;
  const auto found = std::find(kNames.begin(), kNames.end(), text.substr(0, colon));
  if (found == kNames.end())
    value.fail({fmt::format("unknown policy \"{}\"", text.substr(0, colon)), join(kNames)});
  scheduling.policy = static_cast<Policy>((found - kNames.begin()) % 5);
  const bool real_time = scheduling.policy == Policy::kFifo || scheduling.policy == Policy::kRr;
  if (real_time) scheduling.priority = kDefaultPriority;
  if (colon == text.size()) return scheduling;
  if (!real_time)
    value.fail({fmt::format("\"{}\" has a priority", text), "a priority with fifo and rr only"});
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data() + colon + 1, end, scheduling.priority);
  if (error != std::errc{} || last != end || scheduling.priority < 1 || scheduling.priority > 99)
    value.fail({fmt::format("\"{}\" is no priority", text.substr(colon + 1)), "1 to 99"});
  return scheduling;
}

AffinityScope read_affinity_scope(const Value& value) {
  static constexpr std::array<std::string_view, 6> kNames{"default", "cpu",  "smt",
                                                          "cache",   "numa", "system"};
  return static_cast<AffinityScope>(read_choice(value, kNames, "affinity scope"));
}

}  // namespace kt::scenario
