#include "tools/scenario/names.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "tools/scenario/nearest.hpp"
#include "tools/scenario/values.hpp"

namespace kt::scenario {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Section::kCount)> kNouns{
    "variable", "mutex",          "spinlock",     "completion", "waitqueue",      "workqueue",
    "work",     "kthread worker", "kthread work", "kthread",    "per-CPU thread", "hotplug state", "task",
    "irq",      "softirq",        "tasklet",      "timer",      "hrtimer",        "disk",
    "device",   "wakeup source"};

bool allowed_in(ThreadSet set, ThreadKind kind) {
  switch (set) {
    case ThreadSet::kAny:
      return true;
    case ThreadSet::kKthreads:
      return kind == ThreadKind::kKthread;
    case ThreadSet::kParkable:
      return kind == ThreadKind::kKthread || kind == ThreadKind::kPercpuThread;
  }
  return false;
}

std::string_view wanted_noun(ThreadSet set) {
  return set == ThreadSet::kKthreads ? "kthread" : "thread";
}

std::string with_article(std::string_view word) {
  const bool vowel = std::string_view("aeiou").find(word.front()) != std::string_view::npos;
  return fmt::format("{} {}", vowel ? "an" : "a", word);
}

}  // namespace

std::string_view noun(Section section) {
  return kNouns[static_cast<std::size_t>(section)];
}

void Names::add(Section section, std::string name, std::int32_t index) {
  of(section).emplace(std::move(name), index);
}

void Names::add_alias(Section section, std::string name, std::int32_t index) {
  aliases_[static_cast<std::size_t>(section)].emplace(std::move(name), index);
}

void Names::add_threads(Scenario& scenario) {
  std::vector<ThreadName>& threads = scenario.threads;
  const auto add_all = [&](const auto& objects, ThreadKind kind) {
    for (std::size_t i = 0; i < objects.size(); ++i)
      threads.push_back({objects[i].name, kind, static_cast<std::int32_t>(i), -1});
  };
  add_all(scenario.kthreads, ThreadKind::kKthread);
  add_all(scenario.tasks, ThreadKind::kTask);
  add_all(scenario.kthread_workers, ThreadKind::kKthreadWorker);
  for (std::size_t i = 0; i < scenario.percpu_threads.size(); ++i)
    for (std::int32_t cpu = 0; cpu < scenario.machine.cpus; ++cpu)
      threads.push_back({fmt::format("{}/{}", scenario.percpu_threads[i].name, cpu),
                         ThreadKind::kPercpuThread, static_cast<std::int32_t>(i), cpu});
  threads.push_back({"kthreadd", ThreadKind::kKthreadd, -1, -1});
  for (std::size_t i = 0; i < threads.size(); ++i)
    threads_by_name_.emplace(threads[i].name, static_cast<std::int32_t>(i));
  threads_ = threads;
}

std::optional<std::int32_t> Names::find(Section section, std::string_view name) const {
  for (const Index* index : {&of(section), &aliases_[static_cast<std::size_t>(section)]}) {
    const auto found = index->find(name);
    if (found != index->end()) return found->second;
  }
  return std::nullopt;
}

void Names::fail_unknown(std::string_view wanted, std::string_view name,
                         const std::vector<std::string>& valid) const {
  std::string what = fmt::format("unknown {} \"{}\"", wanted, name);
  for (std::size_t other = 0; other < sections_.size(); ++other)
    if (sections_[other].contains(name)) {
      what = fmt::format("\"{}\" is {}, not {}", name, with_article(kNouns[other]),
                         with_article(wanted));
      break;
    }
  std::string expected = fmt::format("the name of {}", with_article(wanted));
  if (valid.empty()) expected += fmt::format(" (the scenario has none)");
  throw ValueError{what, expected, nearest(name, valid)};
}

std::int32_t Names::reference(Section section, std::string_view name) const {
  if (const auto found = find(section, name)) return *found;
  std::vector<std::string> valid;
  for (const auto& [known, index] : of(section)) valid.push_back(known);
  fail_unknown(noun(section), name, valid);
}

std::int32_t Names::thread(std::string_view name, ThreadSet allowed) const {
  std::vector<std::int32_t> found;
  const auto [begin, end] = threads_by_name_.equal_range(name);
  for (auto it = begin; it != end; ++it)
    if (allowed_in(allowed, threads_[static_cast<std::size_t>(it->second)].kind))
      found.push_back(it->second);
  if (found.size() == 1) return found.front();
  if (found.size() > 1)
    throw ValueError{fmt::format("\"{}\" names more than one thread", name),
                     "a name that only one of kthreads, tasks and kthread_workers has"};
  if (find(Section::kPercpuThread, name) && allowed != ThreadSet::kKthreads)
    throw ValueError{fmt::format("\"{}\" is a thread of each CPU", name),
                     fmt::format("one of them, like \"{}/0\"", name)};
  std::vector<std::string> valid;
  for (const ThreadName& thread : threads_)
    if (allowed_in(allowed, thread.kind)) valid.push_back(thread.name);
  fail_unknown(wanted_noun(allowed), name, valid);
}

WorkReference Names::work(Section section, std::string_view name, const Scenario& scenario,
                          bool bare) const {
  const auto count_of = [&](std::int32_t index) {
    const auto i = static_cast<std::size_t>(index);
    return section == Section::kWork ? scenario.works[i].count : scenario.kthread_works[i].count;
  };
  const std::size_t slash = name.rfind('/');
  const auto whole = find(section, name);
  if (whole || slash == std::string_view::npos) {
    const std::int32_t work = whole ? *whole : reference(section, name);
    const std::int32_t count = count_of(work);
    if (count == 1) return {work, 0};
    if (bare) return {work, -1};
    throw ValueError{fmt::format("\"{}\" has {} instances", name, count),
                     fmt::format("one of \"{}/0\" to \"{}/{}\"", name, name, count - 1)};
  }
  const std::string_view base = name.substr(0, slash);
  const std::string_view digits = name.substr(slash + 1);
  const std::int32_t work = reference(section, base);
  std::int32_t instance = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), instance);
  const bool number = error == std::errc{} && end == digits.data() + digits.size();
  if (!number || instance < 0 || instance >= count_of(work))
    throw ValueError{fmt::format("\"{}\" has no instance \"{}\"", base, digits),
                     fmt::format("\"{}/0\" to \"{}/{}\"", base, base, count_of(work) - 1)};
  return {work, instance};
}

}  // namespace kt::scenario
