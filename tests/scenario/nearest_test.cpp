#include "tools/scenario/nearest.hpp"

#include <catch2/catch.hpp>

using kt::scenario::nearest;

TEST_CASE("the nearest name is suggested only if it is near", "[scenario][nearest]") {
  const std::vector<std::string> names{"queue_work", "flush_work", "a"};
  CHECK(nearest("queue_wrok", names) == "queue_work");
  CHECK(nearest("flushwork", names) == "flush_work");
  CHECK(nearest("suspend", names).empty());
  CHECK(nearest("b", names).empty());
  CHECK(nearest("", names).empty());
}
