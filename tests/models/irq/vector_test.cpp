#include "models/irq/vector.hpp"

#include <catch2/catch.hpp>

namespace kt::irq {
namespace {

using cpu::CpuMask;

TEST_CASE("an interrupt goes to the CPU with the most free vectors, the lowest of equals",
          "[irq]") {
  Vectors vectors(4);
  int owner = 0;
  const CpuMask some = CpuMask::parse(4, "1-3");
  CHECK(vectors.best_cpu(CpuMask::all(4)) == 0);
  CHECK(vectors.best_cpu(some) == 1);
  vectors.allocate(1, &owner);
  CHECK(vectors.best_cpu(some) == 2);
  vectors.allocate(2, &owner);
  vectors.allocate(3, &owner);
  const int second = vectors.allocate(1, &owner);
  CHECK(vectors.best_cpu(some) == 2);
  vectors.release(1, second);
  CHECK(vectors.best_cpu(some) == 1);
}

TEST_CASE("what a CPU has given out the others may have left", "[irq]") {
  Vectors vectors(3);
  int owner = 0;
  vectors.allocate(1, &owner);
  vectors.allocate(1, &owner);
  vectors.allocate(2, &owner);
  CHECK(vectors.allocated(0) == 0);
  CHECK(vectors.allocated(1) == 2);
  CHECK(vectors.available(CpuMask::parse(3, "0-1")) == 2 * Vectors::kPerCpu - 2);
}

TEST_CASE("a CPU has as many vectors as it has", "[irq]") {
  Vectors vectors(1);
  int owner = 0;
  for (int i = 0; i < Vectors::kPerCpu; ++i) CHECK(vectors.allocate(0, &owner) == i);
  CHECK(vectors.best_cpu(CpuMask::all(1)) == -1);
  vectors.release(0, 70);
  CHECK(vectors.best_cpu(CpuMask::all(1)) == 0);
  CHECK(vectors.allocate(0, &owner) == 70);
}

TEST_CASE("a pending vector merges, the highest is taken first", "[irq]") {
  Vectors vectors(2);
  std::array<int, 100> owners{};
  for (int& owner : owners) vectors.allocate(1, &owner);
  CHECK_FALSE(vectors.pending(1));
  CHECK(vectors.take(1) == nullptr);
  CHECK(vectors.request(1, 3));
  CHECK_FALSE(vectors.request(1, 3));
  CHECK(vectors.request(1, 99));
  CHECK(vectors.request(1, 64));
  CHECK(vectors.pending(1));
  CHECK_FALSE(vectors.pending(0));
  CHECK(vectors.take(1) == &owners[99]);
  CHECK(vectors.withdraw(1, 64));
  CHECK_FALSE(vectors.withdraw(1, 64));
  CHECK(vectors.take(1) == &owners[3]);
  CHECK_FALSE(vectors.pending(1));
}

}  // namespace
}  // namespace kt::irq
