// Applies a schedule to a run and, if asked, writes down what every step did: which CPU and thread,
// when, what it read and wrote, what made it go on. Memory is kept from run to run.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "models/cpu/cpu.hpp"
#include "sim/arena.hpp"
#include "sim/chooser.hpp"
#include "tools/explore/schedule.hpp"

namespace kt::sched {
struct Task;
}

namespace kt::explore {

/// What code belongs to. Contexts of one kind and CPU, or of one task, follow one another.
enum class Context : std::uint8_t { kTask, kSoftirq, kHardirq };

/// One executed step: the code behind one segment.
struct Step {
  Time time = 0;
  Time begun = 0;              ///< when its CPU began with what comes before the code
  std::uint32_t index = 0;     ///< of the CPU that began it: where a stall would go
  std::uint32_t arrival = 0;   ///< in an interrupt: which arrival at the CPU started it, else 0
  Time arrived = 0;            ///< of that interrupt
  std::uint32_t cause = 0;     ///< position of the step that made the CPU go on + 1; 0: none
  std::uint32_t first = 0;     ///< its accesses begin here
  std::uint32_t location = 0;  ///< task_struct's: the statement that executes
  std::int32_t pid = 0;
  std::uint16_t cpu = 0;
  std::uint16_t begun_on = 0;  ///< another CPU than `cpu` if its task was moved meanwhile
  bool irqs_off = false;  ///< no interrupt could come before it
  bool at_start = false;  ///< the code of the statement itself, not of something that it called
  Context context = Context::kTask;  ///< at its start; only if touches are wanted
};

struct Access {
  const void* object = nullptr;
  bool write = false;
};

/// Everything that is done to an object, also what only orders steps.
struct Touch {
  const void* object = nullptr;
  std::uint32_t step = 0;  ///< position of the step
  cpu::Access access{};
  Context context = Context::kTask;  ///< a step may go from one to another
  bool irqs_off = false;
  bool softirqs_off = false;
  bool alone = false;  ///< no other task can run on its CPU before this one lets it
};

/// Something that was due and will not happen.
struct Cancelled {
  Time due = 0;
  std::uint32_t step = 0;  ///< position of the step + 1
};

/// An interrupt that came to a CPU, on time or late.
struct Arrival {
  std::uint16_t cpu = 0;
  std::uint32_t index = 0;  ///< counted from 1
  Time time = 0;            ///< when it was sent to be there
};

/// A question that was asked.
struct Asked {
  sim::Question question{};
  std::uint32_t step = 0;  ///< position of the step + 1
};

class Recorder final : public cpu::Probe, public sim::Chooser {
  struct PerCpu {
    std::uint32_t steps = 0;
    std::uint32_t arrivals = 0;
    Time arrived = 0;
    std::uint32_t next_stall = 0;  // index of the step; 0: none
    std::uint32_t next_late = 0;
    std::uint32_t cause = 0;
    std::uint32_t hardirq_location = 0;  // of the last step in a handler there
    std::uint32_t softirq_location = 0;
    std::uint32_t under_hardirq = 0;  // the statement of what was interrupted
    std::uint32_t under_softirq = 0;
    const void* task = nullptr;  // that was current in the last step
  };
  struct Entry {
    Deviation deviation;
    std::uint32_t step = 0;  // id of the step, once it has begun
    bool met = false;
  };

 public:
  explicit Recorder(int nr_cpus);

  /// Before a run. Faults are the questions that a schedule may answer with 1.
  void start(const Schedule& schedule, bool recording);

  /// How far a run has come.
  class Position {
   public:
    /// Whether the place of the deviation is still ahead.
    [[nodiscard]] bool before(const Deviation& deviation) const;

   private:
    friend class Recorder;
    std::vector<PerCpu> cpus_;
    std::vector<Entry> entries_;
    std::uint32_t ids_ = 0;
    std::uint32_t stalled_ = 0;
    std::uint32_t questions_ = 0;
  };
  void save(Position& position) const;
  /// Before the rest of a run from there on, that is not recorded: under a schedule that differs
  /// from the one so far only in places that were ahead.
  void resume(const Position& position, const Schedule& schedule);
  /// Has the calendar stop where the step of this id begins; 0: nowhere.
  void pause_at(std::uint32_t id) { pause_at_ = id; }
  [[nodiscard]] bool paused() const { return pause_at_ != 0 && ids_ >= pause_at_; }

  /// Of a recorded run: the steps in the order in which they happened.
  [[nodiscard]] std::span<const Step> steps() const { return steps_; }
  [[nodiscard]] std::span<const Access> accesses(std::size_t step) const;
  /// Those of all steps, in their order; only if they are wanted.
  [[nodiscard]] std::span<const Touch> touches() const { return touches_; }
  bool wants_touches = false;
  [[nodiscard]] std::span<const Asked> asked() const { return asked_; }
  [[nodiscard]] std::span<const Arrival> arrivals() const { return arrivals_; }
  [[nodiscard]] std::span<const Cancelled> cancelled() const { return cancelled_; }
  /// What an interrupt does besides: it drains the CPU's store buffer.
  struct Hook {
    void* object = nullptr;
    void (*call)(void* object, int cpu) = nullptr;
  };
  Hook on_interrupt;
  /// Draws stalls as the run goes on, besides those of the schedule: ns for the step that begins.
  struct Policy {
    virtual ~Policy() = default;
    virtual Time stall(cpu::Cpu& cpu) = 0;
  };
  Policy* policy = nullptr;
  /// What it has drawn.
  [[nodiscard]] const std::vector<Deviation>& drawn() const { return drawn_; }
  /// Whether every entry of the schedule was met. If not: the first that was not.
  [[nodiscard]] const Deviation* unmet() const;
  /// Steps that began, in all; of any run.
  [[nodiscard]] std::uint32_t begun() const { return ids_; }

  std::uint32_t segment_begins(cpu::Cpu& cpu) override;
  Time stall(std::uint32_t step) override;
  void code_begins(cpu::Cpu& cpu, std::uint32_t step) override;
  Time interrupt_arrives(cpu::Cpu& cpu, unsigned vector) override;
  void signalled(cpu::Cpu& cpu) override;
  void signalled_by(cpu::Cpu& cpu, std::uint32_t step) override;
  [[nodiscard]] std::uint32_t current_step() const override {
    return static_cast<std::uint32_t>(steps_.size());
  }
  void touched(const void* object, cpu::Access access) override;
  void cancelled(Time due) override;
  std::uint32_t choose(sim::Question question, std::uint32_t options,
                       std::uint32_t subject) override;

 private:
  void look_ahead(int cpu);
  std::uint32_t& location_of(std::int32_t pid);
  bool begins_in_handler(PerCpu& here, const cpu::Cpu& cpu);
  void draw(const Deviation& deviation);
  [[nodiscard]] Touch touch_of(const void* object, cpu::Access access) const;
  void drain(cpu::Cpu& cpu);

  std::vector<PerCpu> cpus_;
  std::vector<Entry> entries_;
  std::uint32_t ids_ = 0;
  std::uint32_t stalled_ = 0;  // id of a step whose stall was met last
  std::uint32_t pause_at_ = 0;
  bool recording_ = false;
  std::uint32_t questions_ = 0;
  struct Begun {
    Time time;
    std::uint32_t index;
    std::uint16_t cpu;
  };
  std::vector<Begun> begun_;              // by id of the step
  std::vector<std::uint32_t> locations_;  // by pid, of the last step in task context
  std::vector<Step> steps_;
  std::vector<Access> accesses_;
  std::vector<Touch> touches_;
  const cpu::Cpu* running_ = nullptr;  // whose step it is
  std::vector<Arrival> arrivals_;
  std::vector<Asked> asked_;
  std::vector<Cancelled> cancelled_;
  std::vector<Deviation> drawn_;
};

}  // namespace kt::explore
