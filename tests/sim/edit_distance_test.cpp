#include "sim/edit_distance.hpp"

#include <catch2/catch.hpp>

TEST_CASE("the edit distance counts single edits", "[sim]") {
  CHECK(sim::edit_distance("", "abc") == 3);
  CHECK(sim::edit_distance("kitten", "sitting") == 3);
  CHECK(sim::edit_distance("wokr", "work") == 1);
  CHECK(sim::edit_distance("same", "same") == 0);
}
