#include "tools/run/energy.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "tools/run/time_text.hpp"

namespace kt::run {

Energy::Energy(sim::Simulation& simulation, sched::Scheduler& scheduler, hotplug::Hotplug& hotplug,
               cpu::CpuSpeeds* speeds)
    : simulation_(simulation),
      scheduler_(scheduler),
      busy_(static_cast<std::size_t>(scheduler.machine().nr_cpus())) {
  scheduler.idle_power = {this, &idle};
  hotplug.cpu_power = {this, &online};
  hotplug.observer = {this, &operation};
  current_.name = "from the start";
  if (speeds == nullptr) return;
  speeds->on_pstate = {this, &pstate};
  for (int cpu = 0; cpu < scheduler.machine().nr_cpus(); ++cpu)
    pstate(this, scheduler.machine().cpu(cpu), speeds->requested(cpu));
}

namespace {

std::uint32_t index(const cpu::Cpu& cpu) { return static_cast<std::uint32_t>(cpu.id()); }

}  // namespace

void Energy::idle(void* self, cpu::Cpu& cpu, bool idle) {
  static_cast<Energy*>(self)->set_busy(cpu, !idle);
}

void Energy::set_busy(const cpu::Cpu& cpu, bool busy) {
  if (std::exchange(busy_[index(cpu)], busy ? 1 : 0) == (busy ? 1 : 0)) return;
  simulation_.platform()->set_busy(index(cpu), busy);
}

void Energy::pstate(void* self, cpu::Cpu& cpu, std::uint32_t pstate) {
  static_cast<Energy*>(self)->simulation_.platform()->set_pstate(index(cpu), pstate);
}

void Energy::online(void* self, cpu::Cpu& cpu, bool online) {
  Energy& energy = *static_cast<Energy*>(self);
  sim::Platform& platform = *energy.simulation_.platform();
  if (online) {
    platform.turn_on(index(cpu));
    energy.set_busy(cpu, true);
  } else {
    energy.set_busy(cpu, false);
    platform.turn_off(index(cpu));
  }
}

void Energy::operation(void* self, const hotplug::Operation& operation, bool begin) {
  const std::string what =
      fmt::format("CPU {} {}", operation.cpu, operation.up ? "online" : "offline");
  static_cast<Energy*>(self)->end_phase(begin ? what : "after " + what);
}

double Energy::joules(int cpu) const {
  return simulation_.platform()->energy_joules(static_cast<std::uint32_t>(cpu));
}

double Energy::total() const {
  double sum = 0;
  for (int cpu = 0; cpu < scheduler_.machine().nr_cpus(); ++cpu) sum += joules(cpu);
  return sum;
}

void Energy::end_phase(std::string next) {
  const Time now = scheduler_.machine().now();
  const double joules = total();
  current_.duration = now - current_.start;
  current_.joules = joules - before_;
  if (current_.duration != 0) ended_.push_back(current_);
  current_ = {std::move(next), now};
  before_ = joules;
}

std::vector<EnergyPhase> Energy::phases() const {
  std::vector<EnergyPhase> all = ended_;
  EnergyPhase last = current_;
  last.duration = scheduler_.machine().now() - last.start;
  last.joules = total() - before_;
  if (last.duration != 0) all.push_back(last);
  return all;
}

std::string energy_text(const std::vector<EnergyPhase>& phases) {
  if (phases.empty()) return {};
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "\n{:<28} {:>12} {:>10} {:>12} {:>10}\n", "energy", "start", "time", "energy",
                 "power");
  const auto row = [&out](std::string_view name, Time start, Time duration, double joules) {
    fmt::format_to(out, "{:<28} {:>12} {:>10} {:>10.6f} J {:>8.3f} W\n", name, time_text(start),
                   short_time_text(duration), joules,
                   joules / (static_cast<double>(duration) / 1e9));
  };
  EnergyPhase all;
  for (const EnergyPhase& phase : phases) {
    row(phase.name, phase.start, phase.duration, phase.joules);
    all.duration += phase.duration;
    all.joules += phase.joules;
  }
  if (phases.size() > 1) row("in all", 0, all.duration, all.joules);
  return text;
}

}  // namespace kt::run
