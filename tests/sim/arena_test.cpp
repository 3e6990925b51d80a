#include "sim/arena.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

struct Kept {
  std::vector<int> numbers;
  std::map<int, std::string> names;
  std::unique_ptr<std::vector<double>> more;
};

Kept* make_world(sim::Arena& arena) {
  const sim::Arena::Use use(&arena);
  auto* world = new Kept;
  for (int i = 0; i < 5000; ++i) world->numbers.push_back(i);
  world->names[1] = "a name that is too long for the string itself to hold";
  return world;
}

void change(Kept& world) {
  world.numbers[17] = -1;
  world.numbers.resize(20000, 5);
  world.names[2] = "another one, which is new and as long as the first one";
  world.names.erase(1);
  world.more = std::make_unique<std::vector<double>>(1000, 1.0);
}

void require_untouched(const Kept& world) {
  REQUIRE(world.numbers.size() == 5000);
  REQUIRE(world.numbers[17] == 17);
  REQUIRE(world.names.size() == 1);
  REQUIRE(world.names.at(1).starts_with("a name"));
  REQUIRE(world.more == nullptr);
}

}  // namespace

TEST_CASE("an arena goes back to how it was kept, again and again", "[arena]") {
  sim::Arena arena(std::size_t{1} << 26);
  Kept* world = make_world(arena);
  REQUIRE(arena.contains(world));
  REQUIRE(arena.contains(world->numbers.data()));
  arena.keep();
  for (int i = 0; i < 100; ++i) {
    {
      const sim::Arena::Use use(&arena);
      change(*world);
    }
    REQUIRE(world->numbers.size() == 20000);
    arena.rewind();
    require_untouched(*world);
  }
  REQUIRE(arena.changed() > 0);
  REQUIRE(arena.changed() < arena.kept() + 4096);
}

TEST_CASE("what is made out of use lies on the heap", "[arena]") {
  sim::Arena arena(std::size_t{1} << 20);
  const sim::Arena::Use use(&arena);
  const auto inside = std::make_unique<int>(1);
  CHECK(arena.contains(inside.get()));
  const sim::Arena::Use heap(nullptr);
  const auto outside = std::make_unique<int>(2);
  CHECK_FALSE(arena.contains(outside.get()));
}

TEST_CASE("memory that is given back is used again", "[arena]") {
  sim::Arena arena(std::size_t{1} << 20);
  const sim::Arena::Use use(&arena);
  const void* first = nullptr;
  for (int i = 0; i < 100'000; ++i) {
    const auto block = std::make_unique<char[]>(100);
    if (first == nullptr) first = block.get();
    REQUIRE(block.get() == first);
  }
}

TEST_CASE("an arena that is full says so", "[arena]") {
  sim::Arena arena(std::size_t{1} << 16);
  const sim::Arena::Use use(&arena);
  REQUIRE_THROWS_AS(std::make_unique<char[]>(1 << 17), std::bad_alloc);
}

TEST_CASE("an arena goes back to each of its marks, from before and from behind", "[arena]") {
  sim::Arena arena(std::size_t{1} << 26);
  Kept* world = make_world(arena);
  arena.keep();
  constexpr int kMarks = 5;
  std::vector<sim::Arena::Mark> marks(kMarks);
  for (int i = 0; i < kMarks; ++i) {
    {
      const sim::Arena::Use use(&arena);
      world->numbers[static_cast<std::size_t>(1000 * i)] = -i - 1;
      world->names[2] = std::string(static_cast<std::size_t>(100'000 * (i + 1)), 'n');
    }
    arena.save(marks[static_cast<std::size_t>(i)]);
  }
  {
    const sim::Arena::Use use(&arena);
    change(*world);
  }
  for (const int i : {4, 0, 3, 1, 2}) {
    arena.rewind_to(marks[static_cast<std::size_t>(i)]);
    REQUIRE(world->numbers.size() == 5000);
    for (int j = 0; j < kMarks; ++j)
      REQUIRE((world->numbers[static_cast<std::size_t>(1000 * j)] == -j - 1) == (j <= i));
    REQUIRE(world->names[2] == std::string(static_cast<std::size_t>(100'000 * (i + 1)), 'n'));
    if (i == 3) arena.rewind();
    if (i == 3) require_untouched(*world);
  }
}

TEST_CASE("what runs change lies together in an arena that is told which it is", "[arena]") {
  constexpr int kCount = 100;
  constexpr int kEvery = 10;
  struct Block {
    int value = 0;
    char rest[4000] = {};
  };
  const auto build = [](sim::Arena& arena) {
    const sim::Arena::Use use(&arena);
    std::vector<Block*> blocks;
    for (int i = 0; i < kCount; ++i) {
      new int;  // NOLINT: nobody frees what lies in an arena
      blocks.push_back(new Block);
    }
    return blocks;
  };
  const auto run = [](const std::vector<Block*>& blocks) {
    for (int i = 0; i < kCount; i += kEvery) blocks[static_cast<std::size_t>(i)]->value = 1;
  };
  sim::Arena::Numbers changed;
  std::size_t apart = 0;
  {
    sim::Arena arena;
    const auto blocks = build(arena);
    arena.keep();
    run(blocks);
    arena.look();
    arena.rewind();
    changed = arena.seen_changed();
    apart = arena.changed();
  }
  CHECK(std::ranges::count(changed, true) == kCount / kEvery);
  sim::Arena arena(sim::Arena::kCapacity, changed);
  const auto blocks = build(arena);
  arena.keep();
  run(blocks);
  for (int i = kEvery; i < kCount; i += kEvery) {
    const auto near = blocks[static_cast<std::size_t>(i)] - blocks[static_cast<std::size_t>(i - kEvery)];
    CHECK(near * static_cast<std::ptrdiff_t>(sizeof(Block)) < 8192);
  }
  CHECK(arena.changed() <= apart);
  arena.rewind();
  CHECK(std::ranges::all_of(blocks, [](const Block* block) { return block->value == 0; }));
}
