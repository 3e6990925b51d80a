#include "tests/support/test_machine.hpp"

#include <fmt/format.h>

#include "models/trace/ftrace_sink.hpp"
#include "sim/error.hpp"
#include "tests/support/invariants.hpp"
#include "tests/support/temporary_directory.hpp"

namespace support {

using kt::kthread::Kthreads;
using kt::trace::Event;
using sim::Co;

namespace {

// kernel/stop_machine.c: cpu_stopper_thread under kernel/smpboot.c: smpboot_thread_fn
Co<int> migration(Kthreads& kthreads, kt::sched::Task& self, void*) {
  for (;;) {
    self.state = kt::sched::kTaskInterruptible;
    if (!kthreads.scheduler().stop_works_pending(self.cpu->id())) {
      co_await kthreads.scheduler().schedule();
      continue;
    }
    self.state = kt::sched::kTaskRunning;
    co_await kthreads.scheduler().run_stop_works(*self.cpu);
  }
}

// kernel/softirq.c: run_ksoftirqd under kernel/smpboot.c: smpboot_thread_fn
Co<int> ksoftirqd(Kthreads& kthreads, kt::sched::Task& self, void* data) {
  kt::softirq::Softirqs& softirqs = *static_cast<kt::softirq::Softirqs*>(data);
  for (;;) {
    self.state = kt::sched::kTaskInterruptible;
    if (self.cpu->softirq_pending == 0) {
      co_await kthreads.scheduler().schedule();
      continue;
    }
    self.state = kt::sched::kTaskRunning;
    co_await softirqs.run_ksoftirqd(*self.cpu);
  }
}

}  // namespace

void TestMachine::Recorder::write(std::span<const sim::TraceRecord> block, const sim::NameTable&) {
  records.insert(records.end(), block.begin(), block.end());
}

static kt::sched::SchedConfig sched_config(const MachineOptions& options) {
  kt::sched::SchedConfig config = options.sched;
  config.tick_offset = options.ticks.offset;
  return config;
}

TestMachine::TestMachine(const MachineOptions& options)
    : machine(calendar, kt::cpu::Topology(options.topology), options.costs, trace),
      scheduler(machine, sched_config(options)),
      ticks(options.ticks),
      softirqs(scheduler, ticks),
      tasklets(softirqs),
      timers(scheduler, softirqs, ticks),
      completions(scheduler, timers),
      waits(scheduler, timers),
      mutexes(scheduler),
      spinlocks(scheduler),
      kthreads(scheduler, timers, completions) {
  machine.chooser = options.chooser;
  trace.add_sink(recorder_);
  for (std::uint16_t event = 0; event < static_cast<std::uint16_t>(Event::kCount); ++event) {
    trace.enable(event);
  }
  boot();
}

void TestMachine::boot() {
  scheduler.make_idle_tasks();
  scheduler.next_pid = 2;
  kthreads.start_kthreadd();
  for (int cpu = 0; cpu < machine.nr_cpus(); ++cpu) {
    kt::sched::Task& stopper = kthreads.boot_thread(fmt::format("migration/{}", cpu), &migration,
                                                    nullptr, kt::sched::kTaskInterruptible);
    place(stopper, cpu);
    stopper.sched_class = kt::sched::Class::kStop;
    stopper.prio = 0;
    scheduler.rq(cpu).stop = &stopper;
    kt::sched::Task& softirqd = kthreads.boot_thread(fmt::format("ksoftirqd/{}", cpu), &ksoftirqd,
                                                     &softirqs, kt::sched::kTaskInterruptible);
    place(softirqd, cpu);
    softirqs.set_ksoftirqd(cpu, softirqd);
  }
  scheduler.start(nullptr);
}

// Binds a task that has never run.
void TestMachine::place(kt::sched::Task& p, int cpu) {
  p.cpu = &machine.cpu(cpu);
  p.wake_cpu = p.recent_used_cpu = cpu;
  scheduler.set_cpus_mask(p, kt::cpu::CpuMask::of(machine.nr_cpus(), cpu));
}

kt::sched::Task& TestMachine::thread(std::string_view name, kt::kthread::ThreadFunction body,
                                     void* data, int cpu, bool pinned) {
  KT_ASSERT(calendar.dispatched() == 0, "threads are made before the run");
  kt::sched::Task& p = kthreads.boot_thread(name, body, data, kt::sched::kTaskInterruptible);
  place(p, cpu);
  if (!pinned) scheduler.set_cpus_mask(p, machine.topology().possible());
  p.state = kt::sched::kTaskRunning;
  scheduler.activate_task(scheduler.rq(cpu), p, {.initial = true});
  scheduler.rq(cpu).idle->need_resched = true;
  return p;
}

kt::sched::Task& TestMachine::user_task(std::string_view name, kt::kthread::ThreadFunction body,
                                        void* data, int cpu) {
  kt::sched::Task& p = thread(name, body, data, cpu);
  p.flags &= ~static_cast<std::uint32_t>(kt::sched::kPfKthread | kt::sched::kPfNofreeze);
  p.ppid = 1;
  return p;
}

void TestMachine::note(std::string_view text) {
  machine.this_cpu().trace(Event::kMark, trace.names().intern(text));
  notes_.emplace_back(text);
}

std::span<const sim::TraceRecord> TestMachine::records() {
  trace.flush();
  return recorder_.records;
}

std::vector<sim::TraceRecord> TestMachine::records(Event event) {
  std::vector<sim::TraceRecord> found;
  for (const sim::TraceRecord& record : records()) {
    if (record.event == static_cast<std::uint16_t>(event)) found.push_back(record);
  }
  return found;
}

std::string TestMachine::trace_text() {
  const TemporaryDirectory directory;
  const std::string path = directory.path() / "trace.txt";
  kt::trace::FtraceSink sink(path, kt::trace::TimeFormat::kNanoseconds);
  sink.write(records(), trace.names());
  sink.close(static_cast<unsigned>(machine.nr_cpus()));
  return read_text(path);
}

std::string TestMachine::violations() {
  TraceText text = parse_trace(trace_text());
  text.preempt_rt = scheduler.preempt_rt();
  return describe(check_invariants(text));
}

}  // namespace support
