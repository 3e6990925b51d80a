#include "models/sched/deadline_tree.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "models/sched/virtual_time.hpp"

using namespace kt::sched;

namespace {

std::vector<Entity*> in_order(const DeadlineTree& tree) {
  std::vector<Entity*> order;
  for (Entity* se = tree.first(); se != nullptr; se = DeadlineTree::next(*se)) order.push_back(se);
  return order;
}

// Checks links, heap order and the kept minima; returns the depth.
int check_subtree(const Entity* se, const Entity* parent) {
  if (se == nullptr) return 0;
  REQUIRE(se->parent == parent);
  if (parent != nullptr) REQUIRE(parent->heap_priority > se->heap_priority);
  const int depth = 1 + std::max(check_subtree(se->left, se), check_subtree(se->right, se));
  std::uint64_t least = se->vruntime;
  for (const Entity* child : {se->left, se->right}) {
    if (child != nullptr && before(child->min_vruntime, least)) least = child->min_vruntime;
  }
  REQUIRE(se->min_vruntime == least);
  return depth;
}

}  // namespace

TEST_CASE("equal deadlines leave first in, first out", "[deadline_tree]") {
  DeadlineTree tree;
  REQUIRE(tree.empty());
  REQUIRE(tree.first() == nullptr);
  std::vector<Entity> entities(50);
  std::vector<Entity*> expected;
  for (Entity& se : entities) {
    se.deadline = 7;
    tree.insert(se);
    expected.push_back(&se);
  }
  REQUIRE(in_order(tree) == expected);
}

TEST_CASE("deadlines compare across the wrap of virtual time", "[deadline_tree]") {
  DeadlineTree tree;
  Entity early;
  Entity late;
  early.deadline = static_cast<std::uint64_t>(-5);
  early.vruntime = static_cast<std::uint64_t>(-9);
  late.deadline = 5;
  late.vruntime = 1;
  tree.insert(late);
  tree.insert(early);
  REQUIRE(tree.first() == &early);
  REQUIRE(tree.root()->min_vruntime == early.vruntime);
}

TEST_CASE("the tree agrees with a sorted vector under random inserts and erases",
          "[deadline_tree]") {
  const unsigned seed = GENERATE(1U, 2U, 3U, 4U, 5U, 6U);
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::vector<Entity> entities(seed % 2 == 0 ? 6 : 200);
  std::vector<Entity*> reference;  // sorted; equal deadlines in order of insertion
  DeadlineTree tree;
  for (int step = 0; step < 4000; ++step) {
    CAPTURE(step);
    Entity& se = entities[random() % entities.size()];
    const auto found = std::find(reference.begin(), reference.end(), &se);
    if (found != reference.end()) {
      tree.erase(se);
      reference.erase(found);
    } else {
      se.deadline = random() % 40;
      se.vruntime = random() % 1000;
      tree.insert(se);
      reference.insert(std::upper_bound(reference.begin(), reference.end(), &se,
                                        [](const Entity* a, const Entity* b) {
                                          return before(a->deadline, b->deadline);
                                        }),
                       &se);
    }
    REQUIRE(in_order(tree) == reference);
    check_subtree(tree.root(), nullptr);
  }
}

TEST_CASE("the tree stays shallow when deadlines only grow", "[deadline_tree]") {
  DeadlineTree tree;
  std::vector<Entity> entities(4096);
  std::uint64_t deadline = 0;
  for (Entity& se : entities) {
    se.deadline = ++deadline;
    tree.insert(se);
  }
  REQUIRE(check_subtree(tree.root(), nullptr) < 60);
}
