#include "models/timers/hrtimer_queue.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <random>
#include <vector>

#include "sim/error.hpp"

using kt::timers::Hrtimer;
using kt::timers::HrtimerBase;
using kt::timers::HrtimerExpiry;
using kt::timers::HrtimerQueue;
using kt::timers::kHrtimersAll;
using kt::timers::kHrtimersHard;
using kt::timers::kHrtimersSoft;

namespace {

struct NamedHrtimer : Hrtimer {
  NamedHrtimer() = default;
  NamedHrtimer(int id, sim::Time at, sim::Time range = 0,
               HrtimerBase clock = HrtimerBase::kMonotonic)
      : name(id) {
    base = clock;
    set_expires(at, range);
  }
  int name = 0;
};

std::vector<int> expire(HrtimerQueue& queue, sim::Time now, unsigned mask) {
  std::vector<int> names;
  HrtimerExpiry expiry(queue, now, mask);
  while (Hrtimer* timer = expiry.next()) names.push_back(static_cast<NamedHrtimer*>(timer)->name);
  return names;
}

}  // namespace

TEST_CASE("timers run in order of expiry and ties first in, first out", "[hrtimer_queue]") {
  HrtimerQueue queue(0);
  NamedHrtimer a(1, 50);
  NamedHrtimer b(2, 20);
  NamedHrtimer c(3, 50);
  NamedHrtimer d(4, 51);
  REQUIRE(queue.add(a));
  REQUIRE(queue.add(b));
  REQUIRE_FALSE(queue.add(c));
  REQUIRE_FALSE(queue.add(d));
  REQUIRE(queue.next_event(kHrtimersHard) == 20);
  REQUIRE(expire(queue, 50, kHrtimersHard) == std::vector<int>{2, 1, 3});
  REQUIRE(queue.next_event(kHrtimersHard) == 51);
  REQUIRE(queue.remove(d));
  REQUIRE_FALSE(queue.remove(d));
  REQUIRE(queue.next_event(kHrtimersAll) == sim::kNever);
  REQUIRE(queue.active() == 0);
}

TEST_CASE("the interrupt is for the hard expiry, the soft one lets a timer ride along",
          "[hrtimer_queue]") {
  HrtimerQueue queue(0);
  NamedHrtimer wide(1, 10, 90);
  NamedHrtimer exact(2, 60);
  queue.add(wide);
  queue.add(exact);
  REQUIRE(queue.next_event(kHrtimersHard) == 60);
  REQUIRE(expire(queue, 60, kHrtimersHard) == std::vector<int>{2, 1});
}

TEST_CASE("a timer behind one that may not run yet waits with it", "[hrtimer_queue]") {
  HrtimerQueue queue(0);
  NamedHrtimer first(1, 70);
  NamedHrtimer wide(2, 10, 90);
  queue.add(first);
  queue.add(wide);
  REQUIRE(expire(queue, 50, kHrtimersHard).empty());
  REQUIRE(expire(queue, 70, kHrtimersHard) == std::vector<int>{1, 2});
}

TEST_CASE("bases are served in the kernel's order, each by its own clock", "[hrtimer_queue]") {
  HrtimerQueue queue(0);
  queue.set_offset(HrtimerBase::kRealtime, 1'000);
  queue.set_offset(HrtimerBase::kBoottime, 100);
  NamedHrtimer boot(1, 110, 0, HrtimerBase::kBoottime);
  NamedHrtimer real(2, 1'020, 0, HrtimerBase::kRealtime);
  NamedHrtimer mono(3, 30);
  NamedHrtimer soft(4, 5, 0, HrtimerBase::kMonotonicSoft);
  NamedHrtimer soft_real(5, 1'003, 0, HrtimerBase::kRealtimeSoft);
  for (auto* timer : {&boot, &real, &mono, &soft, &soft_real}) queue.add(*timer);
  REQUIRE(soft.soft());
  REQUIRE_FALSE(mono.soft());
  REQUIRE(queue.next_event(kHrtimersHard) == 10);
  REQUIRE(queue.next_timer(kHrtimersHard) == &boot);
  REQUIRE(queue.next_event(kHrtimersAll) == 3);
  REQUIRE(queue.next_event(kHrtimersAll, &soft_real) == 5);
  HrtimerExpiry expiry(queue, 30, kHrtimersHard);
  REQUIRE(expiry.next() == &mono);
  REQUIRE(expiry.base_now() == 30);
  REQUIRE(expiry.next() == &real);
  REQUIRE(expiry.base_now() == 1'030);
  REQUIRE(expiry.next() == &boot);
  REQUIRE(expiry.next() == nullptr);
  REQUIRE(expire(queue, 30, kHrtimersSoft) == std::vector<int>{4, 5});
}

TEST_CASE("an event that a clock step left behind is due at once", "[hrtimer_queue]") {
  HrtimerQueue queue(0);
  NamedHrtimer timer(1, 100, 0, HrtimerBase::kRealtime);
  queue.add(timer);
  queue.set_offset(HrtimerBase::kRealtime, 1'000'000);
  REQUIRE(queue.next_event(kHrtimersHard) == 0);
  queue.remove(timer);
}

TEST_CASE("a pass sees what callbacks add to the base it is in, not to those it left",
          "[hrtimer_queue]") {
  HrtimerQueue queue(0);
  NamedHrtimer mono(1, 10);
  NamedHrtimer again(2, 10);
  NamedHrtimer real(3, 10, 0, HrtimerBase::kRealtime);
  NamedHrtimer late(4, 5);
  NamedHrtimer tai(5, 5, 0, HrtimerBase::kTai);
  queue.add(mono);
  queue.add(real);
  HrtimerExpiry expiry(queue, 10, kHrtimersHard);
  REQUIRE(expiry.next() == &mono);
  queue.add(again);
  REQUIRE(expiry.next() == &again);
  REQUIRE(expiry.next() == &real);
  queue.add(late);
  queue.add(tai);  // was not active when the pass began
  REQUIRE(expiry.next() == nullptr);
  REQUIRE(expire(queue, 10, kHrtimersHard) == std::vector<int>{4, 5});
}

TEST_CASE("the event without one timer is the next one of that base", "[hrtimer_queue]") {
  HrtimerQueue queue(0);
  NamedHrtimer tick(1, 10);
  REQUIRE(queue.add(tick));
  REQUIRE(queue.next_event(kHrtimersAll, &tick) == sim::kNever);
  NamedHrtimer other(2, 40);
  queue.add(other);
  REQUIRE(queue.next_event(kHrtimersAll, &tick) == 40);
  REQUIRE(queue.next_event(kHrtimersAll, &other) == 10);
  queue.remove(tick);
  queue.remove(other);
}

TEST_CASE("forwarding lands on the first grid point after now", "[hrtimer_queue]") {
  NamedHrtimer timer(1, 100, 5);
  REQUIRE(kt::timers::hrtimer_forward(timer, 99, 10) == 0);
  REQUIRE(timer.softexpires == 100);
  REQUIRE(kt::timers::hrtimer_forward(timer, 105, 10) == 1);
  REQUIRE(timer.expires == 115);
  REQUIRE(kt::timers::hrtimer_forward(timer, 145, 10) == 4);
  REQUIRE(timer.expires == 155);
  REQUIRE(timer.softexpires == 150);
  timer.set_expires(1, sim::kNever);
  REQUIRE(timer.expires == sim::kNever);
}

TEST_CASE("random use agrees with an ordered map", "[hrtimer_queue][property]") {
  const auto seed = GENERATE(1U, 2U, 3U);
  CAPTURE(seed);
  std::mt19937 random(seed);
  HrtimerQueue queue(0);
  std::deque<NamedHrtimer> timers;
  for (int i = 0; i < 1'000; ++i) timers.emplace_back(i, 0);
  std::map<std::pair<sim::Time, int>, NamedHrtimer*> model;
  std::map<NamedHrtimer*, std::pair<sim::Time, int>> keys;
  sim::Time now = 0;
  for (int round = 0; round < 20'000; ++round) {
    NamedHrtimer& timer = timers[random() % timers.size()];
    if (random() % 3) {
      if (queue.remove(timer)) model.erase(keys.at(&timer));
      timer.set_expires(now + static_cast<sim::Time>(random() % 200));
      keys[&timer] = {timer.expires, round};
      model[keys.at(&timer)] = &timer;
      REQUIRE(queue.add(timer) == (model.begin()->second == &timer));
    } else {
      now += static_cast<sim::Time>(random() % 8);
      HrtimerExpiry expiry(queue, now, kHrtimersAll);
      while (Hrtimer* due = expiry.next()) {
        REQUIRE(due == model.begin()->second);
        model.erase(model.begin());
      }
    }
    REQUIRE(queue.next_event(kHrtimersAll) ==
            (model.empty() ? sim::kNever : model.begin()->first.first));
  }
  for (auto& timer : timers) queue.remove(timer);
}
