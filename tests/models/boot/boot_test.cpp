// The threads of a booted machine against what ps showed of real ones: 6.12.117, Debian's cloud
// kernel, recorded before t = 0.
#include "models/boot/boot.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

#include "models/boot/ps.hpp"
#include "tests/models/boot/booted_machine.hpp"

namespace kt::boot {
namespace {

// "name stat cls rtprio ni cpus" in PID order. Left out: kworkers, whose number depends on the
// load, and what its hardware has brought. kauditd is added: the recording had audit=0.
constexpr std::array kTwoCpus{
    "control R TS - 0 0-1",
    "kthreadd S TS - 0 0-1",
    "pool_workqueue_release S TS - 0 0-1",
    "kworker/R-kvfree_rcu_reclaim I< TS - -20 0-1",
    "kworker/R-rcu_gp I< TS - -20 0-1",
    "kworker/R-sync_wq I< TS - -20 0-1",
    "kworker/R-slub_flushwq I< TS - -20 0-1",
    "kworker/R-netns I< TS - -20 0-1",
    "kworker/R-mm_percpu_wq I< TS - -20 0-1",
    "rcu_tasks_kthread I TS - 0 0-1",
    "rcu_tasks_rude_kthread I TS - 0 0-1",
    "rcu_tasks_trace_kthread I TS - 0 0-1",
    "ksoftirqd/0 S TS - 0 0",
    "rcu_preempt I TS - 0 0-1",
    "rcu_exp_par_gp_kthread_worker/0 S TS - 0 0-1",
    "rcu_exp_gp_kthread_worker S TS - 0 0-1",
    "migration/0 S FF 99 - 0",
    "idle_inject/0 S FF 50 - 0",
    "cpuhp/0 S TS - 0 0",
    "cpuhp/1 S TS - 0 1",
    "idle_inject/1 S FF 50 - 1",
    "migration/1 S FF 99 - 1",
    "ksoftirqd/1 S TS - 0 1",
    "kdevtmpfs S TS - 0 0-1",
    "kworker/R-inet_frag_wq I< TS - -20 0-1",
    "kauditd S TS - 0 0-1",
    "khungtaskd S TS - 0 0-1",
    "oom_reaper S TS - 0 0-1",
    "kworker/R-writeback I< TS - -20 0-1",
    "kcompactd0 S TS - 0 0-1",
    "ksmd SN TS - 5 0-1",
    "khugepaged SN TS - 19 0-1",
    "kworker/R-kintegrityd I< TS - -20 0-1",
    "kworker/R-kblockd I< TS - -20 0-1",
    "kworker/R-blkcg_punt_bio I< TS - -20 0-1",
    "irq/9-acpi S FF 50 - 1",
    "kworker/R-quota_events_unbound I< TS - -20 0-1",
    "kswapd0 S TS - 0 0-1",
    "kworker/R-kthrotld I< TS - -20 0-1",
    "kworker/R-mld I< TS - -20 0-1",
    "kworker/R-ipv6_addrconf I< TS - -20 0-1",
    "kworker/R-kstrp I< TS - -20 0-1",
};

bool is_kworker(const std::string& name) {
  return name.starts_with("kworker/") && !name.starts_with("kworker/R-");
}

// Without the brackets of a kernel thread.
std::string name_of(const PsRow& row) {
  return row.comm.front() == '[' ? row.comm.substr(1, row.comm.size() - 2) : row.comm;
}

std::vector<std::string> described(BootedMachine& booted, bool kworkers) {
  std::vector<std::string> lines;
  for (const PsRow& row : ps_rows(booted.scheduler)) {
    if (is_kworker(name_of(row)) != kworkers) continue;
    const auto dash = [](auto value) { return value ? std::to_string(*value) : "-"; };
    const Task& p = *booted.scheduler.find_task(row.pid);
    lines.push_back(name_of(row) + " " + row.stat + " " + std::string(row.cls) + " " +
                    dash(row.rtprio) + " " + dash(row.ni) + " " + p.cpus_ptr->to_list());
  }
  return lines;
}

std::vector<std::string> names(BootedMachine& booted) {
  std::vector<std::string> list;
  for (const PsRow& row : ps_rows(booted.scheduler)) list.push_back(name_of(row));
  return list;
}

TEST_CASE("the threads of a booted machine are the kernel's, in its order", "[boot]") {
  BootedMachine booted(cpus(2));
  const std::vector<std::string> expected(kTwoCpus.begin(), kTwoCpus.end());
  CHECK(described(booted, false) == expected);
  const std::vector<PsRow> rows = ps_rows(booted.scheduler);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    REQUIRE(rows[i].pid == static_cast<std::int32_t>(i) + 1);
    CHECK(rows[i].ppid == (rows[i].pid <= 2 ? 0 : 2));
  }
}

TEST_CASE("the workers stand where the kernel makes them", "[boot]") {
  BootedMachine booted(cpus(2));
  CHECK(described(booted, true) ==
        std::vector<std::string>{
            "kworker/0:0 I TS - 0 0", "kworker/0:1 I TS - 0 0", "kworker/0:0H I< TS - -20 0",
            "kworker/u8:0 I TS - 0 0-1", "kworker/1:0 I TS - 0 1", "kworker/1:0H I< TS - -20 1",
            "kworker/u8:1 I TS - 0 0-1", "kworker/u9:0 I< TS - -20 0-1", "kworker/1:1 I TS - 0 1",
            "kworker/u8:2 I TS - 0 0-1", "kworker/u8:3 I TS - 0 0-1"});
  const std::vector<std::string> list = names(booted);
  CHECK(list[8] == "kworker/0:0");  // PID 9, as recorded
  CHECK(list[11] == "kworker/u8:0");
  CHECK(list[27] == "kworker/1:0");
}

TEST_CASE("two nodes have a daemon and a pool each", "[boot]") {
  cpu::TopologySpec spec = cpus(4);
  spec.nodes = {{"0-1", 0}, {"2-3", 0}};
  BootedMachine booted(spec);
  CHECK(booted.named("kcompactd1").cpus_ptr->to_list() == "2-3");
  CHECK(booted.named("kswapd0").cpus_ptr->to_list() == "0-1");
  const std::vector<std::string> list = names(booted);
  std::vector<std::string> unbound;
  std::copy_if(list.begin(), list.end(), std::back_inserter(unbound),
               [](const std::string& name) { return name.starts_with("kworker/u"); });
  CHECK(unbound == std::vector<std::string>{"kworker/u16:0", "kworker/u17:0", "kworker/u17:1",
                                            "kworker/u18:0", "kworker/u18:1", "kworker/u19:0",
                                            "kworker/u20:0", "kworker/u21:0", "kworker/u17:2",
                                            "kworker/u17:3", "kworker/u18:2", "kworker/u18:3"});
}

TEST_CASE("a scenario says how many workers idle", "[boot]") {
  BootedMachine booted(cpus(1), {.kworkers = {{0, false, 3}, {0, true, 2}, {-1, false, 1}}});
  std::vector<std::string> workers = described(booted, true);
  for (std::string& line : workers) line.resize(line.find(' '));
  CHECK(workers == std::vector<std::string>{"kworker/0:0", "kworker/0:1", "kworker/0:0H",
                                            "kworker/u4:0", "kworker/u5:0", "kworker/0:2",
                                            "kworker/0:1H"});
  CHECK(booted.workqueues.cpu_pool(0, false).workers.front().task == &booted.named("kworker/0:0"));
}

TEST_CASE("siblings come up after the first CPU of every core", "[boot]") {
  BootedMachine booted(cpus(4, 2));
  std::vector<std::string> list = names(booted);
  std::erase_if(list, [](const std::string& name) { return !name.starts_with("cpuhp/"); });
  CHECK(list == std::vector<std::string>{"cpuhp/0", "cpuhp/2", "cpuhp/1", "cpuhp/3"});
}

TEST_CASE("each leaf of RCU's tree has its worker", "[boot]") {
  BootedMachine booted(cpus(40));  // three leaves of 14 CPUs below a root
  std::vector<std::string> list = names(booted);
  std::erase_if(list, [](const std::string& name) { return !name.starts_with("rcu_exp_par"); });
  CHECK(list == std::vector<std::string>{"rcu_exp_par_gp_kthread_worker/1",
                                         "rcu_exp_par_gp_kthread_worker/2",
                                         "rcu_exp_par_gp_kthread_worker/3"});
}

TEST_CASE("flags say who may be moved and who is frozen", "[boot]") {
  BootedMachine booted(cpus(2));
  const auto has = [&](const char* name, std::uint32_t flag) {
    return (booted.named(name).flags & flag) != 0;
  };
  for (const char* name : {"migration/1", "ksoftirqd/0", "kworker/0:0", "kworker/u8:0",
                           "kworker/R-rcu_gp", "cpuhp/1"}) {
    CHECK(has(name, sched::kPfNoSetaffinity));
    CHECK(has(name, sched::kPfNofreeze));
  }
  for (const char* name : {"khungtaskd", "rcu_preempt", "irq/9-acpi", "kthreadd"}) {
    CHECK_FALSE(has(name, sched::kPfNoSetaffinity));
    CHECK(has(name, sched::kPfNofreeze));
  }
  for (const char* name : {"kswapd0", "kcompactd0", "ksmd", "khugepaged", "oom_reaper"}) {
    CHECK_FALSE(has(name, sched::kPfNofreeze));
  }
  CHECK_FALSE(has("control", sched::kPfKthread));
  CHECK(booted.named("migration/1").sched_class == sched::Class::kStop);
  CHECK(booted.named("migration/1").prio == 0);
  CHECK(booted.named("idle_inject/0").prio == 49);
  CHECK(booted.scheduler.rq(1).stop == &booted.named("migration/1"));
}

TEST_CASE("a minimal boot has what switches and softirqs need", "[boot]") {
  BootedMachine booted(cpus(2), {.minimal = true, .workers = false});
  CHECK(names(booted) == std::vector<std::string>{"control", "kthreadd", "ksoftirqd/0",
                                                  "migration/0", "migration/1", "ksoftirqd/1"});
}

TEST_CASE("a big machine is booted in a moment", "[boot]") {
  cpu::TopologySpec spec = cpus(1024, 2);
  BootedMachine booted(spec);
  CHECK(names(booted).size() > 7 * 1024);
}

}  // namespace
}  // namespace kt::boot
