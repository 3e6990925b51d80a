#include "tools/explore/data_race.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "tools/explore/statement_text.hpp"
#include "tools/run/time_text.hpp"

namespace kt::explore {

namespace {

// How much of each context is known, in steps and releases of it.
class Clock {
 public:
  [[nodiscard]] std::uint32_t of(std::size_t context) const {
    return context < known_.size() ? known_[context] : 0;
  }
  void join(const Clock& other) {
    if (known_.size() < other.known_.size()) known_.resize(other.known_.size());
    for (std::size_t i = 0; i < other.known_.size(); ++i)
      known_[i] = std::max(known_[i], other.known_[i]);
  }
  void advance(std::size_t context) {
    if (known_.size() <= context) known_.resize(context + 1);
    ++known_[context];
  }

 private:
  std::vector<std::uint32_t> known_;
};

// The last access of a context to a variable: when by the context's own clock, and its step.
struct Use {
  std::uint32_t when = 0;  // 0: none
  std::uint32_t step = 0;
};

struct Plain {
  std::int32_t variable = 0;
  std::vector<Use> reads;  // by context
  std::vector<Use> writes;
};

class HappensBefore {
 public:
  HappensBefore(const Recorder& recorder, run::System& system) : steps_(recorder.steps()) {
    const auto& variables = system.scenario().variables;
    for (std::size_t i = 0; i < variables.size(); ++i) {
      const auto index = static_cast<std::int32_t>(i);
      if (variables[i].plain) plain_[system.interpreter().variable_object(index)] = {index, {}, {}};
    }
    cpus_.resize(static_cast<std::size_t>(system.scenario().machine.cpus));
    after_step_.resize(steps_.size());
  }

  std::optional<DataRace> find(std::span<const Touch> touches) {
    std::size_t next = 0;
    for (std::uint32_t step = 0; step < steps_.size(); ++step) {
      begin(step);
      for (; next < touches.size() && touches[next].step == step; ++next) {
        enter(touches[next].context, steps_[step]);
        const auto plain = plain_.find(touches[next].object);
        if (plain == plain_.end()) {
          order(touches[next]);
        } else if (const auto race = access(plain->second, touches[next])) {
          return race;
        }
      }
      end(step);
    }
    return {};
  }

 private:
  // What a CPU keeps apart: code with interrupts off and interrupts, code with softirqs off and
  // softirqs, tasks that are not preempted.
  struct PerCpu {
    Clock irqs_off, hardirqs;
    Clock softirqs_off, softirqs;
    Clock alone;
  };

  void enter(Context context, const Step& step) {
    const int owner = context == Context::kTask ? step.pid : step.cpu;
    const auto [entry, added] = contexts_.try_emplace({context, owner}, clocks_.size());
    if (added) clocks_.emplace_back().advance(entry->second);
    now_ = entry->second;
  }

  void begin(std::uint32_t position) {
    const Step& step = steps_[position];
    enter(step.context, step);
    if (step.cause != 0 && step.cause - 1 < position)
      clocks_[now_].join(after_step_[step.cause - 1]);
  }

  void end(std::uint32_t position) {
    after_step_[position] = clocks_[now_];
    clocks_[now_].advance(now_);
  }

  // Softirqs run behind an interrupt, or where they are let in again.
  static bool keeps_softirqs_out(const Touch& touch) {
    return touch.softirqs_off || (touch.context == Context::kTask && touch.irqs_off);
  }

  // For the accesses alone: code that merely runs behind an interrupt has not waited for it.
  void enter_exclusion(const Touch& touch) {
    Clock& clock = clocks_[now_];
    const PerCpu& cpu = cpus_[steps_[touch.step].cpu];
    if (touch.context == Context::kHardirq) {
      clock.join(cpu.irqs_off);
    } else if (touch.irqs_off) {
      clock.join(cpu.hardirqs);
    }
    if (touch.context == Context::kSoftirq) {
      clock.join(cpu.softirqs_off);
    } else if (keeps_softirqs_out(touch)) {
      clock.join(cpu.softirqs);
    }
    if (touch.alone) clock.join(cpu.alone);
  }

  void leave_exclusion(const Touch& touch) {
    Clock& clock = clocks_[now_];
    PerCpu& cpu = cpus_[steps_[touch.step].cpu];
    if (touch.context == Context::kHardirq) {
      cpu.hardirqs.join(clock);
    } else if (touch.irqs_off) {
      cpu.irqs_off.join(clock);
    }
    if (touch.context == Context::kSoftirq) {
      cpu.softirqs.join(clock);
    } else if (keeps_softirqs_out(touch)) {
      cpu.softirqs_off.join(clock);
    }
    if (touch.alone) cpu.alone.join(clock);
    clock.advance(now_);  // what follows is not part of it
  }

  void order(const Touch& touch) {
    using cpu::Access;
    Clock& clock = clocks_[now_];
    Clock& object = objects_[touch.object];
    const bool acquires = touch.access == Access::kRead || touch.access == Access::kWrite ||
                          touch.access == Access::kAcquire;
    if (acquires) clock.join(object);
    if (touch.access == Access::kRead || touch.access == Access::kAcquire) return;
    if (touch.access == Access::kStore) {
      object = clock;
    } else {
      object.join(clock);
    }
    clock.advance(now_);  // what follows is not part of it
  }

  std::optional<DataRace> access(Plain& plain, const Touch& touch) {
    const Clock& clock = clocks_[now_];
    enter_exclusion(touch);
    const bool writes = touch.access != cpu::Access::kRead;
    const auto unordered = [&](const std::vector<Use>& uses) -> const Use* {
      for (std::size_t context = 0; context < uses.size(); ++context) {
        if (uses[context].when > clock.of(context)) return &uses[context];
      }
      return nullptr;
    };
    if (const Use* other = unordered(plain.writes))
      return DataRace{plain.variable, other->step, touch.step, true, writes};
    if (writes) {
      if (const Use* other = unordered(plain.reads))
        return DataRace{plain.variable, other->step, touch.step, false, true};
    }
    std::vector<Use>& uses = writes ? plain.writes : plain.reads;
    if (uses.size() <= now_) uses.resize(now_ + 1);
    uses[now_] = {clock.of(now_), touch.step};
    leave_exclusion(touch);
    return {};
  }

  std::span<const Step> steps_;
  std::unordered_map<const void*, Plain> plain_;
  std::unordered_map<const void*, Clock> objects_;
  std::map<std::pair<Context, int>, std::size_t> contexts_;
  std::vector<Clock> clocks_;  // of each context
  std::vector<Clock> after_step_;
  std::vector<PerCpu> cpus_;
  std::size_t now_ = 0;  // the context of the step at hand
};

std::string who(const Step& step, run::System& system) {
  if (step.context == Context::kHardirq) return fmt::format("an interrupt on CPU {}", step.cpu);
  if (step.context == Context::kSoftirq) return fmt::format("a softirq on CPU {}", step.cpu);
  const sched::Task* task = system.scheduler().find_task(step.pid);
  if (task == nullptr) return fmt::format("pid {}", step.pid);
  return fmt::format("{} (pid {})", system.trace().names()[task->full_name], step.pid);
}

std::string access_text(const Step& step, bool writes, run::System& system) {
  const scenario::Scenario& scenario = system.scenario();
  const std::string statement = statement_text(scenario, step.location);
  std::string text = fmt::format("{} {} it at t={}", who(step, system), writes ? "writes" : "reads",
                                 run::time_text(step.time));
  if (!statement.empty())
    text += fmt::format(" in {} ({})", statement, scenario.where(step.location));
  return text;
}

}  // namespace

bool has_plain_variables(const scenario::Scenario& scenario) {
  return std::ranges::any_of(scenario.variables, &scenario::Variable::plain);
}

std::optional<DataRace> find_data_race(const Recorder& recorder, run::System& system) {
  return HappensBefore(recorder, system).find(recorder.touches());
}

std::string data_race_text(const DataRace& race, const Recorder& recorder, run::System& system) {
  const std::span<const Step> steps = recorder.steps();
  return fmt::format(
      "Data race on variable {}, which is declared plain: {}; {}; nothing orders the two.",
      system.scenario().variables[static_cast<std::size_t>(race.variable)].name,
      access_text(steps[race.first], race.first_writes, system),
      access_text(steps[race.second], race.second_writes, system));
}

}  // namespace kt::explore
