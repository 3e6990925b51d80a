#include "sim/frame_pool.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <vector>

using sim::FramePool;

TEST_CASE("a freed frame is used again by the next of its size", "[frame_pool]") {
  FramePool pool;
  void* first = pool.allocate(200);
  FramePool::free(first, 200);
  REQUIRE(pool.in_use() == 0);
  void* other_size = pool.allocate(1'000);
  void* second = pool.allocate(200);
  REQUIRE(second == first);
  REQUIRE(other_size != first);
  FramePool::free(second, 200);
  FramePool::free(other_size, 1'000);
  REQUIRE(pool.in_use() == 0);
}

TEST_CASE("frames are aligned, large ones included", "[frame_pool]") {
  FramePool pool;
  for (const std::size_t size : {1, 15, 16, 17, 500, 2'000}) {
    CAPTURE(size);
    void* frame = pool.allocate(size);
    REQUIRE(reinterpret_cast<std::uintptr_t>(frame) % alignof(std::max_align_t) == 0);
    REQUIRE(pool.in_use() >= size);
    std::memset(frame, 0xff, size);
    FramePool::free(frame, size);
    REQUIRE(pool.in_use() == 0);
  }
  FramePool::free(pool.allocate(100'000), 100'000);
}

TEST_CASE("frames of two pools keep to their own", "[frame_pool]") {
  FramePool one;
  FramePool two;
  void* frame = one.allocate(100);
  REQUIRE(two.in_use() == 0);
  FramePool::free(frame, 100);
  REQUIRE(two.allocate(100) != frame);
  REQUIRE(one.allocate(100) == frame);
}

TEST_CASE("frames in use never overlap", "[frame_pool][property]") {
  const auto seed = GENERATE(1U, 2U);
  CAPTURE(seed);
  std::mt19937 random(seed);
  FramePool pool;
  std::map<unsigned char*, std::pair<std::size_t, unsigned char>> frames;
  for (int round = 0; round < 5'000; ++round) {
    if (frames.empty() || random() % 5 < 3) {
      const std::size_t size = 1 + random() % 3'000;
      auto* frame = static_cast<unsigned char*>(pool.allocate(size));
      const auto mark = static_cast<unsigned char>(random());
      std::memset(frame, mark, size);
      REQUIRE(frames.emplace(frame, std::pair{size, mark}).second);
    } else {
      auto victim = frames.begin();
      std::advance(victim, static_cast<long>(random() % frames.size()));
      const auto [size, mark] = victim->second;
      std::size_t intact = 0;
      while (intact < size && victim->first[intact] == mark) ++intact;
      REQUIRE(intact == size);
      FramePool::free(victim->first, size);
      frames.erase(victim);
    }
  }
  for (const auto& [frame, contents] : frames) FramePool::free(frame, contents.first);
  REQUIRE(pool.in_use() == 0);
}
