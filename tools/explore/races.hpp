// Which deviations a recorded run suggests: two steps race if they use the same object, one of them
// writes, and neither made the other happen. Holding the earlier one back until the later one is
// done reverses the race. Everything else that could be done to the run only moves steps that do
// not notice.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/explore/recorder.hpp"
#include "tools/explore/schedule.hpp"

namespace kt::explore {

/// What an exploration may do besides holding back CPUs and interrupts.
struct Faults {
  bool spurious_wakeups = true;
  bool failing_allocations = false;
  bool store_buffers = false;  ///< memory_model tso
};

class Races {
 public:
  /// What would hold a CPU or an interrupt back for longer is no suggestion.
  static constexpr Time kLongest = 1'000'000'000;  // ns

  /// `preempts`: ns after which a task that another one waits for is told to make room; 0: never.
  Races(int nr_cpus, Time preempts, const Faults& faults)
      : nr_cpus_(static_cast<std::size_t>(nr_cpus)), preempts_(preempts), faults_(faults) {}

  /// The deviations that reverse one race each, or answer one question otherwise.
  const std::vector<Deviation>& reversals(const Recorder& recorder);
  /// Without looking at what steps use: every step held back until after every later step of
  /// another CPU, every interrupt likewise. What the reduction is checked against.
  const std::vector<Deviation>& all(const Recorder& recorder);
  /// The same number for two runs in which all races are decided alike.
  [[nodiscard]] std::uint64_t trace_hash(const Recorder& recorder);

 private:
  struct Use {
    std::uint32_t step;
    bool write;
  };
  struct Object {
    const void* address = nullptr;
    std::vector<Use> uses;
    std::uint64_t write_hash = 0;
    std::uint64_t read_hash = 0;
  };
  Object& object_of(const void* address);
  void clear_objects();
  void count_causes(const Recorder& recorder);
  [[nodiscard]] bool caused(std::uint32_t step, std::uint32_t by, const Step& by_step) const;
  void reverse(const Recorder& recorder, std::uint32_t earlier, std::uint32_t later);
  void add(const Deviation& deviation) { found_.push_back(deviation); }
  void add_causer(const Recorder& recorder, std::uint32_t step, Time until);
  void add_stall(const Recorder& recorder, std::uint32_t step, Time until);
  void add_expiries(const Recorder& recorder);
  void add_answers(const Recorder& recorder);
  void sort_out();

  std::size_t nr_cpus_;
  Time preempts_;
  Faults faults_;
  std::vector<Object> objects_;  // open addressing; a power of two
  std::vector<std::uint32_t> used_;
  std::vector<std::uint32_t> writes_;  // steps that write the object at hand
  std::vector<std::uint32_t> clocks_;    // nr_cpus for each step: how much of each CPU it knows of
  std::vector<std::uint32_t> position_;  // of a step among those of its CPU
  std::vector<std::uint32_t> causer_;    // the step of another CPU behind a step; UINT32_MAX: none
  std::vector<std::uint32_t> last_;
  std::vector<std::uint64_t> chains_;
  std::vector<Deviation> found_;
};

}  // namespace kt::explore
