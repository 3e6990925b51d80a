#include "tools/explore/races.hpp"

#include <algorithm>

namespace kt::explore {

namespace {

std::uint64_t mix(std::uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccd;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53;
  return value ^ value >> 33;
}

}  // namespace

Races::Object& Races::object_of(const void* address) {
  if (objects_.size() < 2 * (used_.size() + 1)) {  // at most half full
    std::vector<Object> old = std::move(objects_);
    objects_ = std::vector<Object>(std::max<std::size_t>(64, old.size() * 2));
    const std::vector<std::uint32_t> were = std::move(used_);
    used_.clear();
    for (const std::uint32_t at : were) object_of(old[at].address) = std::move(old[at]);
  }
  const std::size_t mask = objects_.size() - 1;
  std::size_t at = mix(reinterpret_cast<std::uintptr_t>(address)) & mask;
  while (objects_[at].address != nullptr && objects_[at].address != address) at = (at + 1) & mask;
  if (objects_[at].address == nullptr) {
    objects_[at].address = address;
    used_.push_back(static_cast<std::uint32_t>(at));
  }
  return objects_[at];
}

void Races::clear_objects() {
  for (const std::uint32_t at : used_) {
    objects_[at].address = nullptr;
    objects_[at].uses.clear();
    objects_[at].write_hash = objects_[at].read_hash = 0;
  }
  used_.clear();
}

// Vector clocks over what CPUs make each other do: interrupts sent, spinners and idle loops
// released. Data is not among it: that is what races are about.
void Races::count_causes(const Recorder& recorder) {
  const std::span<const Step> steps = recorder.steps();
  clocks_.assign(steps.size() * nr_cpus_, 0);
  position_.assign(steps.size(), 0);
  causer_.assign(steps.size(), UINT32_MAX);
  last_.assign(nr_cpus_, UINT32_MAX);
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    std::uint32_t* const clock = clocks_.data() + i * nr_cpus_;
    const auto join = [&](std::uint32_t step) {
      const std::uint32_t* const other = clocks_.data() + step * nr_cpus_;
      for (std::size_t cpu = 0; cpu < nr_cpus_; ++cpu)
        clock[cpu] = std::max(clock[cpu], other[cpu]);
    };
    const std::size_t cpu = steps[i].cpu;
    if (last_[cpu] != UINT32_MAX) {
      join(last_[cpu]);
      causer_[i] = causer_[last_[cpu]];
    }
    if (steps[i].cause != 0 && steps[i].cause - 1 < i) {
      join(steps[i].cause - 1);
      if (steps[steps[i].cause - 1].cpu != cpu) causer_[i] = steps[i].cause - 1;
    }
    position_[i] = ++clock[cpu];
    last_[cpu] = i;
  }
}

bool Races::caused(std::uint32_t step, std::uint32_t by, const Step& by_step) const {
  return clocks_[step * nr_cpus_ + by_step.cpu] >= position_[by];
}

void Races::reverse(const Recorder& recorder, std::uint32_t earlier, std::uint32_t later) {
  const Step& first = recorder.steps()[earlier];
  const Step& second = recorder.steps()[later];
  const Time wait = second.time - first.time + 1;
  const bool same_cpu = first.cpu == second.cpu;
  if (!same_cpu && caused(later, earlier, first)) return;
  if (first.arrival != 0 && (!same_cpu || second.arrival != first.arrival))
    add({Deviation::Kind::kLate, first.cpu, first.arrival, second.time - first.arrived + 1});
  if (first.index == 0) return;
  if (!same_cpu) {
    add({Deviation::Kind::kStall, first.begun_on, first.index, wait});
  } else if (second.arrival != 0 && second.arrival != first.arrival) {
    add_stall(recorder, earlier, second.time);
  } else if (first.arrival == 0 && first.pid != 0 && first.pid != second.pid) {
    if (preempts_ != 0) add({Deviation::Kind::kStall, first.begun_on, first.index, preempts_});
    add_causer(recorder, earlier, second.time);
  }
}

// Holds back what another CPU did last to make the CPU of the step go on.
void Races::add_causer(const Recorder& recorder, std::uint32_t step, Time until) {
  if (causer_[step] == UINT32_MAX) return;
  const Step& causer = recorder.steps()[causer_[step]];
  if (causer.index == 0 || causer.arrival != 0 || until < causer.time) return;
  add({Deviation::Kind::kStall, causer.begun_on, causer.index, until - causer.time + 1});
}

// For an interrupt to come first the CPU has to wait where it takes interrupts.
void Races::add_stall(const Recorder& recorder, std::uint32_t step, Time until) {
  const std::span<const Step> steps = recorder.steps();
  const std::uint16_t cpu = steps[step].cpu;
  for (std::uint32_t i = step + 1; i-- > 0;) {
    const Step& here = steps[i];
    if (here.cpu != cpu || here.irqs_off || here.index == 0) continue;
    add({Deviation::Kind::kStall, here.begun_on, here.index, until - here.time + 1});
    return;
  }
}

// Who disarms a timer races with its expiry, which the run does not have: the interrupt, and the
// handlers that it starts, get some time.
void Races::add_expiries(const Recorder& recorder) {
  constexpr Time kHandlers = 3'000;  // ns
  const std::span<const Step> steps = recorder.steps();
  for (const Cancelled& timer : recorder.cancelled()) {
    if (timer.step == 0) continue;
    const std::uint32_t step = timer.step - 1;
    if (timer.due + kHandlers <= steps[step].time) continue;
    add_stall(recorder, step, timer.due + kHandlers);
    add_causer(recorder, step, timer.due + kHandlers);
    if (steps[step].irqs_off && steps[step].index != 0) {  // if another CPU has the timer
      add({Deviation::Kind::kStall, steps[step].begun_on, steps[step].index,
           timer.due + kHandlers - steps[step].time + 1});
    }
  }
}

void Races::add_answers(const Recorder& recorder) {
  const std::span<const Asked> asked = recorder.asked();
  for (std::uint32_t i = 0; i < asked.size(); ++i) {
    const bool wanted =
        (asked[i].question == sim::Question::kSpuriousWakeup && faults_.spurious_wakeups) ||
        (asked[i].question == sim::Question::kAllocation && faults_.failing_allocations) ||
        ((asked[i].question == sim::Question::kStoreBuffer ||
          asked[i].question == sim::Question::kStoreLeaves) &&
         faults_.store_buffers);
    if (wanted) add({Deviation::Kind::kAnswer, 0, i + 1, 0});
  }
}

void Races::sort_out() {
  std::ranges::sort(found_);
  const auto rest = std::ranges::unique(found_);
  found_.erase(rest.begin(), rest.end());
  std::erase_if(found_, [](const Deviation& deviation) { return deviation.time > kLongest; });
}

const std::vector<Deviation>& Races::reversals(const Recorder& recorder) {
  found_.clear();
  clear_objects();
  count_causes(recorder);
  const std::span<const Step> steps = recorder.steps();
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    for (const Access& access : recorder.accesses(i)) {
      std::vector<Use>& uses = object_of(access.object).uses;
      if (!uses.empty() && uses.back().step == i) {
        uses.back().write = uses.back().write || access.write;
      } else {
        uses.push_back({i, access.write});
      }
    }
  }
  for (const std::uint32_t at : used_) {
    const std::vector<Use>& uses = objects_[at].uses;
    writes_.clear();
    for (std::size_t b = 0; b < uses.size(); ++b) {
      if (!uses[b].write) {
        for (const std::uint32_t write : writes_) reverse(recorder, write, uses[b].step);
        continue;
      }
      for (std::size_t a = 0; a < b; ++a) reverse(recorder, uses[a].step, uses[b].step);
      writes_.push_back(uses[b].step);
    }
  }
  add_expiries(recorder);
  add_answers(recorder);
  sort_out();
  return found_;
}

const std::vector<Deviation>& Races::all(const Recorder& recorder) {
  found_.clear();
  count_causes(recorder);
  const std::span<const Step> steps = recorder.steps();
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    const Step& first = steps[i];
    for (std::uint32_t j = i + 1; j < steps.size(); ++j) {
      const Step& second = steps[j];
      const bool same_cpu = first.cpu == second.cpu;
      if (first.arrival != 0 && (!same_cpu || second.arrival != first.arrival))
        add({Deviation::Kind::kLate, first.cpu, first.arrival, second.time - first.arrived + 1});
      if (first.index == 0) continue;
      if (!same_cpu || (second.arrival != 0 && second.arrival != first.arrival)) {
        add({Deviation::Kind::kStall, first.begun_on, first.index, second.time - first.time + 1});
      } else if (first.arrival == 0 && first.pid != 0 && first.pid != second.pid && preempts_ != 0) {
        add({Deviation::Kind::kStall, first.begun_on, first.index, preempts_});
      }
    }
  }
  add_expiries(recorder);
  add_answers(recorder);
  sort_out();
  return found_;
}

// Mazurkiewicz's trace, as a number: each step is hashed with what its CPU did before and with the
// steps whose values it could see; the order of steps that share nothing does not enter.
std::uint64_t Races::trace_hash(const Recorder& recorder) {
  clear_objects();
  chains_.assign(2 * nr_cpus_, 0);
  const std::span<const Step> steps = recorder.steps();
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    const std::span<const Access> accesses = recorder.accesses(i);
    if (accesses.empty()) continue;
    std::uint64_t& chain = chains_[2 * steps[i].cpu + (steps[i].arrival != 0 ? 1 : 0)];
    std::uint64_t hash = mix(chain + 1);
    for (const Access& access : accesses) {
      const Object& object = object_of(access.object);
      hash = mix(hash ^ reinterpret_cast<std::uintptr_t>(access.object) ^ object.write_hash ^
                 (access.write ? object.read_hash + 1 : 0));
    }
    for (const Access& access : accesses) {
      Object& object = object_of(access.object);
      if (access.write) {
        object.write_hash = hash;
        object.read_hash = 0;
      } else {
        object.read_hash += mix(hash);
      }
    }
    chain = hash;
  }
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < chains_.size(); ++i) sum += mix(chains_[i] + i);
  return sum;
}

}  // namespace kt::explore
