#include "tools/scenario/json_document.hpp"

#include <catch2/catch.hpp>

#include "sim/error.hpp"

using namespace kt::scenario;

namespace {

std::string place_of(const Value& value) {
  const Place place = value.place();
  return fmt::format("{}:{}:{}:{}", place.file, place.line, place.column, value.pointer());
}

Value at(const Value& value, std::size_t index) {
  return value.children().at(index);
}

}  // namespace

TEST_CASE("every value knows its place", "[scenario][json]") {
  const Document document("f",
                          "{\"a\": [1,\n  {\"b\" :\t\"x\\\"y\"},\r\n true ], \"c/d~e\": -2.5e3}");
  const Value root = document.root();
  CHECK(place_of(root) == "f:1:1:");
  const Value a = *root.find("a");
  CHECK(place_of(a) == "f:1:7:/a");
  CHECK(place_of(at(a, 0)) == "f:1:8:/a/0");
  CHECK(place_of(at(a, 1)) == "f:2:3:/a/1");
  CHECK(place_of(at(at(a, 1), 0)) == "f:2:10:/a/1/b");
  CHECK(at(at(a, 1), 0).text() == "x\"y");
  CHECK(place_of(at(a, 2)) == "f:3:2:/a/2");
  CHECK(place_of(at(root, 1)) == "f:3:19:/c~1d~0e");
  CHECK(at(root, 1).real() == -2500.0);
}

TEST_CASE("numbers keep their kind", "[scenario][json]") {
  const Document document("f", "[-9223372036854775808, 18446744073709551615, 1.0, 7]");
  const std::vector<Value> values = document.root().children();
  CHECK(values[0].kind() == Kind::kInteger);
  CHECK(values[0].integer() == INT64_MIN);
  CHECK(values[1].kind() == Kind::kUnsigned);
  CHECK(values[1].whole() == UINT64_MAX);
  CHECK(values[2].kind() == Kind::kReal);
  CHECK(values[3].integer() == 7);
}

TEST_CASE("a byte order mark does not move the columns", "[scenario][json]") {
  const Document document("f", "\xEF\xBB\xBF[1]");
  CHECK(place_of(at(document.root(), 0)) == "f:1:2:/0");
}

TEST_CASE("an option overrides a value", "[scenario][json]") {
  Document document("f", "{\"a\": [1, {\"b\": 2}], \"c~d\": 3}");
  document.override_value("/a/1/b=\"text\"");
  document.override_value("/a/0=not json");
  document.override_value("/c~0d={\"e\": [null]}");
  document.override_value("/c~0d/e/0=5us");
  document.override_value("/new/object/key=true");
  const Value root = document.root();
  CHECK(at(at(*root.find("a"), 1), 0).text() == "text");
  CHECK(at(*root.find("a"), 0).text() == "not json");
  CHECK(at(*root.find("c~d")->find("e"), 0).text() == "5us");
  CHECK(root.find("new")->find("object")->find("key")->boolean());
  CHECK(place_of(at(*root.find("a"), 0)) == "--set /a/0=not json:0:1:/a/0");
}

TEST_CASE("a wrong option is named", "[scenario][json]") {
  Document document("f", "{\"a\": [1], \"b\": 2}");
  CHECK_THROWS_WITH(document.override_value("a=1"),
                    "--set a=1: this is not an override; expected /json/pointer=value");
  CHECK_THROWS_WITH(document.override_value("/a"),
                    "--set /a: this is not an override; expected /json/pointer=value");
  CHECK_THROWS_WITH(document.override_value("/a/1=1"),
                    "--set /a/1=1: /a has no element \"1\"; expected an index below 1");
  CHECK_THROWS_WITH(document.override_value("/b/x=1"),
                    "--set /b/x=1: /b is neither an object nor an array");
}
