// The allocator: who gets memory at which watermark, from which node, and who fails.
#include "models/mm/memory.hpp"

#include <catch2/catch.hpp>

#include "tests/models/mm/memory_run.hpp"

namespace {

using namespace kt::mm;
using kt::trace::Event;
using sim::kSecond;
using support::Allocator;
using support::kMiB;
using support::kSmall;
using support::MachineOptions;
using support::MemoryRun;
using support::node_with;

TEST_CASE("above the low watermark an allocation takes the fast path", "[mm]") {
  MemoryRun run({node_with(330, 1000)});
  Allocator& a = run.allocator({{.times = 9}});
  run.m.run_until(kSecond);
  CHECK(a.results == std::vector<bool>{true});
  CHECK(a.took[0] == 9 * run.m.machine.costs().alloc_pages);
  CHECK(run.memory.node(0).free == 321);
  CHECK(run.memory.node(0).allocated == 9);
  CHECK(run.m.records(Event::kVmscanWakeupKswapd).empty());
}

TEST_CASE("blocks are rounded up to a power of two of pages", "[mm]") {
  MemoryRun run({node_with(4000, 0)});
  run.allocator({{.bytes = 1}, {.bytes = 4097}, {.bytes = 5 * 4096}});
  run.m.run_until(kSecond);
  CHECK(run.memory.node(0).allocated == 1 + 2 + 8);
  CHECK(get_order(4 * kMiB) == kMaxPageOrder);
}

TEST_CASE("a block of more than 4 MiB is never had", "[mm]") {
  MemoryRun run({node_with(8000, 0)});
  Allocator& a = run.allocator({{.bytes = 4 * kMiB}, {.bytes = 4 * kMiB + 1}});
  run.m.run_until(kSecond);
  CHECK(a.results == std::vector<bool>{true, false});
}

TEST_CASE("GFP_NOWAIT stops at min, GFP_ATOMIC takes five eighths of the reserve", "[mm]") {
  MachineOptions options;
  MemoryRun nowait({node_with(300, 0)}, options);
  Allocator& a = nowait.allocator({{.gfp = kGfpNowait, .times = 1000}});
  nowait.m.run_until(kSecond);
  CHECK(a.results == std::vector<bool>{false});
  CHECK(nowait.memory.node(0).free == 256);
  CHECK(nowait.memory.node(0).stats.failures == 1);

  MemoryRun atomic({node_with(300, 0)}, options);
  Allocator& b = atomic.allocator({{.gfp = kGfpAtomic, .times = 1000}});
  atomic.m.run_until(kSecond);
  CHECK(b.results == std::vector<bool>{false});
  CHECK(atomic.memory.node(0).free == 256 / 8 * 3);
}

TEST_CASE("PF_MEMALLOC takes to the last page, and fails instead of reclaiming", "[mm]") {
  MemoryRun run({node_with(300, 0)});
  Allocator& a = run.allocator({{.times = 1000}});
  run.tasks[0]->flags |= kt::sched::kPfMemalloc;
  run.m.run_until(kSecond);
  CHECK(a.results == std::vector<bool>{false});
  CHECK(run.memory.node(0).free == 0);
  CHECK(run.m.records(Event::kVmscanDirectReclaimBegin).empty());
}

TEST_CASE("real-time tasks may take half of the reserve before they reclaim", "[mm]") {
  MemoryRun run({node_with(257, 1000)});
  Allocator& a = run.allocator({{.times = 100}});
  run.m.scheduler.init_policy(*run.tasks[0], kt::sched::Policy::kFifo, 10, 0);
  run.m.run_until(kSecond);
  CHECK(a.results == std::vector<bool>{true});
  CHECK(run.memory.node(0).stats.direct_reclaims == 0);
}

TEST_CASE("the fallback order is by distance, and fresh nodes come before kswapd", "[mm]") {
  MachineOptions options;
  options.topology.nr_cpus = 3;
  options.topology.nodes = {{"0", kSmall}, {"1", kSmall}, {"2", kSmall}};
  options.topology.distance = {{10, 30, 20}, {30, 10, 20}, {20, 20, 10}};
  // Three nodes of 64 MiB: min 147, so low 183.
  const NodeConfig full{kSmall, 185 * kPageSize, 0, 0};
  MemoryRun run({full, full, full}, options);
  run.allocator({{.times = 5}});
  run.m.run_until(kSecond);
  const Pages low = run.memory.node(0).marks.low;
  REQUIRE(185 - low == 2);
  CHECK(run.memory.node(0).free == low);
  CHECK(run.memory.node(2).free == low);
  CHECK(run.memory.node(1).free == low + 1);
  CHECK(run.m.records(Event::kVmscanWakeupKswapd).empty());
  CHECK(run.memory.node(0).zonelist[1]->id == 2);
  CHECK(run.memory.node(2).zonelist[1]->id == 0);
  CHECK(run.memory.node(1).zonelist[1]->id == 2);
}

TEST_CASE("__GFP_THISNODE does not look elsewhere", "[mm]") {
  MachineOptions options;
  options.topology.nodes = {{"0", kSmall}, {"1", kSmall}};
  MemoryRun run({{kSmall, 0, 0, 0}, {kSmall, kSmall, 0, 0}}, options);
  Allocator& a = run.allocator({{.gfp = kGfpKernel | kGfpThisnode}, {.node = 1}, {}});
  run.m.run_until(kSecond);
  CHECK(a.results == std::vector<bool>{false, true, true});
  CHECK(run.memory.node(1).allocated == 2);
}

TEST_CASE("below low the allocation succeeds and wakes kswapd", "[mm]") {
  MemoryRun run({node_with(320, 1000)});
  Allocator& a = run.allocator({{}});
  run.m.run_until(kSecond);
  CHECK(a.results == std::vector<bool>{true});
  CHECK(run.m.records(Event::kVmscanWakeupKswapd).size() == 1);
  CHECK(run.memory.node(0).stats.direct_reclaims == 0);
  CHECK(run.memory.node(0).stats.kswapd_wakes == 1);
}

TEST_CASE("below min GFP_KERNEL reclaims for itself: slower, but it gets its memory", "[mm]") {
  MemoryRun run({node_with(200, 100'000 / 10)});
  Allocator& a = run.allocator({{}});
  run.m.run_until(kSecond);
  CHECK(a.results == std::vector<bool>{true});
  const Node& node = run.memory.node(0);
  CHECK(node.stats.direct_reclaims >= 1);
  CHECK(node.stats.direct_pages >= kSwapClusterMax);
  CHECK(a.took[0] >= node.stats.direct_time);
  CHECK(node.stats.direct_time >=
        static_cast<sim::Time>(node.stats.direct_pages) * run.m.machine.costs().reclaim_page);
  CHECK(run.m.records(Event::kVmscanDirectReclaimBegin).size() == node.stats.direct_reclaims);
  CHECK(run.m.records(Event::kVmscanDirectReclaimEnd).size() == node.stats.direct_reclaims);
  CHECK((run.tasks[0]->flags & kt::sched::kPfMemalloc) == 0);
}

TEST_CASE("costly and __GFP_NORETRY allocations fail where others go on", "[mm]") {
  // Reclaim frees some, but never a block of 64 KiB above min.
  MemoryRun run({node_with(100, 40)});
  Allocator& a = run.allocator({{.bytes = 64 * 1024},
                                {.bytes = 64 * 1024, .gfp = kGfpKernel | kGfpNoretry},
                                {.bytes = 64 * 1024, .gfp = kGfpKernel | kGfpRetryMayfail},
                                {.gfp = kGfpKernel | kGfpNoretry},
                                {.gfp = kGfpKernel | kGfpRetryMayfail}});
  run.m.run_until(10 * kSecond);
  CHECK(a.results == std::vector<bool>(5, false));
  CHECK(run.memory.node(0).stats.failures == 5);
}

TEST_CASE("a costly block that must not be retried for is given up without reclaim", "[mm]") {
  MemoryRun run({node_with(100, 4000)});
  Allocator& a = run.allocator({{.bytes = 64 * 1024, .gfp = kGfpKernel | kGfpNoretry}});
  run.m.run_until(1'000'000);
  CHECK(a.results == std::vector<bool>{false});
  CHECK(run.memory.node(0).stats.direct_reclaims == 0);
}

TEST_CASE("when nothing is left to reclaim the machine is out of memory", "[mm]") {
  MemoryRun run({node_with(100, 40)});
  run.allocator({{.times = 1000}});
  REQUIRE_THROWS_WITH(run.m.run_until(kSecond),
                      Catch::Contains("out of memory and no killable processes: alloc1") &&
                          Catch::Contains("GFP_KERNEL"));
}

TEST_CASE("without __GFP_FS nobody is killed: it tries for ever", "[mm]") {
  MemoryRun run({node_with(100, 40)});
  Allocator& a = run.allocator({{.gfp = kGfpNofs, .times = 1000}});
  run.m.run_until(kSecond / 10);
  CHECK_FALSE(a.done);
  CHECK(run.memory.node(0).stats.direct_reclaims > 1000);
}

struct Denier final : sim::Chooser {
  std::uint32_t choose(sim::Question question, std::uint32_t, std::uint32_t subject) override {
    subjects.push_back(subject);
    return question == sim::Question::kAllocation ? 1 : 0;
  }
  std::vector<std::uint32_t> subjects;
};

TEST_CASE("whether an allocation fails is a question to the Chooser", "[mm]") {
  Denier denier;
  MachineOptions options;
  options.chooser = &denier;
  MemoryRun run({node_with(4000, 0)}, options);
  Allocator& a = run.allocator({{}});
  run.m.run_until(kSecond);
  CHECK(a.results == std::vector<bool>{false});
  CHECK(denier.subjects ==
        std::vector<std::uint32_t>{static_cast<std::uint32_t>(run.tasks[0]->pid)});
}

struct Freeing {
  MemoryRun* run;
  std::vector<bool> results;
};

sim::Co<int> allocate_and_free(kt::kthread::Kthreads&, kt::sched::Task&, void* data) {
  Freeing& f = *static_cast<Freeing*>(data);
  Memory& memory = f.run->memory;
  for (const int node : {0, 1, 1}) {
    const bool ok = co_await memory.alloc(8192, kGfpKernel, node);
    f.results.push_back(ok);
  }
  for (const int node : {1, 0, -1, -1}) {  // the last one was not taken
    const bool ok = co_await memory.free(node == -1 ? 5000 : 8192, node);
    f.results.push_back(ok);
  }
  co_return 0;
}

TEST_CASE("freed blocks go back, and no more than were taken", "[mm]") {
  MachineOptions options;
  options.topology.nodes = {{"0", kSmall}, {"1", kSmall}};
  const NodeConfig free{kSmall, kSmall, 0, 0};
  MemoryRun run({free, free}, options);
  Freeing f{&run, {}};
  run.m.thread("freeing", &allocate_and_free, &f);
  run.m.run_until(kSecond);
  CHECK(f.results == std::vector<bool>{true, true, true, true, true, true, false});
  for (const int node : {0, 1}) {
    CHECK(run.memory.node(node).free == kSmall / kPageSize);
    CHECK(run.memory.node(node).allocated == 0);
  }
}

TEST_CASE("the hog takes what is free above a watermark, and gives it back", "[mm]") {
  MemoryRun run({node_with(1000, 0)});
  const Node& node = run.memory.node(0);
  run.memory.pressure(Level::kLow, sim::kNever);
  CHECK(node.free == node.marks.low);
  CHECK(node.hogged == 1000 - node.marks.low);
  run.memory.pressure(Level::kMin, 5'000'000);
  CHECK(node.free == node.marks.min);
  run.m.run_until(4'999'999);
  CHECK(node.free == node.marks.min);
  run.m.run_until(5'000'000);
  CHECK(node.free == 1000);
  // A later call takes the place of an earlier one, with its end.
  run.memory.pressure(Level::kMin, 1'000'000);
  run.memory.pressure(Level::kMin, 10'000'000);
  run.m.run_until(8'000'000);
  CHECK(node.free == node.marks.min);
  run.memory.pressure(Level::kNone, sim::kNever);
  CHECK(node.free == 1000);
}

TEST_CASE("what is below the watermark already stays as it is", "[mm]") {
  MemoryRun run({node_with(100, 0)});
  run.memory.pressure(Level::kLow, sim::kNever);
  CHECK(run.memory.node(0).free == 100);
  CHECK(run.memory.node(0).hogged == 0);
}

struct Creating {
  MemoryRun* run;
  std::vector<int> errors;
  sim::Time took = 0;
};

sim::Co<int> end_at_once(kt::kthread::Kthreads&, kt::sched::Task&, void*) {
  co_return 0;
}

sim::Co<int> create_threads(kt::kthread::Kthreads& kthreads, kt::sched::Task&, void* data) {
  Creating& c = *static_cast<Creating*>(data);
  const sim::Time start = c.run->m.calendar.now();
  const kt::kthread::Created created =
      co_await kthreads.kthread_run("child", &end_at_once, nullptr);
  c.took = c.run->m.calendar.now() - start;
  c.errors.push_back(created.error);
  co_return 0;
}

Creating create_with(MemoryRun& run) {
  Creating creating{&run, {}};
  run.m.thread("creator", &create_threads, &creating);
  run.m.run_until(kSecond);
  return creating;
}

TEST_CASE("a thread takes its stack and task_struct, and gives them back when it ends", "[mm]") {
  MemoryRun run({node_with(1000, 0)});
  Creating creating{&run, {}};
  run.m.thread("creator", &create_threads, &creating);
  run.m.run_until(30'000);
  CHECK(run.memory.node(0).free == 1000 - 7);
  run.m.run_until(kSecond);
  CHECK(creating.errors == std::vector<int>{0});
  CHECK(run.memory.node(0).free == 1000);
}

TEST_CASE("creating a thread is slow while kthreadd reclaims", "[mm]") {
  MemoryRun plenty({node_with(1000, 4000)});
  MemoryRun scarce({node_with(200, 4000)});
  const Creating fast = create_with(plenty);
  const Creating slow = create_with(scarce);
  CHECK(slow.errors == std::vector<int>{0});
  CHECK(slow.took > fast.took + 10'000);
  CHECK(scarce.memory.node(0).stats.direct_reclaims > 0);
}

TEST_CASE("creating a thread fails with -ENOMEM when its allocation does", "[mm]") {
  Denier denier;
  MachineOptions options;
  options.chooser = &denier;
  MemoryRun run({node_with(1000, 0)}, options);
  CHECK(create_with(run).errors == std::vector<int>{-12});
  CHECK(run.memory.node(0).free == 1000);
}

}  // namespace
