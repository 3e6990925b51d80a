// A machine with memory for tests: small nodes, kswapd threads, and threads that allocate and note
// what they got and how long it took.
#pragma once

#include <fmt/format.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "models/mm/memory.hpp"
#include "tests/support/test_machine.hpp"

namespace support {

struct MemoryRun;

/// One thread's allocations, in order; it sleeps before each.
struct Allocator {
  struct Step {
    std::uint64_t bytes = 4096;
    kt::mm::Gfp gfp = kt::mm::kGfpKernel;
    int node = -1;
    sim::Time sleep = 0;
    int times = 1;
  };
  MemoryRun* run = nullptr;
  std::vector<Step> steps;
  std::vector<bool> results{};
  std::vector<sim::Time> took{};
  bool done = false;
};

struct MemoryRun {
  static constexpr std::uint64_t kMiB = 1024 * 1024;

  explicit MemoryRun(const std::vector<kt::mm::NodeConfig>& nodes,
                     const MachineOptions& options = {})
      : m(options), memory(m.kthreads, m.waits, nodes) {
    std::vector<kt::sched::Task*> kswapds;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      kswapds.push_back(&m.kthreads.boot_thread(fmt::format("kswapd{}", i), nullptr, nullptr,
                                                kt::sched::kTaskInterruptible));
    }
    memory.set_kswapds(kswapds);
  }

  /// A thread of kind `user` or kernel on a CPU.
  Allocator& allocator(std::vector<Allocator::Step> steps, bool user = false, int cpu = 0) {
    Allocator& a = allocators.emplace_back(Allocator{this, std::move(steps)});
    const std::string name = fmt::format("alloc{}", allocators.size());
    tasks.push_back(user ? &m.user_task(name, &body, &a, cpu) : &m.thread(name, &body, &a, cpu));
    return a;
  }

  static sim::Co<int> body(kt::kthread::Kthreads& kthreads, kt::sched::Task& self, void* data) {
    Allocator& a = *static_cast<Allocator*>(data);
    for (const Allocator::Step& step : a.steps) {
      if (step.sleep != 0) co_await kthreads.timers().msleep(step.sleep);
      if (self.fatal_signal) break;
      const sim::Time start = a.run->m.calendar.now();
      bool ok = true;
      for (int i = 0; i < step.times && ok; ++i) {
        ok = co_await a.run->memory.alloc(step.bytes, step.gfp, step.node);
      }
      a.results.push_back(ok);
      a.took.push_back(a.run->m.calendar.now() - start);
    }
    a.done = true;
    co_return 0;
  }

  /// Pages of a node, whoever has them.
  [[nodiscard]] kt::mm::Pages accounted(int id) const {
    const kt::mm::Node& node = memory.node(id);
    return node.free + node.reclaimable() + node.allocated + node.hogged;
  }

  TestMachine m;
  kt::mm::Memory memory;
  std::deque<Allocator> allocators;
  std::vector<kt::sched::Task*> tasks;
};

}  // namespace support
