#include "sim/calendar.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <vector>

namespace {

struct Log {
  std::vector<std::pair<sim::Time, std::uint64_t>> fired;
  sim::Calendar calendar;
  static void record(void* self, std::uint64_t id) {
    auto* log = static_cast<Log*>(self);
    log->fired.emplace_back(log->calendar.now(), id);
  }
};

}  // namespace

TEST_CASE("events fire in time order and ties first in, first out", "[calendar]") {
  Log log;
  log.calendar.at(20, Log::record, &log, 1);
  log.calendar.at(10, Log::record, &log, 2);
  log.calendar.at(20, Log::record, &log, 3);
  log.calendar.at(10, Log::record, &log, 4);
  log.calendar.run_until(sim::kNever);
  const std::vector<std::pair<sim::Time, std::uint64_t>> expected{{10, 2}, {10, 4}, {20, 1}, {20, 3}};
  REQUIRE(log.fired == expected);
  REQUIRE(log.calendar.now() == 20);
}

TEST_CASE("a cancelled event does not fire and cancelling twice is harmless", "[calendar]") {
  Log log;
  const auto id = log.calendar.at(10, Log::record, &log, 1);
  REQUIRE(log.calendar.cancel(id));
  REQUIRE_FALSE(log.calendar.cancel(id));
  const auto reused = log.calendar.at(10, Log::record, &log, 2);
  REQUIRE_FALSE(log.calendar.cancel(id));
  REQUIRE(log.calendar.armed(reused));
  log.calendar.run_until(sim::kNever);
  REQUIRE(log.fired.size() == 1);
  REQUIRE_FALSE(log.calendar.cancel(reused));
}

TEST_CASE("the horizon stops the clock", "[calendar]") {
  Log log;
  log.calendar.at(10, Log::record, &log, 1);
  log.calendar.at(30, Log::record, &log, 2);
  log.calendar.run_until(20);
  REQUIRE(log.fired.size() == 1);
  REQUIRE(log.calendar.now() == 20);
  REQUIRE_FALSE(log.calendar.advance_inline(25));
}

TEST_CASE("an inline advance never passes or meets a pending event", "[calendar]") {
  Log log;
  const auto id = log.calendar.at(30, Log::record, &log, 1);
  REQUIRE(log.calendar.advance_inline(29));
  REQUIRE(log.calendar.now() == 29);
  REQUIRE_FALSE(log.calendar.advance_inline(30));
  log.calendar.cancel(id);
  REQUIRE(log.calendar.advance_inline(1000));
  log.calendar.allow_inline(false);
  REQUIRE_FALSE(log.calendar.advance_inline(1001));
}

TEST_CASE("behind a stop nobody moves the clock, until the calendar runs on", "[calendar]") {
  Log log;
  log.calendar.stop();
  REQUIRE_FALSE(log.calendar.advance_inline(10));
  log.calendar.cancel(log.calendar.at(20, Log::record, &log, 1));
  REQUIRE_FALSE(log.calendar.advance_inline(10));
  log.calendar.set_horizon(30);
  REQUIRE(log.calendar.advance_inline(10));
  REQUIRE(log.calendar.now() == 10);
}

TEST_CASE("random arming and cancelling agrees with an ordered map", "[calendar][property]") {
  const auto seed = GENERATE(1U, 2U, 3U, 4U);
  CAPTURE(seed);
  std::mt19937 random(seed);
  Log log;
  std::map<std::pair<sim::Time, std::uint64_t>, sim::EventId> model;
  std::vector<std::pair<sim::Time, std::uint64_t>> expected;
  std::uint64_t next = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto action = random() % 10;
    if (action < 5) {
      const sim::Time when = log.calendar.now() + static_cast<sim::Time>(random() % 50);
      model.emplace(std::pair{when, next}, log.calendar.at(when, Log::record, &log, next));
      ++next;
    } else if (action < 8) {
      if (model.empty()) continue;
      auto victim = model.begin();
      std::advance(victim, static_cast<long>(random() % model.size()));
      REQUIRE(log.calendar.cancel(victim->second));
      model.erase(victim);
    } else if (!model.empty()) {
      expected.push_back(model.begin()->first);
      model.erase(model.begin());
      REQUIRE(log.calendar.step());
      REQUIRE(log.fired.back() == expected.back());
    }
    REQUIRE(log.calendar.pending() == model.size());
    REQUIRE(log.calendar.next_time() == (model.empty() ? sim::kNever : model.begin()->first.first));
  }
}
