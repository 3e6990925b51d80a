// The decisions of load balancing against cases worked out by hand from kernel/sched/fair.c.
#include "models/sched/imbalance.hpp"

#include <catch2/catch.hpp>

using namespace kt::sched;

namespace {

/// A group of `cpus` CPUs without real-time tasks.
GroupStats figures(unsigned cpus, unsigned nr_running, std::uint64_t util, std::uint64_t load = 0) {
  GroupStats stats;
  stats.weight = cpus;
  stats.capacity = cpus * std::uint64_t{1024};
  stats.nr_running = stats.h_nr_running = nr_running;
  stats.idle_cpus = nr_running < cpus ? cpus - nr_running : 0;
  stats.util = stats.runnable = util;
  stats.load = load;
  return stats;
}

GroupStats classified(GroupStats stats) {
  stats.type = group_classify(117, false, stats);
  if (stats.type == GroupType::kOverloaded) stats.avg_load = stats.load_per_cpu();
  return stats;
}

struct GroupPair {
  Group local_group;
  Group busiest_group;
  Domain sd;
  DomainStats stats;

  GroupPair(const GroupStats& local, const GroupStats& busiest, std::uint32_t child_flags,
            std::uint32_t sd_flags) {
    local_group.cores = local_group.weight = static_cast<int>(local.weight);
    busiest_group.cores = busiest_group.weight = static_cast<int>(busiest.weight);
    local_group.flags = busiest_group.flags = child_flags;
    sd.flags = sd_flags;
    sd.imbalance_pct = 117;
    stats.local = &local_group;
    stats.busiest = &busiest_group;
    stats.local_stats = classified(local);
    stats.busiest_stats = classified(busiest);
    stats.total_load = local.load + busiest.load;
    stats.total_capacity = local.capacity + busiest.capacity;
  }
  [[nodiscard]] Imbalance find(CpuIdle idle) const { return find_imbalance(sd, idle, stats); }
};

constexpr Imbalance kBalanced{};

Imbalance tasks(std::int64_t count) {
  return {MigrationType::kTask, count};
}

}  // namespace

TEST_CASE("a group is classified by tasks, utilization and runnable time", "[sched][balance]") {
  const auto type = [](unsigned nr_running, std::uint64_t util, std::uint64_t runnable) {
    GroupStats stats = figures(4, nr_running, util);
    stats.runnable = runnable;
    return group_classify(117, false, stats);
  };
  CHECK(type(3, 4096, 4096) == GroupType::kHasSpare);    // fewer tasks than CPUs
  CHECK(type(5, 3000, 4792) == GroupType::kHasSpare);    // 4096 * 1.17 = 4792.3
  CHECK(type(5, 3000, 4793) == GroupType::kOverloaded);  // they wait
  CHECK(type(5, 3501, 3501) == GroupType::kOverloaded);  // 4096 / 1.17 = 3500.9
  CHECK(type(5, 3500, 3500) == GroupType::kHasSpare);
  CHECK(type(4, 3501, 3501) == GroupType::kFullyBusy);  // one each
  CHECK(type(4, 3000, 4793) == GroupType::kFullyBusy);
}

TEST_CASE("what marks a group counts unless it is overloaded", "[sched][balance]") {
  GroupStats stats = figures(2, 1, 900);
  stats.misfit_load = 700;
  CHECK(group_classify(117, false, stats) == GroupType::kMisfitTask);
  stats.smt_balance = true;
  CHECK(group_classify(117, false, stats) == GroupType::kSmtBalance);
  CHECK(group_classify(117, true, stats) == GroupType::kImbalanced);
  CHECK(group_classify(117, true, figures(2, 4, 2048)) == GroupType::kOverloaded);
}

TEST_CASE("within a cache CPUs even out their tasks", "[sched][balance]") {
  // Groups of one CPU: 0 tasks against 4. The difference is halved.
  const GroupPair pair(figures(1, 0, 0), figures(1, 4, 1024, 4096), 0, kSdShareLlc);
  CHECK(pair.find(CpuIdle::kIdle) == tasks(2));
  CHECK(pair.find(CpuIdle::kNewlyIdle) == tasks(2));
  // One each, and one against none: nobody waits.
  CHECK(GroupPair(figures(1, 1, 1024), figures(1, 1, 1024), 0, kSdShareLlc).find(CpuIdle::kIdle) ==
        kBalanced);
  CHECK(GroupPair(figures(1, 0, 0), figures(1, 1, 1024), 0, kSdShareLlc).find(CpuIdle::kIdle) ==
        kBalanced);
}

TEST_CASE("a busy CPU leaves what is not overloaded to an idle one", "[sched][balance]") {
  const GroupPair pair(figures(2, 1, 300), figures(2, 2, 1900), 0, kSdShareLlc);
  REQUIRE(pair.stats.busiest_stats.type == GroupType::kFullyBusy);
  CHECK(pair.find(CpuIdle::kBusy) == kBalanced);
}

TEST_CASE("between caches an idle group fills up with utilization", "[sched][balance]") {
  // 4 CPUs with 500 used can take 3,596; 6 tasks of 1024 on the other 4.
  const GroupPair pair(figures(4, 1, 500), figures(4, 6, 4096, 6144), kSdShareLlc, 0);
  REQUIRE(pair.stats.busiest_stats.type == GroupType::kOverloaded);
  CHECK(pair.find(CpuIdle::kIdle) == Imbalance{MigrationType::kUtil, 3596});
  // By its history the idle group is full: one task all the same.
  const GroupPair full(figures(4, 3, 4096), figures(4, 6, 4096, 6144), kSdShareLlc, 0);
  CHECK(full.find(CpuIdle::kNewlyIdle) == tasks(1));
  CHECK(full.find(CpuIdle::kBusy) == Imbalance{MigrationType::kUtil, 0});
}

TEST_CASE("two overloaded groups meet at the average load", "[sched][balance]") {
  // 4 CPUs with 6,144 and with 12,288: 1,536 and 3,072 a CPU, 2,304 on average.
  const GroupPair pair(figures(4, 6, 4096, 6144), figures(4, 12, 4096, 12288), kSdShareLlc, 0);
  CHECK(pair.find(CpuIdle::kBusy) == Imbalance{MigrationType::kLoad, 3072});
  // 1,536 against 1,792 is within 17 %.
  const GroupPair near(figures(4, 6, 4096, 6144), figures(4, 7, 4096, 7168), kSdShareLlc, 0);
  CHECK(near.find(CpuIdle::kBusy) == kBalanced);
  const GroupPair reverse(figures(4, 12, 4096, 12288), figures(4, 6, 4096, 6144), kSdShareLlc, 0);
  CHECK(reverse.find(CpuIdle::kIdle) == kBalanced);
}

TEST_CASE("a full group takes load only up to the average", "[sched][balance]") {
  // Fully busy with 4,096 on 4 CPUs, against 8,192: 1,024 and 2,048, on average 1,536.
  const GroupPair pair(figures(4, 4, 4096, 4096), figures(4, 8, 4096, 8192), kSdShareLlc, 0);
  REQUIRE(pair.stats.local_stats.type == GroupType::kFullyBusy);
  CHECK(pair.find(CpuIdle::kBusy) == Imbalance{MigrationType::kLoad, 2048});
}

TEST_CASE("caches of a node get tasks in proportion to their cores", "[sched][balance]") {
  const std::uint32_t prefer = kSdShareLlc | kSdPreferSibling;
  // 3 tasks against 1 on 4 cores each, nobody waits: they spread nevertheless.
  CHECK(GroupPair(figures(4, 1, 500), figures(4, 3, 1500), prefer, 0).find(CpuIdle::kIdle) ==
        tasks(1));
  CHECK(GroupPair(figures(4, 1, 500), figures(4, 2, 1000), prefer, 0).find(CpuIdle::kIdle) ==
        kBalanced);
  // 6 cores with 6 tasks, 2 cores with none: (2 * 12 + 8) / 8 = 4, halved.
  CHECK(GroupPair(figures(2, 0, 0), figures(6, 6, 3000), prefer, 0).find(CpuIdle::kIdle) ==
        tasks(2));
}

TEST_CASE("nodes may differ by two tasks while few run", "[sched][balance]") {
  CHECK(adjust_numa_imbalance(2, 4, 4) == 0);
  CHECK(adjust_numa_imbalance(3, 4, 4) == 3);
  CHECK(adjust_numa_imbalance(2, 5, 4) == 2);
  // 2 CPUs a node, 2 tasks against none, one may be imbalanced: 0 + 1 is not above it.
  GroupPair pair(figures(2, 0, 0), figures(2, 2, 1000), 0, kSdNuma);
  pair.sd.imb_numa_nr = 1;
  CHECK(pair.find(CpuIdle::kIdle) == tasks(0));
  GroupPair wide(figures(8, 0, 0), figures(8, 6, 3000), 0, kSdNuma);
  wide.sd.imb_numa_nr = 2;
  CHECK(wide.find(CpuIdle::kIdle) == tasks(3));
}

TEST_CASE("one idle CPU of difference is none", "[sched][balance]") {
  const GroupPair pair(figures(4, 1, 500), figures(4, 2, 900), kSdShareLlc, 0);
  CHECK(pair.find(CpuIdle::kIdle) == kBalanced);
  const GroupPair more(figures(4, 0, 0), figures(4, 3, 900), kSdShareLlc, 0);
  CHECK(more.find(CpuIdle::kIdle) == tasks(1));
}

TEST_CASE("affinity, shared cores and little capacity force one task over", "[sched][balance]") {
  GroupPair pair(figures(4, 4, 4096, 4096), figures(4, 4, 4096, 4096), kSdShareLlc, 0);
  pair.stats.busiest_stats.type = GroupType::kImbalanced;
  CHECK(pair.find(CpuIdle::kBusy) == tasks(1));
  pair.stats.busiest_stats.type = GroupType::kMisfitTask;
  pair.stats.busiest_stats.misfit_load = 700;
  CHECK(pair.find(CpuIdle::kIdle) == Imbalance{MigrationType::kLoad, 700});
}

TEST_CASE("the busiest group is the most urgent, then the fullest", "[sched][balance]") {
  Group group;
  DomainStats domain;
  CHECK_FALSE(busier(domain, group, classified(figures(4, 0, 0))));
  const GroupStats light = classified(figures(4, 1, 500));
  REQUIRE(busier(domain, group, light));
  domain.busiest = &group;
  domain.busiest_stats = light;
  CHECK(busier(domain, group, classified(figures(4, 2, 900))));
  CHECK_FALSE(busier(domain, group, light));
  domain.busiest_stats = classified(figures(4, 6, 4096, 6144));
  CHECK_FALSE(busier(domain, group, classified(figures(4, 4, 4096, 9000))));
  CHECK(busier(domain, group, classified(figures(4, 6, 4096, 6200))));
}

TEST_CASE("a busy cache is searched less for an idle CPU", "[sched][select]") {
  constexpr int kCpus = 16;
  CHECK(idle_cpu_scan(0, kCpus, 117) == 16);
  // Half busy: 1 - (0.5 * 1.17)^2 = 0.658 of 16.
  CHECK(idle_cpu_scan(kCpus * 512, kCpus, 117) == 10);
  CHECK(idle_cpu_scan(kCpus * 876, kCpus, 117) == 0);  // 1024 / 1.17 = 875.2
  CHECK(idle_cpu_scan(kCpus * 1024, kCpus, 117) == 0);
}
