// The hold model (Jones, "An empirical comparison of priority-queue and event-set implementations",
// CACM 29(4), 1986): N events are pending; each that is taken arms another one a random time later.
#include <fmt/format.h>

#include <functional>
#include <queue>
#include <vector>

#include "sim/calendar.hpp"
#include "tools/bench/cases.hpp"
#include "tools/bench/load.hpp"

namespace bench {

namespace {

constexpr std::uint64_t kEvents = 4'000'000;

class CalendarHold {
 public:
  double events_per_second(std::size_t pending) {
    for (std::size_t i = 0; i < pending; ++i) calendar_.at(next_wait(random_), fire, this, i);
    const Stopwatch watch;
    calendar_.run_until(sim::kNever);
    return static_cast<double>(kEvents) / watch.seconds();
  }

 private:
  static void fire(void* object, std::uint64_t argument) {
    auto* self = static_cast<CalendarHold*>(object);
    if (--self->left_ == 0) self->calendar_.stop();
    self->calendar_.at(self->calendar_.now() + next_wait(self->random_), fire, object, argument);
  }

  sim::Calendar calendar_;
  std::uint64_t left_ = kEvents;
  std::uint64_t random_ = 1;
};

// The shortest loop that does the same: ordered by time and then by age, calling what is due.
class QueueHold {
 public:
  double events_per_second(std::size_t pending) {
    for (std::size_t i = 0; i < pending; ++i) push(next_wait(random_), i);
    const Stopwatch watch;
    while (left_ != 0) {
      const Event event = queue_.top();
      queue_.pop();
      now_ = event.time;
      event.action(event.object, event.argument);
    }
    return static_cast<double>(kEvents) / watch.seconds();
  }

 private:
  struct Event {
    sim::Time time;
    std::uint64_t sequence;
    sim::Calendar::Action action;
    void* object;
    std::uint64_t argument;
    bool operator>(const Event& other) const {
      return time != other.time ? time > other.time : sequence > other.sequence;
    }
  };

  static void fire(void* object, std::uint64_t argument) {
    auto* self = static_cast<QueueHold*>(object);
    --self->left_;
    self->push(self->now_ + next_wait(self->random_), argument);
  }
  void push(sim::Time when, std::uint64_t argument) {
    queue_.push({when, next_sequence_++, fire, this, argument});
  }

  std::priority_queue<Event, std::vector<Event>, std::greater<>> queue_;
  sim::Time now_ = 0;
  std::uint64_t next_sequence_ = 0;
  std::uint64_t left_ = kEvents;
  std::uint64_t random_ = 1;
};

}  // namespace

std::vector<Benchmark> calendar_cases() {
  std::vector<Benchmark> cases;
  for (const std::size_t pending : {64U, 1024U, 65536U}) {
    cases.push_back({
        .name = fmt::format("hold model, {} pending", pending),
        .unit = "events/s",
        .target = 0.8,
        .contestants = {{"ktsim calendar",
                         [pending] { return CalendarHold().events_per_second(pending); }},
                        {"std::priority_queue",
                         [pending] { return QueueHold().events_per_second(pending); }}},
    });
  }
  return cases;
}

}  // namespace bench
