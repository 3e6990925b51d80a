#include "tests/models/trace/sample_records.hpp"

#include <array>
#include <cstdint>

#include "models/trace/events.hpp"

namespace {

using kt::trace::Event;

using Arguments = std::array<std::uint64_t, 5>;

constexpr std::uint64_t kWork = 0xffff888000001768;
constexpr std::uint64_t kTimer = 0xffff888000002a00;

std::uint64_t pair(std::uint64_t high, std::int64_t low) {
  return high << 32 | (static_cast<std::uint64_t>(low) & 0xffffffff);
}

class Sample {
 public:
  explicit Sample(sim::NameTable& names) : names_(names) {}

  std::uint32_t name(std::string_view text) { return names_.intern(text); }
  std::uint64_t task(std::string_view comm, std::int64_t pid) { return pair(name(comm), pid); }

  /// Sets where and in which context the following records are taken.
  void context(std::string_view comm, std::int32_t pid, std::uint16_t cpu, std::uint8_t flags = 0,
               std::uint8_t preempt_depth = 0, std::uint8_t migrate_disable = 0) {
    next_.comm = name(comm);
    next_.pid = pid;
    next_.cpu = cpu;
    next_.flags = flags;
    next_.preempt_depth = preempt_depth;
    next_.migrate_disable = migrate_disable;
  }

  void add(Event event, const Arguments& arguments, sim::Time after = 1'300) {
    next_.time += after;
    next_.event = static_cast<std::uint16_t>(event);
    next_.arguments = arguments;
    records_.push_back(next_);
  }

  void sched();
  void switches();
  void kthreads();
  void irqs();
  void timers();
  void hrtimers();
  void rest();
  void vmscan();
  void power();
  void contexts();

  [[nodiscard]] std::vector<sim::TraceRecord> take() { return std::move(records_); }

 private:
  sim::NameTable& names_;
  sim::TraceRecord next_;
  std::vector<sim::TraceRecord> records_;
};

void Sample::sched() {
  using namespace kt::trace;
  context("control", 1, 0);
  add(Event::kMark, {name("start of the sample")}, 0);
  context("control", 1, 0, kIrqsOff, 2);
  add(Event::kSchedWaking, {task("kthreadd", 2), pair(120, 1)});
  add(Event::kSchedMigrateTask, {task("kthreadd", 2), 120, pair(0, 1)});
  context("swapper/1", 0, 1, kIrqsOff | kNeedResched | kPreemptNeedResched | kHardirq, 2);
  add(Event::kSchedWakeup, {task("kthreadd", 2), pair(120, 1)});
  context("kthreadd", 2, 1);
  add(Event::kSchedProcessFork, {task("kthreadd", 2), task("a_name_longer_than_15", 140)});
  context("kthreadd", 2, 1, kIrqsOff, 2);
  add(Event::kSchedWakeupNew, {task("a_name_longer_than_15", 140), pair(98, 127)});
  add(Event::kSchedStatRuntime, {task("kthreadd", 2), 123'456'789'012});
  add(Event::kSchedPiSetprio, {task("kthreadd", 2), pair(120, 98)});
  add(Event::kSchedWakeIdleWithoutIpi, {3});
}

void Sample::switches() {
  using namespace kt::trace;
  context("worker", 141, 3, kIrqsOff, 2);
  const auto next = task("swapper/3", 0);
  for (const int state : {0, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100})
    add(Event::kSchedSwitch, {task("worker", 141), pair(120, state), next, 120});
  add(Event::kSchedSwitch,
      {task("deadline", 1234567), pair(0xffffffff, 1), task("rt", 12345678), 0});
}

void Sample::kthreads() {
  using namespace kt::trace;
  context("control", 1, 2);
  add(Event::kSchedKthreadStop, {task("worker", 141)});
  add(Event::kSchedWaitTask, {task("worker", 141), 120});
  add(Event::kSchedProcessExit, {task("worker", 141), 120});
  add(Event::kSchedProcessFree, {task("worker", 141), 120});
  add(Event::kSchedProcessHang, {task("worker", 141)});
  add(Event::kSchedKthreadStopRet, {pair(0, -4)});
  add(Event::kSchedKthreadWorkQueueWork, {kWork, name("rx_fn"), 0xffff888000004000});
  add(Event::kSchedKthreadWorkExecuteStart, {kWork, name("rx_fn")});
  add(Event::kSchedKthreadWorkExecuteEnd, {kWork, name("rx_fn")});
  add(Event::kReturn, {name("KSTOP"), name("worker"), static_cast<std::uint64_t>(-4)});
}

void Sample::irqs() {
  using namespace kt::trace;
  context("worker-with-dash", 141, 12, kIrqsOff | kHardirq);
  add(Event::kIrqHandlerEntry, {32, name("eth0-rx-0")});
  for (const std::uint64_t vector : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
    add(Event::kSoftirqRaise, {vector});
  add(Event::kIrqHandlerExit, {32, 1});
  add(Event::kIrqHandlerExit, {-1ULL, 0});
  context("worker-with-dash", 141, 12, kSoftirq);
  add(Event::kSoftirqEntry, {6});
  add(Event::kTaskletEntry, {0xffffffff82001000, name("tx_action")});
  add(Event::kTaskletExit, {0xffffffff82001000, name("tx_action")});
  add(Event::kSoftirqExit, {6});
}

void Sample::timers() {
  using namespace kt::trace;
  context("ksoftirqd/1", 20, 1, kIrqsOff | kSoftirq, 1);
  add(Event::kTimerInit, {kTimer});
  for (const std::uint64_t flags : {0, 1, 2, 4, 8, 15})
    add(Event::kTimerStart, {kTimer, name("process_timeout"), 4'294'892'296, 4'294'892'297,
                             pair(250, static_cast<std::int64_t>(575U << 16 | flags << 12 | 129))});
  add(Event::kTimerStart, {kTimer, name("process_timeout"), 7, 8, pair(0xfffffffe, 0)});
  add(Event::kTimerExpireEntry, {kTimer, name("process_timeout"), 4'294'892'297, 4'294'892'297});
  add(Event::kTimerExpireExit, {kTimer});
  add(Event::kTimerCancel, {kTimer});
  add(Event::kTimerBaseIdle, {1, 1});
  for (const std::uint64_t mask : {0, 1, 2, 4, 8, 0x10, 0x20, 3})
    add(Event::kTickStop, {mask == 0 ? 1U : 0U, mask});
}

void Sample::hrtimers() {
  using namespace kt::trace;
  context("swapper/0", 0, 0, kIrqsOff | kHardirq, 1);
  for (const std::uint64_t clock : {0, 1, 7, 11, 2})
    add(Event::kHrtimerInit, {kTimer, pair(clock, 1)});
  for (const std::uint64_t mode : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
    add(Event::kHrtimerStart, {kTimer, name("hrtimer_wakeup"), 5'000'000'000, 4'999'950'000,
                               pair(mode, mode == 3 ? 1 : 0)});
  add(Event::kHrtimerExpireEntry, {kTimer, name("tick_nohz_handler"), 5'000'001'234});
  add(Event::kHrtimerExpireExit, {kTimer});
  add(Event::kHrtimerCancel, {kTimer});
}

void Sample::rest() {
  using namespace kt::trace;
  context("swapper/0", 0, 0, kIrqsOff, 1);
  add(Event::kCpuIdle, {1, 0});
  add(Event::kCpuIdle, {4'294'967'295, 0});
  add(Event::kCpuhpEnter, {pair(2, 145), 235, name("sched_cpu_deactivate")});
  add(Event::kCpuhpMultiEnter, {pair(12, 0), 22, name("bio_cpu_dead")});
  add(Event::kCpuhpExit, {pair(2, 234), pair(235, -16)});
  add(Event::kIpiSendCpu, {1, name("ttwu_queue_wakelist+0x1a0/0x2f0"), name("sched_ttwu_pending")});
  add(Event::kIpiSendCpu, {1, name("resched_curr+0x5b/0xd0"), 0});
  add(Event::kCsdQueueCpu,
      {1, name("ttwu_queue_wakelist"), name("sched_ttwu_pending"), 0xffff88803ec00000});
  add(Event::kCsdFunctionEntry, {name("sched_ttwu_pending"), 0xffff88803ec00000});
  add(Event::kCsdFunctionExit, {name("sched_ttwu_pending"), 0});
  add(Event::kWorkqueueQueueWork, {0xffff888100000000, name("rx"), name("events"), std::uint64_t{8192} << 32 | 0xffffffff});
  add(Event::kWorkqueueActivateWork, {0xffff888100000000, name("rx")});
  add(Event::kWorkqueueExecuteStart, {0xffff888100000000, name("rx")});
  add(Event::kWorkqueueExecuteEnd, {0xffff888100000000, name("rx")});
}

void Sample::vmscan() {
  using namespace kt::trace;
  context("kswapd0", 60, 1, 0, 0);
  add(Event::kVmscanKswapdSleep, {0});
  add(Event::kVmscanKswapdWake, {1, 3});
  for (const std::uint64_t gfp : {0, 0xcc0, 0xc40, 0xc00, 0x820, 0x2800, 0x10cc0, 0x204cc0, 0x8})
    add(Event::kVmscanWakeupKswapd, {1, 0, gfp});
  add(Event::kVmscanDirectReclaimBegin, {2, 0xcc0});
  add(Event::kVmscanDirectReclaimEnd, {32});
  for (const std::uint64_t reason : {0, 1, 2})
    add(Event::kVmscanThrottled, {0, pair(100'000, 4'000), reason});
  add(Event::kOomMarkVictim, {task("hog", 120), 131072});
  add(Event::kJbd2StartCommit, {pair(8, 1), 2, 1});
  add(Event::kJbd2EndCommit, {pair(8, 1), 2, 1});
}

void Sample::power() {
  using namespace kt::trace;
  context("control", 1, 0);
  add(Event::kSuspendResume, {name("suspend_enter"), pair(3, 1)});
  add(Event::kSuspendResume, {name("suspend_enter"), pair(3, 0)});
  add(Event::kDevicePmCallbackStart,
      {name("nvme"), name("nvme0"), name("none"), pair(name("driver "), 2)});
  add(Event::kDevicePmCallbackEnd, {name("nvme"), name("nvme0"), 0xfffffff0});
  add(Event::kDevicePmCallbackStart, {name("i2c"), name("i2c-1"), name("nvme0"), pair(name(""), 16)});
  add(Event::kDevicePmCallbackEnd, {name("i2c"), name("i2c-1"), 0});
  add(Event::kWakeupSourceActivate, {name("alarmtimer"), 0x1});
  add(Event::kWakeupSourceDeactivate, {name("alarmtimer"), 0x10000});
  add(Event::kCpuFrequency, {1'200'000, 0});
}

void Sample::contexts() {
  using namespace kt::trace;
  for (unsigned flags = 0; flags < 64; ++flags) {
    const auto depth = static_cast<std::uint8_t>(flags / 3);
    context("kworker/R-a_long_workqueue", 99999, static_cast<std::uint16_t>(flags * 17),
            static_cast<std::uint8_t>(flags), depth, static_cast<std::uint8_t>(flags / 2));
    add(Event::kMark, {name("flags")}, 1'999'999'500'137);
  }
}

}  // namespace

std::vector<sim::TraceRecord> sample_records(sim::NameTable& names) {
  Sample sample(names);
  sample.sched();
  sample.switches();
  sample.kthreads();
  sample.irqs();
  sample.timers();
  sample.hrtimers();
  sample.rest();
  sample.contexts();
  sample.vmscan();
  sample.power();
  return sample.take();
}
