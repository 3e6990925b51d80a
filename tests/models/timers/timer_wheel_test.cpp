#include "models/timers/timer_wheel.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <random>
#include <tuple>
#include <vector>

#include "sim/error.hpp"

using kt::timers::Jiffies;
using kt::timers::Timer;
using kt::timers::TimerWheel;

namespace {

constexpr Jiffies kBoot = (Jiffies{1} << 32) - 300 * 250;  // INITIAL_JIFFIES at HZ=250

struct NamedTimer : Timer {
  int name = 0;
};

/// First delta that a level does not hold, as the table of the wheel's comment gives them.
constexpr std::array<Jiffies, TimerWheel::kLevels> kLevelEnd{
    63, 504, 4032, 32256, 258048, 2064384, 16515072, 132120576, 1056964608};

unsigned level_for(Jiffies delta) {
  unsigned level = 0;
  while (level + 1 < TimerWheel::kLevels && delta >= kLevelEnd[level]) ++level;
  return level;
}

Jiffies width(unsigned level) {
  return Jiffies{1} << (3 * level);
}

/// Names of the timers that expire when the clock reaches `now`, in order.
std::vector<int> expire(TimerWheel& wheel, Jiffies now) {
  std::vector<int> names;
  while (Timer* timer = wheel.take_expired(now))
    names.push_back(static_cast<NamedTimer*>(timer)->name);
  return names;
}

}  // namespace

TEST_CASE("each level begins where the kernel's table says", "[timer_wheel]") {
  const TimerWheel wheel(0, kBoot);
  for (unsigned level = 0; level < TimerWheel::kLevels; ++level) {
    CAPTURE(level);
    const Jiffies first = level == 0 ? 0 : kLevelEnd[level - 1];
    REQUIRE(wheel.bucket_for(kBoot + first).index / 64U == level);
    REQUIRE(wheel.bucket_for(kBoot + kLevelEnd[level] - 1).index / 64U == level);
    const auto bucket = wheel.bucket_for(kBoot + first);
    REQUIRE(bucket.expiry == ((kBoot + first) / width(level) + 1) * width(level));
    REQUIRE(bucket.index % 64U == bucket.expiry / width(level) % 64);
  }
}

TEST_CASE("a timer is never early and late by at most its level's granularity", "[timer_wheel]") {
  const auto seed = GENERATE(1U, 2U, 3U);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100'000; ++round) {
    const Jiffies clock = kBoot + random() % (Jiffies{1} << 33);
    const TimerWheel wheel(0, clock);
    const unsigned level = static_cast<unsigned>(random() % TimerWheel::kLevels);
    const Jiffies delta = random() % kLevelEnd[level];
    const auto bucket = wheel.bucket_for(clock + delta);
    const Jiffies late = bucket.expiry - (clock + delta);
    if (late >= 1 && late <= width(level_for(delta))) continue;
    CAPTURE(clock, delta);
    FAIL("late by " << late);
  }
}

TEST_CASE("an expired time goes to the bucket of the clock", "[timer_wheel]") {
  TimerWheel wheel(0, kBoot);
  NamedTimer timer;
  const auto enqueued = wheel.add(timer, kBoot - 100, kBoot);
  REQUIRE(enqueued.bucket.expiry == kBoot);
  REQUIRE(enqueued.earliest);
  REQUIRE(wheel.due(kBoot));
  REQUIRE(wheel.take_expired(kBoot) == &timer);
  REQUIRE(wheel.clock() == kBoot + 1);
  REQUIRE(wheel.expiring_clock() == kBoot);
}

TEST_CASE("a delay beyond the wheel is clamped to its end", "[timer_wheel]") {
  const TimerWheel wheel(0, kBoot);
  constexpr Jiffies kEnd = 1056964608;
  const auto bucket = wheel.bucket_for(kBoot + (Jiffies{1} << 40));
  REQUIRE(bucket.index / 64U == 8);
  REQUIRE(bucket.expiry > kBoot + kEnd - width(8));
  REQUIRE(bucket.expiry <= kBoot + kEnd);
  REQUIRE(bucket.expiry == wheel.bucket_for(kBoot + kEnd).expiry);
  REQUIRE(wheel.bucket_for(kBoot + kEnd - 1).expiry <= kBoot + kEnd + width(8));
}

TEST_CASE("within a bucket the last one in is the first one out", "[timer_wheel]") {
  TimerWheel wheel(0, kBoot);
  std::array<NamedTimer, 4> timers;
  for (int i = 0; i < 4; ++i) {
    timers[static_cast<std::size_t>(i)].name = i;
    wheel.add(timers[static_cast<std::size_t>(i)], kBoot + 5, kBoot);
  }
  wheel.remove(timers[2]);
  REQUIRE_FALSE(wheel.due(kBoot + 5));
  REQUIRE(expire(wheel, kBoot + 5).empty());
  REQUIRE(expire(wheel, kBoot + 6) == std::vector<int>{3, 1, 0});
  REQUIRE(wheel.empty());
}

TEST_CASE("the higher level expires first when two are due together", "[timer_wheel]") {
  const Jiffies start = kBoot / 64 * 64;
  TimerWheel wheel(0, start);
  std::array<NamedTimer, 3> timers;
  for (int i = 0; i < 3; ++i) timers[static_cast<std::size_t>(i)].name = i;
  wheel.add(timers[2], start + 575, start);        // level 2: due at start + 576
  wheel.add(timers[1], start + 571, start + 200);  // level 1: 576
  wheel.add(timers[0], start + 575, start + 560);  // level 0: 576
  REQUIRE(timers[0].index / 64 == 0);
  REQUIRE(timers[1].index / 64 == 1);
  REQUIRE(timers[2].index / 64 == 2);
  REQUIRE(expire(wheel, start + 575).empty());
  REQUIRE(expire(wheel, start + 576) == std::vector<int>{2, 1, 0});
}

TEST_CASE("re-arming within a bucket only updates the time", "[timer_wheel]") {
  TimerWheel wheel(0, kBoot);
  NamedTimer first;
  NamedTimer second;
  first.name = 1;
  second.name = 2;
  const Jiffies base = (kBoot / 8 + 20) * 8;
  wheel.add(first, base, kBoot);
  wheel.add(second, base, kBoot);
  REQUIRE(wheel.modify_in_place(first, base, kBoot + 1));
  REQUIRE(wheel.clock() == kBoot);  // unchanged time: the base is not even looked at
  REQUIRE(wheel.modify_in_place(first, base + 7, kBoot + 1));
  REQUIRE(wheel.clock() == kBoot + 1);
  REQUIRE(first.expires == base + 7);
  REQUIRE_FALSE(wheel.modify_in_place(first, base + 8, kBoot + 1));
  REQUIRE(first.expires == base + 7);
  REQUIRE(expire(wheel, base + 8) == std::vector<int>{2, 1});  // did not move to the front
  REQUIRE_FALSE(wheel.modify_in_place(first, base + 7, base + 8));
}

TEST_CASE("a timer re-armed for now by its callback waits for a later tick", "[timer_wheel]") {
  TimerWheel wheel(0, kBoot);
  NamedTimer timer;
  wheel.add(timer, kBoot + 3, kBoot);
  const Jiffies now = kBoot + 4;
  REQUIRE(wheel.take_expired(now) == &timer);
  REQUIRE(wheel.running() == &timer);
  const auto again = wheel.add(timer, now, now);
  REQUIRE(again.bucket.expiry == now + 1);
  REQUIRE(wheel.take_expired(now) == nullptr);
  REQUIRE(wheel.running() == nullptr);
  REQUIRE(wheel.take_expired(now + 1) == &timer);
}

TEST_CASE("a collected timer can still be removed before it runs", "[timer_wheel]") {
  TimerWheel wheel(0, kBoot);
  std::array<NamedTimer, 3> timers;
  for (auto& timer : timers) wheel.add(timer, kBoot, kBoot);
  REQUIRE(wheel.take_expired(kBoot + 1) == &timers[2]);
  REQUIRE(timers[1].pending());
  REQUIRE(wheel.remove(timers[1]));
  REQUIRE(wheel.take_expired(kBoot + 1) == &timers[0]);
  REQUIRE(wheel.take_expired(kBoot + 1) == nullptr);
}

TEST_CASE("the clock follows the jiffies but not past the next expiry", "[timer_wheel]") {
  TimerWheel wheel(0, kBoot);
  wheel.forward(kBoot + 900'000);  // an hour of idle
  REQUIRE(wheel.clock() == kBoot + 900'000);
  wheel.forward(kBoot);
  REQUIRE(wheel.clock() == kBoot + 900'000);
  NamedTimer timer;
  wheel.add(timer, kBoot + 900'009, kBoot + 900'000);
  wheel.forward(kBoot + 2'000'000);
  REQUIRE(wheel.clock() == kBoot + 900'010);
  wheel.remove(timer);
}

TEST_CASE("a removed first timer is noticed lazily", "[timer_wheel]") {
  TimerWheel wheel(0, kBoot);
  NamedTimer first;
  NamedTimer second;
  wheel.add(first, kBoot + 10, kBoot);
  wheel.add(second, kBoot + 30, kBoot);
  wheel.remove(first);
  REQUIRE(wheel.due(kBoot + 11));  // the softirq is raised for nothing, as in the kernel
  REQUIRE(wheel.next_event(kBoot) == kBoot + 31);
  REQUIRE_FALSE(wheel.due(kBoot + 11));
  wheel.remove(second);
  REQUIRE(wheel.next_event(kBoot + 1) == kBoot + 1 + TimerWheel::kMaxDelta);
}

TEST_CASE("timers of a dead CPU move to another base", "[timer_wheel]") {
  TimerWheel dead(3, kBoot);
  TimerWheel living(0, kBoot);
  std::array<NamedTimer, 3> timers;
  for (auto& timer : timers) dead.add(timer, kBoot + 20, kBoot);
  while (Timer* timer = dead.take_any()) living.add(*timer, timer->expires, kBoot + 2);
  REQUIRE(dead.empty());
  REQUIRE(timers[1].cpu == 0);
  REQUIRE(living.take_expired(kBoot + 21) == &timers[0]);  // turned round by the move
  REQUIRE(living.take_expired(kBoot + 21) == &timers[1]);
  REQUIRE(living.take_expired(kBoot + 21) == &timers[2]);
  dead.reset(kBoot + 100);
  REQUIRE(dead.clock() == kBoot + 100);
}

namespace {

/// The wheel and an ordered map of what is in it, by (bucket expiry, higher level, last in).
class Model {
 public:
  Model(unsigned seed, Jiffies start)
      : random_(seed), start_(start), now_(start), wheel_(0, start) {
    for (int i = 0; i < 200; ++i) timers_.emplace_back().name = i;
  }
  ~Model() {
    for (auto& timer : timers_) wheel_.remove(timer);
  }

  void step() {
    const auto action = random_() % 10;
    NamedTimer& timer = timers_[random_() % timers_.size()];
    if (action < 5) {
      arm(timer);
    } else if (action < 6) {
      cancel(timer);
    } else {
      advance();
      serve();
    }
    check_next();
  }

 private:
  using Key = std::tuple<Jiffies, int, long>;

  void arm(NamedTimer& timer) {
    const Jiffies reach = kLevelEnd[random_() % TimerWheel::kLevels];
    const Jiffies expires = now_ + random_() % (reach + 8) - 4;
    if (wheel_.modify_in_place(timer, expires, now_)) {
      REQUIRE(keys_.count(timer.name) == 1);
      return;
    }
    cancel(timer);
    const auto bucket = wheel_.add(timer, expires, now_).bucket;
    REQUIRE(wheel_.clock() - now_ <= 1);
    const Jiffies delta = expires - wheel_.clock();
    const bool past = static_cast<std::int64_t>(delta) < 0;
    const unsigned level = past ? 0 : level_for(delta);
    const Jiffies expiry = past ? wheel_.clock() : (expires / width(level) + 1) * width(level);
    REQUIRE(bucket.expiry == expiry);
    const Key key{expiry - start_, -static_cast<int>(level), -++sequence_};
    keys_[timer.name] = key;
    order_[key] = timer.name;
  }

  void cancel(NamedTimer& timer) {
    const auto key = keys_.find(timer.name);
    REQUIRE(wheel_.remove(timer) == (key != keys_.end()));
    if (key == keys_.end()) return;
    order_.erase(key->second);
    keys_.erase(key);
  }

  void advance() {
    if (random_() % 2) {
      ++now_;
    } else {  // idle until the next event, or woken before it
      const Jiffies idle = wheel_.next_event(now_) - now_;
      now_ += random_() % 2 ? idle : random_() % (idle + 1);
    }
  }

  void serve() {
    while (Timer* timer = wheel_.take_expired(now_)) {
      REQUIRE_FALSE(order_.empty());
      const auto [key, name] = *order_.begin();
      REQUIRE(static_cast<NamedTimer*>(timer)->name == name);
      REQUIRE(std::get<0>(key) <= now_ - start_);
      order_.erase(order_.begin());
      keys_.erase(name);
      if (random_() % 4 == 0) arm(timers_[static_cast<std::size_t>(name)]);
      if (random_() % 8 == 0) cancel(timers_[random_() % timers_.size()]);
    }
    if (!order_.empty()) REQUIRE(std::get<0>(order_.begin()->first) > now_ - start_);
  }

  void check_next() {
    const Jiffies next = wheel_.next_event(now_);
    REQUIRE(next - start_ == (order_.empty() ? now_ - start_ + TimerWheel::kMaxDelta
                                             : std::get<0>(order_.begin()->first)));
    REQUIRE(wheel_.empty() == order_.empty());
  }

  std::mt19937 random_;
  Jiffies start_;
  Jiffies now_;
  TimerWheel wheel_;
  std::deque<NamedTimer> timers_;
  std::map<Key, int> order_;
  std::map<int, Key> keys_;
  long sequence_ = 0;
};

}  // namespace

TEST_CASE("random use agrees with an ordered map of bucket expiries", "[timer_wheel][property]") {
  const auto seed = GENERATE(1U, 2U, 3U, 4U);
  const auto start = GENERATE(kBoot, (Jiffies{1} << 32) - 1000, ~Jiffies{0} - 5000);
  CAPTURE(seed, start);
  Model model(seed, start);
  for (int round = 0; round < 5'000; ++round) model.step();
}
