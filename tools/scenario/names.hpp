// The names that a scenario defines, by section, and the look-ups behind every reference to one:
// the index, or an error that says what the name is instead and which valid name is nearest.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/scenario/scenario.hpp"

namespace kt::scenario {

enum class Section : std::uint8_t {
  kVariable,
  kMutex,
  kSpinlock,
  kCompletion,
  kWaitqueue,
  kWorkqueue,
  kWork,
  kKthreadWorker,
  kKthreadWork,
  kKthread,
  kPercpuThread,
  kHotplugState,
  kTask,
  kIrq,
  kSoftirq,
  kTasklet,
  kTimer,
  kHrtimer,
  kDisk,
  kDevice,
  kWakeupSource,
  kCount,
};

/// "mutex", "kthread worker", …
std::string_view noun(Section section);

/// A work and one of its instances; -1: the bare name.
struct WorkReference {
  std::int32_t work = -1;
  std::int32_t instance = -1;
};

/// Which threads a statement may name.
enum class ThreadSet : std::uint8_t {
  kAny,
  kKthreads,  ///< section kthreads
  kParkable,  ///< kthreads and instances of per-CPU threads
};

/// References throw ValueError for a name they do not find.
class Names {
 public:
  void add(Section section, std::string name, std::int32_t index);
  /// Another name for the same object, accepted but not suggested.
  void add_alias(Section section, std::string name, std::int32_t index);
  /// Fills Scenario::threads; call once all sections are added.
  void add_threads(Scenario& scenario);

  [[nodiscard]] std::optional<std::int32_t> find(Section section, std::string_view name) const;
  [[nodiscard]] std::int32_t reference(Section section, std::string_view name) const;
  /// Index into Scenario::threads.
  [[nodiscard]] std::int32_t thread(std::string_view name, ThreadSet allowed) const;
  /// kWork or kKthreadWork. A bare name of several instances only where `bare` says so.
  [[nodiscard]] WorkReference work(Section section, std::string_view name, const Scenario& scenario,
                                   bool bare) const;

 private:
  using Index = std::map<std::string, std::int32_t, std::less<>>;

  [[noreturn]] void fail_unknown(std::string_view wanted, std::string_view name,
                                 const std::vector<std::string>& valid) const;
  [[nodiscard]] Index& of(Section section) { return sections_[static_cast<std::size_t>(section)]; }
  [[nodiscard]] const Index& of(Section section) const {
    return sections_[static_cast<std::size_t>(section)];
  }

  std::array<Index, static_cast<std::size_t>(Section::kCount)> sections_;
  std::array<Index, static_cast<std::size_t>(Section::kCount)> aliases_;
  std::vector<ThreadName> threads_;
  std::multimap<std::string, std::int32_t, std::less<>> threads_by_name_;
};

}  // namespace kt::scenario
