#include "sim/co.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

// Where the test coroutines get their frames from, and what they tell.
struct World {
  sim::FramePool pool;
  std::vector<std::string> log;
  std::coroutine_handle<> paused;
  sim::FramePool& frame_pool() { return pool; }
};

// Suspends; the world's owner resumes `paused`.
struct Pause {
  World& world;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) const noexcept { world.paused = handle; }
  void await_resume() const noexcept {}
};

// Notes its destruction, to see that locals of a frame are destroyed with it.
struct Witness {
  World& world;
  explicit Witness(World& w) : world(w) {}
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  ~Witness() { world.log.emplace_back("destroyed"); }
};

sim::Co<int> answer(World& world) {
  world.log.emplace_back("answer starts");
  co_await Pause{world};
  co_return 42;
}

sim::Co<int> doubled(World& world) {
  sim::Co<int> inner = answer(world);
  const int value = co_await inner;
  co_return 2 * value;
}

sim::Co<> outer(World& world) {
  sim::Co<int> inner = doubled(world);
  const int value = co_await inner;
  world.log.push_back(std::to_string(value));
}

sim::Co<> failing(World& world) {
  const Witness witness(world);
  co_await Pause{world};
  throw std::runtime_error("broken");
}

sim::Co<> calls_failing(World& world) {
  sim::Co<> inner = failing(world);
  co_await inner;
  world.log.emplace_back("not reached");
}

sim::Co<int> depth(World& world, int levels) {
  if (levels == 0) co_return 0;
  sim::Co<int> below = depth(world, levels - 1);
  const int value = co_await below;
  co_return value + 1;
}

sim::Co<> counts_loop(World& world, int rounds, int& total) {
  for (int i = 0; i < rounds; ++i) {
    sim::Co<int> one = depth(world, 1);
    total += co_await one;
  }
}

}  // namespace

TEST_CASE("a coroutine starts when it is resumed, not before", "[co]") {
  World world;
  sim::Co<int> co = answer(world);
  REQUIRE(world.log.empty());
  REQUIRE_FALSE(co.done());
  co.handle().resume();
  REQUIRE(world.log == std::vector<std::string>{"answer starts"});
}

TEST_CASE("values pass through nested awaits", "[co]") {
  World world;
  sim::Co<> co = outer(world);
  co.handle().resume();
  REQUIRE_FALSE(co.done());
  world.paused.resume();
  REQUIRE(co.done());
  REQUIRE(world.log == std::vector<std::string>{"answer starts", "84"});
}

TEST_CASE("the continuation runs when a coroutine ends", "[co]") {
  World world;
  sim::Co<int> first = depth(world, 0);
  sim::Co<int> second = answer(world);
  first.set_continuation(second.handle());
  first.handle().resume();
  REQUIRE(first.done());
  REQUIRE(world.log == std::vector<std::string>{"answer starts"});
}

TEST_CASE("an exception leaves through resume and the frames stay to be destroyed", "[co]") {
  World world;
  {
    sim::Co<> co = calls_failing(world);
    co.handle().resume();
    REQUIRE_THROWS_WITH(world.paused.resume(), "broken");
    REQUIRE(world.log == std::vector<std::string>{"destroyed"});
    REQUIRE(world.pool.in_use() > 0);
  }
  REQUIRE(world.pool.in_use() == 0);
}

TEST_CASE("destroying a suspended chain destroys every frame and its locals", "[co]") {
  World world;
  {
    sim::Co<> co = calls_failing(world);
    co.handle().resume();
    REQUIRE(world.pool.in_use() > 0);
  }
  REQUIRE(world.log == std::vector<std::string>{"destroyed"});
  REQUIRE(world.pool.in_use() == 0);
}

TEST_CASE("moving hands the frame over", "[co]") {
  World world;
  sim::Co<int> first = depth(world, 0);
  const std::size_t one_frame = world.pool.in_use();
  sim::Co<int> second = std::move(first);
  REQUIRE(first.done());  // NOLINT(bugprone-use-after-move): a moved-from Co is empty
  REQUIRE_FALSE(second.done());
  sim::Co<int> third = depth(world, 0);
  third = std::move(second);
  REQUIRE(world.pool.in_use() == one_frame);
}

TEST_CASE("nested calls do not grow the host stack", "[co]") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr int kRounds = 100;  // GCC 12 makes no tail calls in instrumented code
#else
  constexpr int kRounds = 100'000;
#endif
  World world;
  int total = 0;
  sim::Co<> co = counts_loop(world, kRounds, total);
  co.handle().resume();
  REQUIRE(co.done());
  REQUIRE(total == kRounds);
}
