#include "tools/report/ps_json.hpp"

#include <catch2/catch.hpp>

namespace kt::report {

TEST_CASE("the process table prints as JSON", "[report]") {
  const std::vector<boot::PsRow> rows{
      {2, 0, "S", 1, "TS", std::nullopt, 0, "kthreadd"},
      {4, 2, "S", 0, "FF", 99, std::nullopt, "migration/0"},
  };
  CHECK(
      ps_json(rows) ==
      "[\n"
      R"( {"pid":2,"ppid":0,"stat":"S","psr":1,"cls":"TS","rtprio":null,"ni":0,"comm":"kthreadd"},)"
      "\n"
      R"( {"pid":4,"ppid":2,"stat":"S","psr":0,"cls":"FF","rtprio":99,"ni":null,"comm":"migration/0"})"
      "\n]\n");
  CHECK(ps_json({}) == "[\n]\n");
}

}  // namespace kt::report
