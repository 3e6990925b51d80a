// Reclaim: kswapd's rounds, what a scan frees, writeback and who waits for it.
#include <catch2/catch.hpp>

#include "tests/models/mm/memory_run.hpp"

namespace {

using namespace kt::mm;
using kt::trace::Event;
using sim::Co;
using sim::kMs;
using sim::kSecond;
using support::Allocator;
using support::MemoryRun;
using support::node_with;

// A disk that writes 32 pages in `period`, from calendar events that wake a flusher thread.
struct Disk {
  MemoryRun* run = nullptr;
  kt::sched::Task* flusher = nullptr;
  sim::Time period = 2 * kMs;
  int starts = 0;
  bool wanted = false;

  static Co<> start(void* self, kt::sched::Scheduler& scheduler, int) {
    Disk& disk = *static_cast<Disk*>(self);
    ++disk.starts;
    disk.wanted = true;
    co_await scheduler.wake_up_process(*disk.flusher);
  }
  static Co<int> flush(kt::kthread::Kthreads& kthreads, kt::sched::Task& self, void* data) {
    Disk& disk = *static_cast<Disk*>(data);
    for (;;) {
      self.state = kt::sched::kTaskInterruptible;
      if (!disk.wanted) co_await kthreads.scheduler().schedule();
      self.state = kt::sched::kTaskRunning;
      const Pages pages = disk.run->memory.begin_writeback(0, 64);
      disk.wanted = pages > 0;
      if (pages == 0) continue;
      co_await kthreads.timers().usleep_range(disk.period, disk.period);
      co_await disk.run->memory.end_writeback(0, pages);
    }
  }
  void attach(MemoryRun& to) {
    run = &to;
    flusher = &to.m.thread("flusher", &flush, this, 1);
    to.memory.writeback_hook = {this, &start};
  }
};

TEST_CASE("kswapd reclaims up to the high watermark and sleeps again", "[mm]") {
  MemoryRun run({node_with(320, 4000)});
  run.allocator({{.times = 20}});
  run.m.run_until(kSecond);
  const Node& node = run.memory.node(0);
  CHECK(node.free > node.marks.high);
  CHECK(node.free < node.marks.high + 2 * kSwapClusterMax);
  CHECK(node.stats.kswapd_wakes == 1);
  CHECK(node.stats.kswapd_pages == node.free - 320 + 20);
  CHECK(node.kswapd->state == kt::sched::kTaskInterruptible);
  CHECK(run.m.records(Event::kVmscanKswapdWake).size() == 1);
  CHECK(run.m.records(Event::kVmscanKswapdSleep).size() == 1);
  CHECK(run.accounted(0) == 4320);
  CHECK(run.m.violations().empty());
}

TEST_CASE("kswapd sleeps for a tenth of a second first, and is woken out of that too", "[mm]") {
  MemoryRun run({node_with(320, 4000)});
  run.allocator({{.times = 20}, {.sleep = 20 * kMs, .times = 100}});
  run.m.run_until(kSecond);
  CHECK(run.memory.node(0).stats.kswapd_wakes == 2);
  const auto sleeps = run.m.records(Event::kVmscanKswapdSleep);
  REQUIRE(sleeps.size() == 1);
  CHECK(sleeps[0].time > 120 * kMs);
}

TEST_CASE("an allocation does not wake a kswapd that is at work", "[mm]") {
  MemoryRun run({node_with(320, 4000)});
  run.allocator({{.times = 20}}, false, 1);
  run.m.run_until(kSecond);
  CHECK(run.m.records(Event::kVmscanWakeupKswapd).size() == 1);
}

TEST_CASE("kswapd gives a hopeless node up after 16 rounds", "[mm]") {
  MemoryRun run({node_with(300, 0)});
  Allocator& a = run.allocator({{.times = 10}, {.sleep = 500 * kMs}});
  run.m.run_until(kSecond);
  CHECK(a.done);
  CHECK(run.memory.node(0).kswapd_failures == kMaxReclaimRetries);
  CHECK(run.m.records(Event::kVmscanWakeupKswapd).size() == 1);
}

TEST_CASE("a scan costs by the page, freed pages more", "[mm]") {
  MemoryRun run({node_with(200, 8000)});
  Allocator& a = run.allocator({{.gfp = kGfpDirectReclaim | kGfpIo | kGfpFs}});
  run.m.run_until(kSecond);
  // No kswapd: the list is scanned at priorities 12 (1 page), 11 (3), 10 (7), 9 (15), 8 (31).
  const kt::cpu::CostTable& costs = run.m.machine.costs();
  const Pages freed = run.memory.node(0).stats.direct_pages;
  CHECK(a.took[0] >= static_cast<sim::Time>(freed) * (costs.reclaim_scan + costs.reclaim_page));
  CHECK(run.memory.node(0).stats.kswapd_wakes == 0);
  CHECK(run.memory.node(0).clean == 8000 - freed);
}

TEST_CASE("dirty pages are written back before they are freed", "[mm]") {
  MemoryRun run({node_with(320, 2000, 2000)});
  Disk disk;
  disk.attach(run);
  Allocator& a = run.allocator({{.times = 30}});
  run.m.run_until(5 * kSecond);
  CHECK(a.done);
  const Node& node = run.memory.node(0);
  CHECK(disk.starts == 1);
  CHECK(node.stats.written == 2000);
  CHECK(node.free > node.marks.high);
  CHECK(node.dirty == 0);
  CHECK(node.writeback == 0);
  CHECK_FALSE(node.flusher_woken);
  CHECK(run.accounted(0) == 2320);
}

TEST_CASE("kswapd waits for the disk instead of scanning in circles", "[mm]") {
  MemoryRun run({node_with(320, 64, 64)});
  Disk disk;
  disk.period = 40 * kMs;
  disk.attach(run);
  run.allocator({{.times = 5}});
  run.m.run_until(5 * kSecond);
  const auto throttled = run.m.records(Event::kVmscanThrottled);
  REQUIRE_FALSE(throttled.empty());
  CHECK(throttled[0].arguments[2] == 0);
  CHECK(run.memory.node(0).stats.written == 64);
  // Woken by the end of the writeback, not by the timeout.
  const auto delayed = static_cast<std::uint32_t>(throttled.back().arguments[1]);
  CHECK(delayed < 100'000);
}

TEST_CASE("a user task that reclaims waits for writeback a jiffy at a time", "[mm]") {
  MemoryRun run({node_with(200, 600, 600)});
  Disk disk;
  disk.attach(run);
  Allocator& user = run.allocator({{.times = 60}}, true);
  run.m.run_until(5 * kSecond);
  CHECK(user.done);
  CHECK(user.results == std::vector<bool>{true});
  bool waited = false;
  for (const auto& record : run.m.records(Event::kVmscanThrottled)) {
    waited = waited || record.pid == run.tasks[0]->pid;
  }
  CHECK(waited);
  CHECK(user.took[0] > 2 * kMs);
}

TEST_CASE("a worker that reclaims sleeps a jiffy before each retry", "[mm]") {
  MemoryRun run({node_with(200, 600, 600)});
  Disk disk;
  disk.attach(run);
  Allocator& worker = run.allocator({{.times = 60}});
  run.tasks[0]->flags |= kt::sched::kPfWqWorker;
  const auto nothing = [](void*, kt::sched::Task&) { return sim::Co<>{}; };
  run.m.scheduler.worker_hooks = {nullptr, nothing, nothing, nothing};
  run.m.run_until(5 * kSecond);
  CHECK(worker.done);
  CHECK(worker.results == std::vector<bool>{true});
  CHECK(run.tasks[0]->stats.nvcsw > 1);
  for (const auto& record : run.m.records(Event::kVmscanThrottled)) {
    CHECK(record.pid != run.tasks[0]->pid);
  }
}

TEST_CASE("a user task waits for kswapd when half of the reserve is gone", "[mm]") {
  MemoryRun run({node_with(100, 4000)});
  Allocator& user = run.allocator({{}}, true);
  run.m.run_until(kSecond);
  CHECK(user.results == std::vector<bool>{true});
  CHECK(run.memory.node(0).stats.direct_reclaims >= 1);
  CHECK(run.tasks[0]->stats.nvcsw >= 1);
  MemoryRun kernel({node_with(100, 4000)});
  kernel.allocator({{}});
  kernel.m.run_until(kSecond);
  CHECK(kernel.memory.node(0).stats.direct_pages > 0);
}

TEST_CASE("no page is lost whoever allocates", "[mm]") {
  for (const Pages dirty : {0, 300, 1500}) {
    CAPTURE(dirty);
    MemoryRun run({node_with(400, 1500, dirty)});
    Disk disk;
    disk.attach(run);
    for (int cpu = 0; cpu < 2; ++cpu) {
      run.allocator({{.times = 300}, {.sleep = 3 * kMs, .times = 200}}, true, cpu);
      run.allocator({{.gfp = kGfpAtomic, .times = 100}}, false, cpu);
    }
    run.m.run_until(20 * kSecond);
    for (const Allocator& a : run.allocators) CHECK(a.done);
    CHECK(run.accounted(0) == 1900);
    CHECK(run.m.violations().empty());
  }
}

}  // namespace
