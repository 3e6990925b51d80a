#include "models/rcu/rcu.hpp"

#include <algorithm>

namespace kt::rcu {

Rcu::Rcu(kthread::KthreadWorkers& workers, softirq::Softirqs& softirqs)
    : workers_(workers),
      kthreads_(workers.kthreads()),
      scheduler_(kthreads_.scheduler()),
      timers_(kthreads_.timers()),
      softirqs_(softirqs),
      completions_(kthreads_.completions()),
      name_(scheduler_.machine().trace().names().intern("an RCU grace period")),
      percpu_(static_cast<std::size_t>(scheduler_.machine().nr_cpus())),
      waits_for_(scheduler_.machine().nr_cpus()),
      exp_waits_for_(scheduler_.machine().nr_cpus()) {
  timers_.rcu_hook = {this, &rcu_sched_clock_irq, &rcu_needs_cpu};
  scheduler_.note_context_switch = {this, &note_context_switch};
  softirqs_.open_softirq(softirq::Vec::kRcu, &rcu_core, this);
}

Task& Rcu::boot_thread() {
  thread_ = &kthreads_.boot_thread("rcu_preempt", &gp_kthread, this, sched::kTaskIdle);
  return *thread_;
}

void Rcu::call_rcu(RcuHead& head) {
  PerCpu& rdp = at(scheduler_.machine().this_cpu().id());
  head.wanted = 0;
  head.next = nullptr;
  *rdp.tail = &head;
  rdp.tail = &head.next;
  ++callbacks_;
}

namespace {

constexpr Time kForceTick = 300 * sim::kMs;  // three times jiffies_to_sched_qs

struct Sleeper {
  RcuHead head;
  locking::Completion done;
  locking::Completions* completions = nullptr;
};

// kernel/rcu/update.c: wakeme_after_rcu
Co<> wakeme_after_rcu(Rcu&, void* object) {
  Sleeper& sleeper = *static_cast<Sleeper*>(object);
  return sleeper.completions->complete(sleeper.done);
}

}  // namespace

Co<> Rcu::synchronize_rcu() {
  if (expedited_ != 0) {
    co_await synchronize_rcu_expedited();
    co_return;
  }
  Sleeper sleeper;  // __wait_rcu_gp()
  sleeper.head = {.function = &wakeme_after_rcu, .object = &sleeper};
  sleeper.completions = &completions_;
  sleeper.done.name = name_;
  call_rcu(sleeper.head);
  co_await completions_.wait_for_completion(sleeper.done, sched::kTaskUninterruptible,
                                            timers::kMaxScheduleTimeout,
                                            {sched::WaitKind::kCompletion, name_, nullptr});
}

Co<> Rcu::migrate_callbacks(int dead) {
  PerCpu& from = at(dead);
  if (from.head == nullptr) co_return;
  PerCpu& to = at(scheduler_.machine().this_cpu().id());
  for (RcuHead* head = from.head; head != nullptr; head = head->next) head->wanted = 0;
  *to.tail = from.head;
  to.tail = from.tail;
  from.head = nullptr;
  from.tail = &from.head;
  if (accelerate(to)) co_await wake_gp_thread();
}

// Whether the CPU has passed a quiescent state since the grace period wants one of it.
bool Rcu::quiescent(int cpu, const PerCpu& rdp) const {
  return rdp.no_qs_since < 0 || scheduler_.rq(cpu).last_quiescent > rdp.no_qs_since;
}

// rcu_watching_snap_in_eqs(), and CPUs that have gone. User mode is watched where the tick may stop
// (context tracking).
bool Rcu::idle_or_offline(int cpu) const {
  const cpu::Cpu& other = scheduler_.machine().cpu(cpu);
  return !other.online || other.halted() ||
         (scheduler_.rq(cpu).tick_nohz_full && other.in_user_mode());
}

// The tick, also that of an idle CPU: rcu_flavor_sched_clock_irq() and rcu_pending().
bool Rcu::rcu_sched_clock_irq(void* self, Cpu& cpu) {
  Rcu& rcu = *static_cast<Rcu*>(self);
  PerCpu& rdp = rcu.at(cpu.id());
  const std::uint32_t atomic = cpu.current->preempt_count & (cpu::kPreemptMask | cpu::kSoftirqMask);
  if (atomic == 0) {
    rdp.no_qs_since = -1;
    rdp.exp_passed = true;
  }
  if (rcu.exp_passed(cpu.id())) return true;
  if (rdp.core_needs_qs && rcu.quiescent(cpu.id(), rdp)) return true;
  if (rdp.head != nullptr) {
    if (rdp.head->wanted != 0 && rdp.head->wanted <= rcu.gp_seq_) return true;
    if (rdp.head->wanted == 0 && !rcu.in_progress()) return true;
  }
  return rdp.gp_seq != rcu.gp_seq_;
}

bool Rcu::rcu_needs_cpu(void* self, Cpu& cpu) {
  return static_cast<Rcu*>(self)->at(cpu.id()).head != nullptr;
}

// The softirq.
Co<> Rcu::rcu_core(void* self, Cpu& cpu) {
  Rcu& rcu = *static_cast<Rcu*>(self);
  PerCpu& rdp = rcu.at(cpu.id());
  co_await cpu.run(cpu.costs().rcu_core);
  bool start = rcu.note_gp_changes(cpu.id());
  if (rcu.exp_passed(cpu.id())) co_await rcu.report_expedited(cpu.id());
  if (rdp.core_needs_qs && rcu.quiescent(cpu.id(), rdp)) {
    rdp.core_needs_qs = false;
    rcu.waits_for_.clear(cpu.id());
    if (rcu.waits_for_.empty()) co_await rcu.wake_gp_thread();
  }
  if (!rcu.in_progress()) start |= rcu.accelerate(rdp);
  if (start) co_await rcu.wake_gp_thread();
  co_await rcu.do_batch(rdp);
}

// The begin or end of a grace period comes to the CPU's notice. True: one has to start.
bool Rcu::note_gp_changes(int cpu) {
  PerCpu& rdp = at(cpu);
  if (rdp.gp_seq == gp_seq_) return false;
  rdp.gp_seq = gp_seq_;
  rdp.core_needs_qs = in_progress() && waits_for_.test(cpu);
  if (rdp.core_needs_qs) rdp.no_qs_since = scheduler_.machine().now();
  return accelerate(rdp);
}

// rcu_accelerate_cbs(): says which grace period the callbacks wait for that do not know it yet.
// True: nobody has asked for that one before.
bool Rcu::accelerate(PerCpu& rdp) {
  const std::uint64_t wanted = rcu_seq_snap();
  bool any = false;
  for (RcuHead* head = rdp.head; head != nullptr; head = head->next) {
    if (head->wanted != 0) continue;
    head->wanted = wanted;
    any = true;
  }
  if (!any || needed_ >= wanted) return false;
  needed_ = wanted;
  return true;
}

// rcu_do_batch()
Co<> Rcu::do_batch(PerCpu& rdp) {
  while (rdp.head != nullptr && rdp.head->wanted != 0 && rdp.head->wanted <= gp_seq_) {
    RcuHead& head = *rdp.head;
    rdp.head = head.next;
    if (rdp.head == nullptr) rdp.tail = &rdp.head;
    --callbacks_;
    co_await head.function(*this, head.object);
  }
}

// rcu_gp_kthread_wake(): not by itself.
Co<> Rcu::wake_gp_thread() {
  if (&scheduler_.current() == thread_ && !scheduler_.machine().this_cpu().in_interrupt())
    return {};
  return wake_thread();
}

Co<> Rcu::wake_thread() {
  co_await scheduler_.wake_up_process(*thread_);
}

// kernel/rcu/tree.c: rcu_gp_kthread
Co<int> Rcu::gp_kthread(kthread::Kthreads& kthreads, Task& self, void* object) {
  Rcu& rcu = *static_cast<Rcu*>(object);
  for (;;) {
    for (;;) {
      self.state = sched::kTaskIdle;
      if (rcu.needed_ > rcu.gp_seq_) break;
      co_await kthreads.scheduler().schedule();
    }
    self.state = sched::kTaskRunning;
    co_await rcu.gp_init();
    co_await rcu.fqs_loop(self);
    co_await rcu.gp_cleanup();
  }
}

Co<> Rcu::gp_init() {
  cpu::Machine& machine = scheduler_.machine();
  co_await machine.run(machine.costs().rcu_gp);
  ++gp_seq_;
  gp_start_ = machine.now();
  waits_for_ = machine.online_mask();
  note_gp_changes(machine.this_cpu().id());
}

// Until all have reported: first after one to three jiffies, and a jiffy for each 256 CPUs, then as
// often, it looks for those who idle. kernel/rcu/tree.c: rcu_gp_fqs_loop
Co<> Rcu::fqs_loop(Task& self) {
  using sim::kSecond;
  const auto hz = kSecond / timers_.ticks().period;
  const auto delay = static_cast<timers::Jiffies>(1 + (hz > 250 ? 1 : 0) + (hz > 500 ? 1 : 0) +
                                                  scheduler_.machine().nr_cpus() / 256);
  for (bool first = true; !waits_for_.empty(); first = false) {
    timers::Jiffies left = delay;
    while (left != 0) {
      self.state = sched::kTaskIdle;
      if (waits_for_.empty()) break;
      left = co_await timers_.schedule_timeout(left);
    }
    self.state = sched::kTaskRunning;
    if (!waits_for_.empty()) co_await force_quiescent_state(first);
  }
}

// Those that idle, and, from the second look on, those that have idled since the first
// (rcu_watching_snap_save, rcu_watching_snap_recheck).
Co<> Rcu::force_quiescent_state(bool first) {
  cpu::Machine& machine = scheduler_.machine();
  co_await machine.run(machine.costs().rcu_fqs * waits_for_.count());
  for (int cpu = waits_for_.first(); cpu >= 0; cpu = waits_for_.next(cpu + 1)) {
    const std::uint64_t halts = scheduler_.rq(cpu).nr_halts;
    if (idle_or_offline(cpu) || (!first && halts != at(cpu).watching_snap)) waits_for_.clear(cpu);
    if (first) at(cpu).watching_snap = halts;
    // Without a tick it reports nothing: after 300 ms it gets one (rcu_irq_enter_check_tick).
    sched::Rq& rq = scheduler_.rq(cpu);
    if (rq.tick_nohz_full && waits_for_.test(cpu) && !rq.tick_dep_rcu &&
        machine.now() - gp_start_ >= kForceTick) {
      rq.tick_dep_rcu = true;
      scheduler_.tick_nohz_full_kick_cpu(rq);
    }
  }
}

Co<> Rcu::gp_cleanup() {
  cpu::Machine& machine = scheduler_.machine();
  co_await machine.run(machine.costs().rcu_gp);
  ++gp_seq_;
  for (const int cpu : scheduler_.config().tick_full) scheduler_.rq(cpu).tick_dep_rcu = false;
  note_gp_changes(machine.this_cpu().id());
}

}  // namespace kt::rcu
