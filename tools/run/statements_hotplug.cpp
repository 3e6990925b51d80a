// Per-CPU threads, and CPUs that come and go.
#include "sim/error.hpp"
#include "tools/run/interpreter.hpp"

namespace kt::run {

using scenario::Op;
using scenario::PercpuThread;
using scenario::Verb;

bool Interpreter::percpu_should_run(void* object, cpu::Cpu& cpu) {
  const Body& body = *static_cast<Body*>(object);
  const PercpuThread& thread =
      body.interpreter->scenario_.percpu_threads[static_cast<std::size_t>(body.index)];
  return body.interpreter->evaluate(static_cast<Task&>(*cpu.current), thread.should_run) != 0;
}

template <std::int32_t PercpuThread::*program>
Co<> Interpreter::percpu_callback(void* object, cpu::Cpu& cpu) {
  const Body& body = *static_cast<Body*>(object);
  const PercpuThread& thread =
      body.interpreter->scenario_.percpu_threads[static_cast<std::size_t>(body.index)];
  (void)cpu;
  co_await body.interpreter->run_body(body.interpreter->models_.scheduler.current(),
                                      thread.*program);
}

namespace {

std::size_t first_percpu_thread(const scenario::Scenario& scenario) {
  return scenario.kthreads.size() + scenario.tasks.size() + scenario.kthread_workers.size();
}

}  // namespace

// The kind's own lock of CPUs is cpu_hotplug_lock (smpboot_register_percpu_thread).
Co<> Interpreter::register_percpu_threads() {
  const int nr_cpus = models_.machine.nr_cpus();
  for (std::size_t i = 0; i < scenario_.percpu_threads.size(); ++i) {
    const PercpuThread& spec = scenario_.percpu_threads[i];
    PercpuKind& kind = percpu_kinds_.emplace_back();
    kind.body = {this, static_cast<std::int32_t>(i)};
    kthread::HotplugThread& descriptor = kind.descriptor;
    descriptor = {.comm = spec.name,
                  .object = &kind.body,
                  .thread_should_run = &percpu_should_run,
                  .thread_fn = &percpu_callback<&PercpuThread::program>};
    if (spec.setup >= 0) descriptor.setup = &percpu_callback<&PercpuThread::setup>;
    if (spec.cleanup >= 0) descriptor.cleanup = &percpu_callback<&PercpuThread::cleanup>;
    if (spec.park >= 0) descriptor.park = &percpu_callback<&PercpuThread::park>;
    if (spec.unpark >= 0) descriptor.unpark = &percpu_callback<&PercpuThread::unpark>;
    descriptor.selfparking = spec.selfparking;
    co_await models_.hotplug.cpus_read_lock();
    co_await models_.smpboot.smpboot_register_percpu_thread(descriptor);
    co_await models_.hotplug.cpus_read_unlock();
    for (int cpu = 0; cpu < nr_cpus; ++cpu) {
      Task* k = models_.smpboot.thread(descriptor, cpu);
      const std::size_t index = first_percpu_thread(scenario_) +
                                i * static_cast<std::size_t>(nr_cpus) +
                                static_cast<std::size_t>(cpu);
      if (k != nullptr) set_thread(static_cast<std::int32_t>(index), *k);
    }
  }
}

Co<int> Interpreter::hotplug_callback(hotplug::Hotplug& hotplug, cpu::Cpu&, void* object) {
  const Body& body = *static_cast<Body*>(object);
  return body.interpreter->run_body(hotplug.scheduler().current(), body.index);
}

Co<> Interpreter::setup_hotplug_states() {
  for (const scenario::HotplugState& spec : scenario_.hotplug_states) {
    const auto callback = [this, &spec](std::int32_t program) {
      hotplug::StepCallback result;
      if (program < 0) return result;
      hotplug_bodies_.push_back({this, program});
      result.name = spec.name;
      result.function = &hotplug_callback;
      result.object = &hotplug_bodies_.back();
      return result;
    };
    const hotplug::StepCallback startup = callback(spec.startup);
    const hotplug::StepCallback teardown = callback(spec.teardown);
    const int state = co_await models_.hotplug.cpuhp_setup_state(spec.name, spec.online, startup,
                                                                 teardown, spec.invoke);
    if (state < 0) {
      throw sim::Defect(fmt::format("cpuhp_setup_state({}) gave {}", spec.name, state));
    }
  }
}

Co<> Interpreter::execute_hotplug(const Op& op) {
  switch (op.verb) {
    case Verb::kCpuDown:
      return cpu_updown(op, false);
    case Verb::kCpuUp:
      return cpu_updown(op, true);
    case Verb::kCpusReadLock:
      return models_.hotplug.cpus_read_lock();
    case Verb::kCpusReadUnlock:
      return models_.hotplug.cpus_read_unlock();
    default:
      return {};
  }
}

Co<> Interpreter::cpu_updown(const Op& op, bool up) {
  Co<int> call = up ? models_.hotplug.cpu_up(op.cpu) : models_.hotplug.cpu_down(op.cpu);
  const int result = co_await call;
  returned(op, fmt::format("cpu{}", op.cpu), result);
}

}  // namespace kt::run
