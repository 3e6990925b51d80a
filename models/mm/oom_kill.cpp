// The OOM killer: mm/oom_kill.c. The user task that has most memory is killed and gives it back
// when it ends; if that takes more than two seconds, as it waits for something in D, oom_reaper
// takes it.
#include <fmt/format.h>

#include <algorithm>

#include "models/mm/memory.hpp"
#include "models/trace/gfp_text.hpp"
#include "sim/error.hpp"

namespace kt::mm {

using trace::Event;

namespace {

constexpr int kSigkill = 9;
constexpr std::int32_t kInitPid = 1;
constexpr Time kOomReaperDelay = 2'000'000'000;  // ns, OOM_REAPER_DELAY

}  // namespace

Pages& Memory::held(const Task& p, int node) {
  const std::size_t index =
      static_cast<std::size_t>(p.pid) * nodes_.size() + static_cast<std::size_t>(node);
  if (index >= held_.size()) held_.resize((static_cast<std::size_t>(p.pid) + 1) * nodes_.size());
  return held_[index];
}

// mm/oom_kill.c: oom_badness, with the same oom_score_adj for all
Pages Memory::held(const Task& p) {
  Pages pages = 0;
  for (const Node& node : nodes_) pages += held(p, node.id);
  return pages;
}

OomVictim* Memory::victim_of(const Task& p) {
  const auto found = std::ranges::find(oom_victims_, &p, &OomVictim::task);
  return found != oom_victims_.end() ? &*found : nullptr;
}

// mm/mmap.c: exit_mmap, mm/oom_kill.c: __oom_reap_task_mm
Co<> Memory::exit_mmap(Task& p) {
  const Pages pages = held(p);
  if (pages > 0) co_await machine_.run(static_cast<Time>(pages) * machine_.costs().free_pages);
  for (Node& node : nodes_) {
    const Pages own = std::min(std::exchange(held(p, node.id), 0), node.allocated);
    node.allocated -= own;
    node.free += own;
  }
  note_counters();
  OomVictim* victim = victim_of(p);
  if (victim != nullptr) victim->skip = true;
}

Co<> Memory::exit_mm(void* self, Task& p) {
  return static_cast<Memory*>(self)->exit_mm(p);
}

Co<> Memory::exit_mm(Task& p) {
  co_await exit_mmap(p);
  if (!std::exchange(p.memdie, false)) co_return;  // else exit_oom_victim()
  if (--nr_oom_victims_ == 0 && oom_victims_wait_.head != nullptr) {
    co_await waits_.wake_up(oom_victims_wait_, sched::kTaskNormal, 0);
  }
}

Co<bool> Memory::oom_killer_disable(timers::Jiffies timeout) {
  const locking::Condition unlocked{
      [](const void* memory) { return !static_cast<const Memory*>(memory)->oom_lock_; }, this};
  const std::int64_t locked = co_await waits_.wait_event(
      oom_lock_wait_, unlocked, sched::kTaskKillable, true, timers::kMaxScheduleTimeout);
  if (locked < 0) co_return false;
  oom_killer_disabled_ = true;
  const locking::Condition gone{
      [](const void* memory) { return static_cast<const Memory*>(memory)->nr_oom_victims_ == 0; },
      this};
  const std::int64_t left = co_await waits_.wait_event(oom_victims_wait_, gone,
                                                       sched::kTaskInterruptible, false, timeout);
  if (left <= 0) oom_killer_enable();
  co_return left > 0;
}

// False: nobody can be killed for this. True: try again.
Co<bool> Memory::out_of_memory(Request request) {
  if (oom_killer_disabled_) co_return false;
  Task& current = scheduler_.current();
  if (current.fatal_signal && victim_of(current) == nullptr) {  // task_will_free_mem()
    co_await mark_oom_victim(current);
    co_return true;
  }
  if ((request.gfp & kGfpFs) == 0) co_return true;  // nobody is killed: it goes on trying
  bool aborted = false;
  Task* chosen = select_bad_process(aborted);
  // It has looked at each task.
  co_await machine_.run(static_cast<Time>(scheduler_.tasks().size()) *
                        machine_.costs().reclaim_scan);
  if (aborted) co_return true;
  if (chosen == nullptr) {
    throw sim::Defect(fmt::format(
        "out of memory and no killable processes: {} (pid {}) wants {} KiB ({}) and nothing is "
        "left to reclaim",
        machine_.trace().names()[current.full_name], current.pid, request.pages * kPageSize / 1024,
        trace::gfp_text(request.gfp)));
  }
  co_await oom_kill_process(*chosen);
  co_return true;
}

// The last one of those that have most. `aborted`: a victim is on its way out.
Task* Memory::select_bad_process(bool& aborted) {
  Task* chosen = nullptr;
  Pages points = 0;
  for (Task& p : scheduler_.tasks()) {
    const bool has_mm = p.is_user() && p.exit_state == sched::kExitNone;
    if (!has_mm || p.pid == kInitPid) continue;
    const OomVictim* victim = victim_of(p);
    if (victim != nullptr) {
      if (victim->skip) continue;
      aborted = true;
      return nullptr;
    }
    if ((p.flags & sched::kPfExiting) != 0 && held(p) == 0) continue;  // after exit_mm()
    if (chosen != nullptr && held(p) < points) continue;
    chosen = &p;
    points = held(p);
  }
  return chosen;
}

Co<> Memory::oom_kill_process(Task& p) {
  co_await mark_oom_victim(p);
  co_await kthreads_.send_signal(p, kSigkill);
}

// A victim that is frozen could free nothing: it is woken, and freezes no more.
Co<> Memory::mark_oom_victim(Task& p) {
  p.memdie = true;
  ++nr_oom_victims_;
  if (kthreads_.freezer.thaw != nullptr)
    co_await kthreads_.freezer.thaw(kthreads_.freezer.object, p);
  OomVictim& victim = oom_victims_.emplace_back();
  victim.task = &p;
  victim.at = machine_.now();
  victim.pages = held(p);
  machine_.this_cpu().trace(Event::kOomMarkVictim, cpu::pack(p.comm, p.pid),
                            victim.pages * (kPageSize / 1024));
  if (oom_reaper_ == nullptr) co_return;
  timers::KernelTimer& timer = victim.reaper_timer;  // queue_oom_reaper()
  timer.function = &wake_oom_reaper;
  timer.object = this;
  timer.function_name = oom_timer_name_;
  timer.address = timers::Timers::stack_address(p) + 0x80;
  timers_.add_timer(timer, timers_.jiffies() + timers_.ticks().from_time(kOomReaperDelay));
}

Co<> Memory::wake_oom_reaper(timers::Timers& timers, timers::KernelTimer& timer) {
  Memory& memory = *static_cast<Memory*>(timer.object);
  const auto victim = std::ranges::find(
      memory.oom_victims_, &timer,
      [](OomVictim& known) -> timers::KernelTimer* { return &known.reaper_timer; });
  if (victim->skip) co_return;
  memory.oom_reaper_list_.push_back(&*victim);
  co_await timers.scheduler().wake_up_process(*memory.oom_reaper_);
}

void Memory::set_oom_reaper(Task& thread) {
  oom_reaper_ = &thread;
  thread.kthread->function = &oom_reaper;
  thread.kthread->data = this;
}

Co<int> Memory::oom_reaper(kthread::Kthreads& kthreads, Task& self, void* data) {
  Memory& memory = *static_cast<Memory*>(data);
  for (;;) {
    while (!memory.oom_reaper_list_.empty()) {
      OomVictim& victim = *memory.oom_reaper_list_.front();
      memory.oom_reaper_list_.pop_front();
      if (!victim.skip) co_await memory.exit_mmap(*victim.task);
    }
    self.state = sched::kTaskInterruptible | sched::kTaskFreezable;
    co_await kthreads.scheduler().schedule();
  }
}

}  // namespace kt::mm
