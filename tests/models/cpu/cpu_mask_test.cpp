#include "models/cpu/cpu_mask.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "sim/error.hpp"

using kt::cpu::CpuMask;

namespace {

std::vector<int> members(const CpuMask& mask) {
  std::vector<int> cpus;
  for (const int cpu : mask) cpus.push_back(cpu);
  return cpus;
}

/// lower_bound in a std::set as next() answers it.
int next_in(const std::set<int>& set, int from) {
  const auto found = set.lower_bound(from);
  return found == set.end() ? -1 : *found;
}

}  // namespace

TEST_CASE("a mask of any size holds exactly its CPUs", "[cpu_mask]") {
  const int nr_cpus = GENERATE(1, 4, 63, 64, 65, 256, 257, 1024, 8192);
  CAPTURE(nr_cpus);
  CpuMask mask(nr_cpus);
  REQUIRE(mask.empty());
  REQUIRE(mask.first() == -1);
  REQUIRE(members(mask).empty());
  REQUIRE(mask.next_wrap(nr_cpus) == -1);
  mask.set(nr_cpus - 1);
  REQUIRE(mask.first() == nr_cpus - 1);
  REQUIRE(mask.next(nr_cpus) == -1);
  REQUIRE(mask.next_wrap(nr_cpus) == nr_cpus - 1);
  REQUIRE(mask == CpuMask::of(nr_cpus, nr_cpus - 1));
  mask.set_all();
  REQUIRE(mask.count() == nr_cpus);
  REQUIRE(members(mask).size() == static_cast<std::size_t>(nr_cpus));
  REQUIRE(mask == CpuMask::all(nr_cpus));
  mask.clear_all();
  REQUIRE(mask.empty());
}

TEST_CASE("CPU lists are read and written as Linux does", "[cpu_mask]") {
  REQUIRE(CpuMask::parse(16, "0-3,8").to_list() == "0-3,8");
  REQUIRE(CpuMask::parse(16, "8,1,0,2-3,15").to_list() == "0-3,8,15");
  REQUIRE(CpuMask::parse(16, "").to_list().empty());
  REQUIRE(CpuMask::all(300).to_list() == "0-299");
  for (const char* bad : {"x", "1-", "-1", "3-1", "1,", ",1", "1 2", "1--2", "99999999999"}) {
    CAPTURE(bad);
    REQUIRE_THROWS_AS(CpuMask::parse(16, bad), sim::UserError);
  }
  REQUIRE_THROWS_WITH(CpuMask::parse(16, "4-16"), Catch::Contains("CPU 16 does not exist"));
}

TEST_CASE("masks copy and move in every size", "[cpu_mask]") {
  const int nr_cpus = GENERATE(8, 1000);
  CAPTURE(nr_cpus);
  CpuMask a = CpuMask::of(nr_cpus, 7);
  CpuMask b = a;
  b.set(0);
  REQUIRE(a.count() == 1);
  CpuMask c;
  c = b;
  REQUIRE(c == b);
  const CpuMask moved = std::move(c);
  REQUIRE(moved == b);
  CpuMask other(nr_cpus == 8 ? 1000 : 8);
  other = b;
  REQUIRE(other == b);
  other = CpuMask::of(nr_cpus, 3);
  REQUIRE(other.to_list() == "3");
}

TEST_CASE("set operations agree with std::set", "[cpu_mask][property]") {
  const auto seed = GENERATE(1U, 2U, 3U);
  const int nr_cpus = GENERATE(5, 128, 700);
  CAPTURE(seed, nr_cpus);
  std::mt19937 random(seed);
  const auto draw = [&] { return static_cast<int>(random() % static_cast<unsigned>(nr_cpus)); };
  for (int round = 0; round < 200; ++round) {
    CpuMask a(nr_cpus);
    CpuMask b(nr_cpus);
    std::set<int> in_a;
    std::set<int> both;
    std::set<int> only_a;
    for (int i = draw(); i > 0; --i) a.set(*in_a.insert(draw()).first);
    for (int i = draw(); i > 0; --i) b.set(draw());
    for (const int cpu : in_a) (b.test(cpu) ? both : only_a).insert(cpu);
    const int from = draw();
    REQUIRE(members(a) == std::vector<int>(in_a.begin(), in_a.end()));
    REQUIRE(a.count() == static_cast<int>(in_a.size()));
    REQUIRE(a.next(from) == next_in(in_a, from));
    REQUIRE(a.next_wrap(from) == (a.next(from) >= 0 ? a.next(from) : a.first()));
    REQUIRE(a.next_and(b, from) == next_in(both, from));
    REQUIRE(a.next_and_wrap(b, from) ==
            (next_in(both, from) >= 0 ? next_in(both, from) : a.first_and(b)));
    REQUIRE(a.next_andnot(b, from) == next_in(only_a, from));
    REQUIRE(a.count_and(b) == static_cast<int>(both.size()));
    REQUIRE(a.intersects(b) == !both.empty());
    REQUIRE(a.subset_of(b) == only_a.empty());
    REQUIRE(members(a & b) == std::vector<int>(both.begin(), both.end()));
    REQUIRE((a | b).count() == b.count() + static_cast<int>(only_a.size()));
    CpuMask difference = a;
    difference -= b;
    REQUIRE(members(difference) == std::vector<int>(only_a.begin(), only_a.end()));
    REQUIRE(CpuMask::parse(nr_cpus, a.to_list()) == a);
    REQUIRE((a.less(b) || b.less(a)) == !(a == b));
  }
}
