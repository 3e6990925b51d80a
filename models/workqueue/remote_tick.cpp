#include "models/workqueue/remote_tick.hpp"

#include <algorithm>

#include "sim/error.hpp"

namespace kt::workqueue {

RemoteTick::RemoteTick(Workqueues& workqueues) : workqueues_(workqueues) {
  constexpr std::uint64_t kFirstCpu = 0xffff88802e629d40;  // of the per-CPU tick_work
  constexpr std::uint64_t kNextCpu = 0x100000;
  sched::Scheduler& scheduler = workqueues.scheduler();
  for (const int cpu : scheduler.config().tick_full) {
    if (cpu == 0) continue;
    TickWork& twork = works_.emplace_back();
    twork.owner = this;
    twork.cpu = cpu;
    twork.state = State::kRunning;
    workqueues.init_delayed_work(twork.work, &sched_tick_remote, "sched_tick_remote",
                                 kFirstCpu + static_cast<std::uint64_t>(cpu) * kNextCpu);
    twork.work.object = &twork;
    workqueues.boot_delayed_work(*workqueues.system().unbound, twork.work, sim::kSecond);
  }
  if (!works_.empty()) scheduler.remote_tick = {this, &sched_tick_start, &sched_tick_stop};
}

RemoteTick::TickWork* RemoteTick::find(int cpu) {
  const auto found = std::ranges::find(works_, cpu, &TickWork::cpu);
  return found == works_.end() ? nullptr : &*found;
}

std::size_t RemoteTick::armed() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      works_, [](const TickWork& twork) { return twork.work.timer.pending(); }));
}

timers::Jiffies RemoteTick::second() const {
  return workqueues_.timers().ticks().from_time(sim::kSecond);
}

// On the CPU that starts. If its work has not ended since the CPU went, it goes on as it is.
Co<> RemoteTick::sched_tick_start(void* self, Cpu& cpu) {
  RemoteTick& remote = *static_cast<RemoteTick*>(self);
  TickWork* twork = remote.find(cpu.id());
  if (twork == nullptr) co_return;
  cpu.touch(twork, cpu::Access::kWrite);
  const State before = std::exchange(twork->state, State::kRunning);
  KT_ASSERT(before != State::kRunning, "the remote tick of CPU {} runs already", cpu.id());
  if (before == State::kOfflining) co_return;
  co_await remote.workqueues_.queue_delayed_work_on(
      kWorkCpuUnbound, *remote.workqueues_.system().unbound, twork->work, remote.second());
}

// On the CPU that dies. The work is not cancelled: it sees to its state itself.
void RemoteTick::sched_tick_stop(void* self, Cpu& cpu) {
  TickWork* twork = static_cast<RemoteTick*>(self)->find(cpu.id());
  if (twork == nullptr) return;
  cpu.touch(twork, cpu::Access::kWrite);
  KT_ASSERT(twork->state == State::kRunning, "CPU {} goes without a remote tick", cpu.id());
  twork->state = State::kOfflining;
}

// The check is racy, as in the kernel: a tick too many or too few does no harm.
Co<> RemoteTick::sched_tick_remote(Workqueues& workqueues, Work& work) {
  TickWork& twork = *static_cast<TickWork*>(work.object);
  const Cpu& cpu = workqueues.machine().cpu(twork.cpu);
  if (cpu.tick_stopped) {
    co_await workqueues.machine().run(workqueues.machine().costs().tick);
    if (cpu.online) workqueues.scheduler().sched_tick_remote(twork.cpu);
  }
  workqueues.machine().touch(&twork, cpu::Access::kWrite);
  KT_ASSERT(twork.state != State::kOffline, "CPU {} has a remote tick and is gone", twork.cpu);
  if (twork.state == State::kOfflining) {
    twork.state = State::kOffline;
    co_return;
  }
  co_await workqueues.queue_delayed_work_on(kWorkCpuUnbound, *workqueues.system().unbound,
                                            twork.work, twork.owner->second());
}

}  // namespace kt::workqueue
