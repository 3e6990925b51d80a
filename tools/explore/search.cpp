#include "tools/explore/search.hpp"

#include <algorithm>
#include <new>

namespace kt::explore {

namespace {

// The tick that ends the slice is the first one behind its end. A task that cannot be preempted then
// makes room where it calls cond_resched(): if the scenario has none, nothing comes of it.
Time preempts_after(Subject& subject) {
  const scenario::Scenario& scenario = subject.scenario();
  const bool makes_room = std::ranges::any_of(scenario.programs, [](const scenario::Program& program) {
    return std::ranges::find(program.ops, scenario::Verb::kCondResched, &scenario::Op::verb) !=
           program.ops.end();
  });
  if (scenario.kernel.preempt != scenario::Preempt::kFull &&
      scenario.kernel.preempt != scenario::Preempt::kRt && !makes_room)
    return 0;
  const Time tick = sim::kSecond / scenario.kernel.hz;
  return (subject.system().scheduler().tunables.base_slice / tick + 2) * tick;
}

}  // namespace

Search::Seen::Seen() : entries_(static_cast<Entry*>(std::calloc(kSize, sizeof(Entry)))) {
  if (entries_ == nullptr) throw std::bad_alloc();
}

bool Search::Seen::contains(std::uint64_t number, unsigned left) {
  Entry& entry = entries_[number % kSize];
  if (entry.epoch == epoch_ && entry.number == number && entry.left >= left) return true;
  entry = {number, left, epoch_};
  return false;
}

Search::Search(Subject& subject, const SearchOptions& options)
    : subject_(subject),
      options_(options),
      races_(subject.scenario().machine.cpus, preempts_after(subject), options.faults) {}

bool Search::over() {
  if (stop_) return true;
  if (options_.executions != 0 && result_.executions >= options_.executions) stop_ = true;
  if (unseen_steps_ >= kStepsBetweenLooks && !goes_on()) stop_ = true;
  if (stop_) result_.interrupted = true;
  return stop_;
}

// Whether there is time left.
bool Search::goes_on() {
  unseen_steps_ = 0;
  if (options_.time.count() == 0 && !progress) return true;
  const auto elapsed = Clock::now() - start_;
  if (options_.time.count() != 0 && elapsed >= options_.time) return false;
  return !progress || progress({result_.executions, bound_, subject_.recorder().begun(),
                                std::chrono::duration<double>(elapsed).count()});
}

Outcome Search::execute(const Schedule& schedule, bool recording) {
  Outcome outcome = subject_.run(schedule, recording);
  note(schedule, outcome);
  return outcome;
}

void Search::note(const Schedule& schedule, const Outcome& outcome) {
  if (subject_.broken_off()) {
    stop_ = result_.interrupted = true;
    return;
  }
  ++result_.executions;
  ++in_bound_.all;
  unseen_steps_ += subject_.recorder().begun();
  if (observe) observe(schedule, outcome);
  if (outcome.fault != Fault::kNone && options_.stop_at_fault) {
    result_.found = {schedule, outcome};
    stop_ = true;
  }
}

// Depth first, from the run of one schedule to those that reverse one race more. Where a step is
// held back already it is held back for longer: a reversal, but no further stall. On the way to where
// another search has stopped runs are made again, but not counted.
void Search::visit(const Schedule& schedule, unsigned depth) {
  const bool last = depth == bound_;
  const bool on_the_way = depth < resumed_.size();
  if (on_the_way) {
    subject_.run(schedule, true);
    stop_ = result_.interrupted = subject_.broken_off();
    if (stop_) return;
  } else {
    resumed_.clear();
    if (over()) return;
    execute(schedule, !last);
    if (subject_.broken_off()) return;
    if (!last || depth == 0) ++in_bound_.inner;
    if (stop_ || last) {
      deeper_ = true;
      return;
    }
  }
  const bool reduce = options_.strategy == Strategy::kExhaustive;
  if (reduce && traces_.contains(races_.trace_hash(subject_.recorder()), bound_ - depth)) return;
  const std::vector<Deviation> next =
      reduce ? races_.reversals(subject_.recorder()) : races_.all(subject_.recorder());
  const bool before_last = depth + 1 == bound_;
  // One run more, and the copies: that has to pay.
  constexpr std::size_t kRunsForAMark = 8;
  if (before_last) subject_.mark(schedule, next.size() / (kRunsForAMark * options_.jobs));
  for (std::uint32_t i = on_the_way ? resumed_[depth] : 0; i < next.size(); ++i) {
    const Deviation& deviation = next[i];
    const bool answered =
        deviation.kind == Deviation::Kind::kAnswer &&
        std::ranges::any_of(schedule, [&](const Deviation& d) { return d.same_place(deviation); });
    if (answered) continue;
    path_.resize(depth);
    path_.push_back(i);
    const Schedule child = with(schedule, deviation);
    const std::uint64_t hash = hash_of(child);
    if (schedules_.contains(hash, bound_ - depth - 1)) continue;
    before_last ? visit_last(child, deviation, hash) : visit(child, depth + 1);
    if (stop_) return;
  }
  resumed_.clear();
}

// Which job makes a run depends on nothing but its schedule: each remembers other ones.
void Search::visit_last(const Schedule& schedule, const Deviation& deviation, std::uint64_t hash) {
  resumed_.clear();
  deeper_ = true;
  if (hash % options_.jobs != options_.job) return;
  if (over()) return;
  note(schedule, subject_.run_near(schedule, deviation));
}

void Search::iterate() {
  const SearchPosition& begin = options_.begin;
  resumed_ = begin.path;
  in_bound_ = begin.so_far;
  if (begin.before.all != 0) result_.completed = begin.bound - 1;
  result_.schedules = begin.before;
  result_.position = begin;
  for (bound_ = begin.bound; bound_ <= options_.bound; ++bound_) {
    traces_.clear();
    schedules_.clear();
    deeper_ = !resumed_.empty();
    visit({}, 0);
    result_.position = {bound_, path_, in_bound_, result_.schedules};
    if (stop_) return;
    result_.completed = bound_;
    result_.schedules = in_bound_;
    result_.position = {bound_ + 1, {}, {}, in_bound_};
    if (!deeper_) {  // every run of the last bound was a repetition
      result_.no_more = true;
      return;
    }
    path_.clear();
    in_bound_ = {};
  }
}

SearchResult Search::run() {
  start_ = Clock::now();
  subject_.goes_on = [this] { return goes_on(); };
  switch (options_.strategy) {
    case Strategy::kExhaustive:
    case Strategy::kDfs:
      iterate();
      break;
    case Strategy::kPct:
      draw_pct();
      break;
    case Strategy::kRandom:
      draw_random();
      break;
  }
  subject_.goes_on = nullptr;
  return result_;
}

// Each run stalls a few steps, drawn from all of a first run, until after a later step of that run.
void Search::draw_random() {
  sim::RandomStream random(options_.seed, "/explore/random");
  execute({}, true);
  if (stop_) return;
  const std::vector<Deviation> pool = races_.all(subject_.recorder());
  while (!pool.empty() && !over()) {
    Schedule schedule;
    const std::uint64_t count = 1 + random.bounded(options_.bound == 0 ? 1 : options_.bound);
    for (std::uint64_t i = 0; i < count; ++i) {
      schedule = with(schedule, pool[random.bounded(pool.size())]);
    }
    execute(schedule, false);
  }
}

namespace {

// Burckhardt, Kothari, Musuvathi, Nagarakatte, "A randomized scheduler with probabilistic
// guarantees of finding bugs" (ASPLOS 2010), with CPUs in the place of threads: each has a
// priority, and at a few steps, drawn beforehand, the CPU that gets there falls below all others. A
// CPU with less priority stalls before each step while another has something to do.
class Pct final : public Recorder::Policy {
 public:
  Pct(int nr_cpus, cpu::Machine& machine) : machine_(machine) {
    priorities_.resize(static_cast<std::size_t>(nr_cpus));
  }

  void draw(sim::RandomStream& random, std::uint64_t steps, unsigned changes) {
    for (std::size_t i = 0; i < priorities_.size(); ++i) {
      priorities_[i] = static_cast<int>(i);
      std::swap(priorities_[i], priorities_[random.bounded(i + 1)]);
    }
    changes_.clear();
    for (unsigned i = 0; i < changes; ++i) changes_.push_back(1 + random.bounded(steps));
    step_ = 0;
    lowest_ = 0;
  }

  Time stall(cpu::Cpu& cpu) override {
    ++step_;
    int& mine = priorities_[static_cast<std::size_t>(cpu.id())];
    if (std::ranges::find(changes_, step_) != changes_.end()) mine = --lowest_;
    for (std::size_t i = 0; i < priorities_.size(); ++i) {
      if (priorities_[i] > mine && !machine_.cpu(static_cast<int>(i)).halted()) return kHold;
    }
    return 0;
  }

 private:
  static constexpr Time kHold = 100'000;  // ns: longer than a CPU is busy without waiting

  cpu::Machine& machine_;
  std::vector<int> priorities_;
  std::vector<std::uint64_t> changes_;
  std::uint64_t step_ = 0;
  int lowest_ = 0;
};

}  // namespace

void Search::draw_pct() {
  sim::RandomStream random(options_.seed, "/explore/pct");
  execute({}, false);
  const std::uint64_t steps = subject_.recorder().begun();
  Pct pct(subject_.scenario().machine.cpus, subject_.system().machine());
  while (!over()) {
    pct.draw(random, steps, options_.bound);
    subject_.set_policy(&pct);
    execute({}, false);
    subject_.set_policy(nullptr);
    if (!result_.found) continue;
    for (const Deviation& deviation : subject_.recorder().drawn())
      result_.found->schedule = with(result_.found->schedule, deviation);
  }
}

Found shrink(Subject& subject, const Found& found, const std::function<bool()>& goes_on) {
  Found best = found;
  subject.goes_on = goes_on;
  bool ended = false;
  const auto still = [&](const Schedule& schedule) {
    ended = ended || (goes_on && !goes_on());
    if (ended) return false;
    const Outcome outcome = subject.run(schedule, false);
    return !subject.broken_off() && outcome.same_fault(found.outcome);
  };
  // Delta debugging: large parts first, then smaller ones, then one by one until none can go.
  for (std::size_t part = best.schedule.size(); part > 0;) {
    bool removed = false;
    for (std::size_t i = 0; i < best.schedule.size();) {
      Schedule fewer = best.schedule;
      const auto begin = fewer.begin() + static_cast<std::ptrdiff_t>(i);
      fewer.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min(part, fewer.size() - i)));
      if (still(fewer)) {
        best.schedule = fewer;
        removed = true;
      } else {
        i += part;
      }
    }
    if (part > 1) {
      part /= 2;
    } else if (!removed) {
      break;
    }
  }
  for (std::size_t i = 0; i < best.schedule.size(); ++i) {
    if (best.schedule[i].kind == Deviation::Kind::kAnswer) continue;
    Time too_short = 0;
    Time enough = best.schedule[i].time;
    while (enough - too_short > 1) {
      Schedule shorter = best.schedule;
      shorter[i].time = too_short + (enough - too_short) / 2;
      (still(shorter) ? enough : too_short) = shorter[i].time;
    }
    best.schedule[i].time = enough;
  }
  subject.goes_on = nullptr;
  return best;
}

}  // namespace kt::explore
