#include "tools/explore/recorder.hpp"

#include <algorithm>

#include "models/sched/task.hpp"
#include "sim/error.hpp"

namespace kt::explore {

namespace {

// What a run writes down lies on the heap, not in the arena that is rewound behind it.
template <class T>
void append(std::vector<T>& list, const T& value) {
  if (list.size() == list.capacity()) {
    const sim::Arena::Use heap(nullptr);
    list.reserve(std::max<std::size_t>(1024, 2 * list.capacity()));
  }
  list.push_back(value);
}

Context context_of(const cpu::Cpu& cpu) {
  if (cpu.in_hardirq()) return Context::kHardirq;
  return cpu.serving_softirq() ? Context::kSoftirq : Context::kTask;
}

}  // namespace

Recorder::Recorder(int nr_cpus) : cpus_(static_cast<std::size_t>(nr_cpus)) {}

void Recorder::start(const Schedule& schedule, bool recording) {
  recording_ = recording;
  ids_ = stalled_ = questions_ = pause_at_ = 0;
  entries_.clear();
  for (const Deviation& deviation : schedule) entries_.push_back({deviation, 0, false});
  std::ranges::fill(cpus_, PerCpu{});
  for (std::size_t cpu = 0; cpu < cpus_.size(); ++cpu) look_ahead(static_cast<int>(cpu));
  begun_.clear();
  locations_.clear();
  steps_.clear();
  accesses_.clear();
  touches_.clear();
  arrivals_.clear();
  asked_.clear();
  cancelled_.clear();
  drawn_.clear();
  if (recording) append(begun_, Begun{});  // ids count from 1
}

bool Recorder::Position::before(const Deviation& deviation) const {
  switch (deviation.kind) {
    case Deviation::Kind::kStall:
      return cpus_[deviation.cpu].steps < deviation.index;
    case Deviation::Kind::kLate:
      return cpus_[deviation.cpu].arrivals < deviation.index;
    case Deviation::Kind::kAnswer:
      break;
  }
  return questions_ < deviation.index;
}

void Recorder::save(Position& position) const {
  position.cpus_ = cpus_;
  position.entries_ = entries_;
  position.ids_ = ids_;
  position.stalled_ = stalled_;
  position.questions_ = questions_;
}

void Recorder::resume(const Position& position, const Schedule& schedule) {
  start(schedule, false);
  cpus_ = position.cpus_;
  ids_ = position.ids_;
  stalled_ = position.stalled_;
  questions_ = position.questions_;
  for (Entry& entry : entries_) {
    if (position.before(entry.deviation)) continue;
    const auto was = std::ranges::find(position.entries_, entry.deviation, &Entry::deviation);
    KT_ASSERT(was != position.entries_.end(), "the schedule differs in a place that is passed");
    entry = *was;
  }
  for (std::size_t cpu = 0; cpu < cpus_.size(); ++cpu) look_ahead(static_cast<int>(cpu));
}

// The next stall and the next late interrupt of a CPU that have not been met.
void Recorder::look_ahead(int cpu) {
  PerCpu& here = cpus_[static_cast<std::size_t>(cpu)];
  here.next_stall = here.next_late = 0;
  for (const Entry& entry : entries_) {
    const Deviation& d = entry.deviation;
    if (d.cpu != cpu || entry.met || d.kind == Deviation::Kind::kAnswer) continue;
    std::uint32_t& next = d.kind == Deviation::Kind::kStall ? here.next_stall : here.next_late;
    const std::uint32_t passed = d.kind == Deviation::Kind::kStall ? here.steps : here.arrivals;
    if (d.index > passed && (next == 0 || d.index < next)) next = d.index;
  }
}

const Deviation* Recorder::unmet() const {
  const auto entry = std::ranges::find(entries_, false, &Entry::met);
  return entry == entries_.end() ? nullptr : &entry->deviation;
}

std::span<const Access> Recorder::accesses(std::size_t step) const {
  const std::size_t first = steps_[step].first;
  const std::size_t end = step + 1 < steps_.size() ? steps_[step + 1].first : accesses_.size();
  return {accesses_.data() + first, end - first};
}

std::uint32_t Recorder::segment_begins(cpu::Cpu& cpu) {
  PerCpu& here = cpus_[static_cast<std::size_t>(cpu.id())];
  ++ids_;
  if (ids_ == pause_at_) [[unlikely]]
    cpu.machine().calendar().stop();
  if (++here.steps == here.next_stall) [[unlikely]] {
    for (Entry& entry : entries_) {
      const Deviation& d = entry.deviation;
      if (d.kind == Deviation::Kind::kStall && d.cpu == cpu.id() && d.index == here.steps)
        entry.step = stalled_ = ids_;
    }
    look_ahead(cpu.id());
  }
  if (recording_)
    append(begun_, Begun{cpu.now(), here.steps, static_cast<std::uint16_t>(cpu.id())});
  if (policy != nullptr) [[unlikely]] {
    const Time time = policy->stall(cpu);
    if (time != 0)
      draw({Deviation::Kind::kStall, static_cast<std::uint16_t>(cpu.id()), here.steps, time});
  }
  return ids_;
}

void Recorder::draw(const Deviation& deviation) {
  append(drawn_, deviation);
  append(entries_, Entry{deviation, ids_, false});
  stalled_ = ids_;
}

Time Recorder::stall(std::uint32_t step) {
  if (stalled_ == 0) [[likely]]
    return 0;
  for (Entry& entry : entries_) {
    if (entry.step != step || entry.met) continue;
    entry.met = true;
    return entry.deviation.time;
  }
  return 0;
}

std::uint32_t& Recorder::location_of(std::int32_t pid) {
  const auto index = static_cast<std::size_t>(pid);
  if (index >= locations_.size()) {
    const sim::Arena::Use heap(nullptr);
    locations_.resize(index + 1);
  }
  return locations_[index];
}

// Until a handler has come to its first statement the location is that of what it interrupted.
bool Recorder::begins_in_handler(PerCpu& here, const cpu::Cpu& cpu) {
  const auto& task = static_cast<const sched::Task&>(*cpu.current);
  const bool hard = cpu.in_hardirq();
  if (task.location == location_of(task.pid)) return false;
  if (task.location == (hard ? here.under_hardirq : here.under_softirq)) return false;
  std::uint32_t& last = hard ? here.hardirq_location : here.softirq_location;
  return std::exchange(last, task.location) != task.location;
}

void Recorder::code_begins(cpu::Cpu& cpu, std::uint32_t step) {
  if (!recording_) return;
  PerCpu& here = cpus_[static_cast<std::size_t>(cpu.id())];
  const auto& task = static_cast<const sched::Task&>(*cpu.current);
  Step done;
  done.time = cpu.now();
  done.begun = done.time;
  done.begun_on = static_cast<std::uint16_t>(cpu.id());
  if (step < begun_.size()) {
    done.begun = begun_[step].time;
    done.index = begun_[step].index;
    done.begun_on = begun_[step].cpu;
  }
  done.cause = std::exchange(here.cause, 0);
  done.first = static_cast<std::uint32_t>(accesses_.size());
  done.location = task.location;
  done.pid = task.pid;
  done.irqs_off = cpu.irqs_disabled();
  done.cpu = static_cast<std::uint16_t>(cpu.id());
  if (cpu.in_hardirq() || cpu.serving_softirq()) {
    done.arrival = here.arrivals;
    done.arrived = here.arrived;
    done.at_start = begins_in_handler(here, cpu);
  } else {
    here.hardirq_location = here.softirq_location = 0;
    std::uint32_t& last = location_of(task.pid);
    done.at_start = task.location != last;
    last = task.location;
  }
  if (wants_touches) done.context = context_of(cpu);
  append(steps_, done);
  running_ = &cpu;
  // Who is switched in has seen what its waker did.
  if (wants_touches && std::exchange(here.task, &task) != &task)
    touched(&task, cpu::Access::kAcquire);
}

// What the interrupt does on its arrival is a step of its own.
void Recorder::drain(cpu::Cpu& cpu) {
  const PerCpu& here = cpus_[static_cast<std::size_t>(cpu.id())];
  if (recording_) {
    Step arrival;
    arrival.time = arrival.begun = arrival.arrived = here.arrived;
    arrival.arrival = here.arrivals + 1;
    arrival.first = static_cast<std::uint32_t>(accesses_.size());
    arrival.pid = cpu.current->pid;
    arrival.cpu = arrival.begun_on = static_cast<std::uint16_t>(cpu.id());
    append(steps_, arrival);
    running_ = &cpu;
  }
  on_interrupt.call(on_interrupt.object, cpu.id());
}

Time Recorder::interrupt_arrives(cpu::Cpu& cpu, unsigned) {
  PerCpu& here = cpus_[static_cast<std::size_t>(cpu.id())];
  here.arrived = cpu.now();
  here.hardirq_location = 0;
  here.under_hardirq = static_cast<const sched::Task&>(*cpu.current).location;
  if (!cpu.in_hardirq() && !cpu.serving_softirq()) here.under_softirq = here.under_hardirq;
  if (on_interrupt.call != nullptr) drain(cpu);
  ++here.arrivals;
  if (recording_)
    append(arrivals_, Arrival{static_cast<std::uint16_t>(cpu.id()), here.arrivals, cpu.now()});
  if (here.arrivals != here.next_late) [[likely]]
    return 0;
  Time late = 0;
  for (Entry& entry : entries_) {
    const Deviation& d = entry.deviation;
    if (d.kind != Deviation::Kind::kLate || d.cpu != cpu.id() || d.index != here.arrivals) continue;
    entry.met = true;
    late = d.time;
  }
  look_ahead(cpu.id());
  return late;
}

void Recorder::signalled(cpu::Cpu& cpu) {
  signalled_by(cpu, current_step());
}

void Recorder::signalled_by(cpu::Cpu& cpu, std::uint32_t step) {
  cpus_[static_cast<std::size_t>(cpu.id())].cause = step;
}

void Recorder::touched(const void* object, cpu::Access access) {
  if (!recording_) return;
  if (access <= cpu::Access::kStore)
    append(accesses_, Access{object, access != cpu::Access::kRead});
  if (wants_touches && !steps_.empty()) append(touches_, touch_of(object, access));
}

// A task that cannot be preempted has its CPU for itself; so has one that may only run there, where
// tasks are not preempted.
Touch Recorder::touch_of(const void* object, cpu::Access access) const {
  const cpu::Cpu& cpu = *running_;
  const bool bound = !cpu.machine().full_preemption &&
                     static_cast<const sched::Task&>(*cpu.current).nr_cpus_allowed == 1;
  Touch touch{.object = object, .step = current_step() - 1, .access = access};
  touch.context = context_of(cpu);
  touch.irqs_off = cpu.irqs_disabled();
  touch.softirqs_off = cpu.softirq_count() != 0;
  touch.alone = touch.context == Context::kTask && (bound || !cpu.preemptible());
  return touch;
}

void Recorder::cancelled(Time due) {
  if (recording_) append(cancelled_, Cancelled{due, current_step()});
}

std::uint32_t Recorder::choose(sim::Question question, std::uint32_t, std::uint32_t) {
  ++questions_;
  if (recording_) append(asked_, Asked{question, current_step()});
  for (Entry& entry : entries_) {
    const Deviation& d = entry.deviation;
    if (d.kind != Deviation::Kind::kAnswer || d.index != questions_) continue;
    entry.met = true;
    return 1;
  }
  return 0;
}

}  // namespace kt::explore
