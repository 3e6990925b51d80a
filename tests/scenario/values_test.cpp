#include "tools/scenario/values.hpp"

#include <catch2/catch.hpp>
#include <random>

using kt::scenario::CpuList;
using kt::scenario::format_cpulist;
using kt::scenario::parse_cpulist;
using kt::scenario::parse_rate;
using kt::scenario::parse_size;
using kt::scenario::parse_time;
using kt::scenario::ValueError;

TEST_CASE("times are exact nanoseconds with a unit", "[scenario][values]") {
  CHECK(parse_time("10ns") == 10);
  CHECK(parse_time("50us") == 50'000);
  CHECK(parse_time("1.5ms") == 1'500'000);
  CHECK(parse_time("0.000000001s") == 1);
  CHECK(parse_time("2s") == 2'000'000'000);
  CHECK(parse_time("0") == 0);
  CHECK(parse_time("0ms") == 0);
  for (const char* wrong : {"", "5", "us", ".ms", "1.ms", "1,5ms", "-1us", "1e3us", "1 us", "1US",
                            "0.5ns", "0.0000000001s", "9999999999s", "99999999999999999999ns"})
    CHECK_THROWS_AS(parse_time(wrong), ValueError);
}

TEST_CASE("sizes are powers of 1024", "[scenario][values]") {
  CHECK(parse_size("4096") == 4096);
  CHECK(parse_size("64K") == 65'536);
  CHECK(parse_size("1.5M") == 1'572'864);
  CHECK(parse_size("2G") == std::int64_t{2} << 30);
  CHECK(parse_size("1T") == std::int64_t{1} << 40);
  for (const char* wrong : {"", "64k", "64KB", "0.5", "K", "99999999T"})
    CHECK_THROWS_AS(parse_size(wrong), ValueError);
}

TEST_CASE("rates are events per second", "[scenario][values]") {
  CHECK(parse_rate("500Hz") == 500.0);
  CHECK(parse_rate("20kHz") == 20'000.0);
  CHECK(parse_rate("2.4GHz") == Approx(2.4e9));
  for (const char* wrong : {"", "500", "0Hz", "20khz", "20us"})
    CHECK_THROWS_AS(parse_rate(wrong), ValueError);
}

TEST_CASE("CPU lists are read as Linux reads them", "[scenario][values]") {
  CHECK(parse_cpulist("0-3,8", 9) == CpuList{0, 1, 2, 3, 8});
  CHECK(parse_cpulist("3,1,1-2", 4) == CpuList{1, 2, 3});
  CHECK(parse_cpulist("0-7:1/4", 8) == CpuList{0, 4});
  CHECK(parse_cpulist("0-7:2/4", 8) == CpuList{0, 1, 4, 5});
  CHECK(parse_cpulist("all", 3) == CpuList{0, 1, 2});
  CHECK(parse_cpulist("1-N", 4) == CpuList{1, 2, 3});
  for (const char* wrong : {"", ",", "0,", "0-", "-1", "a", "3-1", "4", "0-4", "0-3:", "0-3:1",
                            "0-3:0/2", "0-3:3/2", "0 1", "99999999999"})
    CHECK_THROWS_AS(parse_cpulist(wrong, 4), ValueError);
}

TEST_CASE("a formatted CPU list reads back as itself", "[scenario][values][property]") {
  const auto seed = GENERATE(1U, 2U, 3U);
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    CpuList cpus;
    for (std::int32_t cpu = 0; cpu < 40; ++cpu)
      if (random() % 3 != 0) cpus.push_back(cpu);
    if (cpus.empty()) continue;
    REQUIRE(parse_cpulist(format_cpulist(cpus), 40) == cpus);
  }
}
