#include "sim/time.hpp"

#include <catch2/catch.hpp>
#include <random>

using sim::format_time;
using sim::parse_time;
using sim::Time;

TEST_CASE("times read as scenarios write them", "[time]") {
  REQUIRE(parse_time("50us") == Time{50'000});
  REQUIRE(parse_time("1.5ms") == Time{1'500'000});
  REQUIRE(parse_time("2s") == Time{2'000'000'000});
  REQUIRE(parse_time("10ns") == Time{10});
  REQUIRE(parse_time("0") == Time{0});
  REQUIRE(parse_time("1234567") == Time{1'234'567});
  REQUIRE(parse_time("0.000000001s") == Time{1});
  REQUIRE(parse_time("1.500000000000s") == Time{1'500'000'000});
  REQUIRE(parse_time("007us") == Time{7'000});
}

TEST_CASE("what is no time is refused", "[time]") {
  for (const char* text :
       {"", "s", "us", "-1us", "+1us", "1.us", ".5us", "1,5us", "1 us", " 1us", "1us ", "1.5",
        "0.5ns", "1.0000000001s", "1m", "1US", "1e3ns", "1..5s", "1.5.5s"}) {
    CAPTURE(text);
    REQUIRE_FALSE(parse_time(text));
  }
}

TEST_CASE("the largest time reads, kNever and beyond do not", "[time]") {
  REQUIRE(parse_time("9223372036854775806") == sim::kNever - 1);
  REQUIRE(parse_time("9223372036.854775806s") == sim::kNever - 1);
  REQUIRE_FALSE(parse_time("9223372036854775807"));
  REQUIRE_FALSE(parse_time("9223372036.854775807s"));
  REQUIRE_FALSE(parse_time("9223372037s"));
  REQUIRE_FALSE(parse_time("99999999999999999999999999s"));
}

TEST_CASE("times print as the shortest exact text", "[time]") {
  REQUIRE(format_time(0) == "0ns");
  REQUIRE(format_time(1) == "1ns");
  REQUIRE(format_time(50'000) == "50us");
  REQUIRE(format_time(1'500'000) == "1.5ms");
  REQUIRE(format_time(2'000'000'000) == "2s");
  REQUIRE(format_time(1'234) == "1234ns");
  REQUIRE(format_time(100'000'000) == "0.1s");
  REQUIRE(format_time(-1'500) == "-1.5us");
  REQUIRE(format_time(sim::kNever) == "never");
  REQUIRE(format_time(std::numeric_limits<Time>::min()) == "-9223372036.854775808s");
}

TEST_CASE("a printed time reads back as itself", "[time][property]") {
  const auto seed = GENERATE(1U, 2U, 3U);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    auto time = static_cast<Time>(random() >> (1 + random() % 63));
    for (auto zeros = random() % 10; zeros > 0 && time < sim::kNever / 10; --zeros) time *= 10;
    if (time == sim::kNever) continue;
    REQUIRE(parse_time(format_time(time)) == time);
    REQUIRE(format_time(time).size() <= std::to_string(time).size() + 2);
  }
}
