#include "tools/explore/schedule.hpp"

#include <catch2/catch.hpp>

using namespace kt::explore;

namespace {

constexpr Deviation stall(std::uint16_t cpu, std::uint32_t step, Time time) {
  return {Deviation::Kind::kStall, cpu, step, time};
}

}  // namespace

TEST_CASE("a schedule does not depend on the order in which it was made", "[explore]") {
  const Schedule one = with(with({}, stall(1, 5, 10)), stall(0, 9, 20));
  const Schedule other = with(with({}, stall(0, 9, 20)), stall(1, 5, 10));
  CHECK(one == other);
  CHECK(hash_of(one) == hash_of(other));
  CHECK(hash_of(one) != hash_of(with({}, stall(1, 5, 10))));
  CHECK(hash_of(one) != hash_of(with(with({}, stall(1, 5, 11)), stall(0, 9, 20))));
}

TEST_CASE("two stalls at one place are one of both lengths", "[explore]") {
  const Schedule schedule = with(with({}, stall(1, 5, 10)), stall(1, 5, 7));
  REQUIRE(schedule.size() == 1);
  CHECK(schedule[0].time == 17);
}
