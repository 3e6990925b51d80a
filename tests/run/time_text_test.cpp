#include "tools/run/time_text.hpp"

#include <catch2/catch.hpp>

using kt::run::short_time_text;
using kt::run::time_text;

TEST_CASE("times are exact and in the unit of their size", "[time_text]") {
  CHECK(time_text(0) == "0ns");
  CHECK(time_text(999) == "999ns");
  CHECK(time_text(35'000) == "35us");
  CHECK(time_text(2'075'935) == "2.075935ms");
  CHECK(time_text(1'500'000'000) == "1.5s");
  CHECK(time_text(60'000'000'001) == "60.000000001s");
  CHECK(time_text(sim::kNever) == "never");
}

TEST_CASE("times in columns have four digits", "[time_text]") {
  CHECK(short_time_text(863) == "863ns");
  CHECK(short_time_text(2'075'935) == "2.076ms");
}
