#include "tools/run/report_json.hpp"

#include "tools/run/suspend_json.hpp"
#include "tools/run/workqueue_json.hpp"

namespace kt::run {

using Json = nlohmann::ordered_json;

namespace {

Json time_or_null(Time time) {
  return time == sim::kNever ? Json() : Json(time);
}

Json cpu_json(const CpuUse& use) {
  Json json{{"cpu", use.cpu},
            {"node", use.node},
            {"busy", use.busy},
            {"switches", use.switches},
            {"migrations_in", use.migrations_in}};
  if (use.joules) json["joules"] = *use.joules;
  return json;
}

Json memory_json(const MemoryUse& use) {
  return {{"node", use.node},
          {"free", use.free},
          {"min", use.min},
          {"low", use.low},
          {"high", use.high},
          {"cache", use.cache},
          {"dirty", use.dirty},
          {"allocated", use.allocated},
          {"hogged", use.hogged},
          {"allocations", use.stats.allocations},
          {"failures", use.stats.failures},
          {"direct_reclaims", use.stats.direct_reclaims},
          {"direct_reclaim_time", use.stats.direct_time},
          {"direct_reclaim_pages", use.stats.direct_pages},
          {"kswapd_wakes", use.stats.kswapd_wakes},
          {"kswapd_pages", use.stats.kswapd_pages},
          {"written_pages", use.stats.written}};
}

Json energy_json(const std::vector<EnergyPhase>& phases) {
  Json list = Json::array();
  for (const EnergyPhase& phase : phases) {
    list.push_back({{"name", phase.name},
                    {"start", phase.start},
                    {"time", phase.duration},
                    {"joules", phase.joules}});
  }
  return list;
}

Json thread_json(const ThreadUse& use, bool full) {
  return {{"pid", use.pid},
          {"name", use.name},
          {"state", std::string(1, use.state)},
          {"cpu", use.cpu},
          {"of_scenario", use.of_scenario},
          {"cpu_time", use.runtime},
          {"run_delay", use.run_delay},
          {"voluntary_switches", use.voluntary},
          {"involuntary_switches", use.involuntary},
          {"migrations", use.migrations},
          {"wakeups", use.wakeups},
          {"wakeup_latency", latency_json(use.latency, full)}};
}

Json irq_json(const IrqUse& use, bool full) {
  Json json{{"irq", use.irq},       {"name", use.name},
            {"cpu", use.cpu},       {"arrivals", use.arrivals},
            {"merged", use.merged}, {"handled", use.handled},
            {"by_cpu", use.by_cpu}, {"latency", latency_json(use.latency, full)}};
  if (use.thread.empty()) return json;
  json["thread"] = use.thread;
  json["thread_runs"] = use.thread_runs;
  json["thread_latency"] = latency_json(use.thread_latency, full);
  return json;
}

Json irqs_json(const IrqReport& report, bool full) {
  Json irqs = Json::array();
  for (const IrqUse& use : report.irqs) irqs.push_back(irq_json(use, full));
  Json softirqs = Json::array();
  for (const SoftirqUse& use : report.softirqs) {
    softirqs.push_back({{"name", use.name},
                        {"runs", use.runs},
                        {"in_ksoftirqd", use.in_ksoftirqd},
                        {"latency", latency_json(use.latency, full)}});
  }
  Json tasklets = Json::array();
  for (const TaskletUse& use : report.tasklets) {
    tasklets.push_back(
        {{"name", use.name}, {"runs", use.runs}, {"latency", latency_json(use.latency, full)}});
  }
  return {{"irqs", std::move(irqs)},
          {"softirqs", std::move(softirqs)},
          {"tasklets", std::move(tasklets)}};
}

Json stuck_json(const Stuck& stuck) {
  Json sleepers = Json::array();
  for (const Sleeper& sleeper : stuck.sleepers) sleepers.push_back(sleeper_json(sleeper));
  Json cycles = Json::array();
  for (const auto& cycle : stuck.cycles) {
    Json& steps = cycles.emplace_back(Json::array());
    for (const CycleStep& step : cycle) {
      steps.push_back({{"name", step.name},
                       {"pid", step.pid},
                       {"waits_for", step.waits_for},
                       {"at", step.where}});
    }
  }
  Json busy = Json::array();
  for (const BusyCpu& cpu : stuck.busy) {
    busy.push_back({{"cpu", cpu.cpu},
                    {"name", cpu.name},
                    {"pid", cpu.pid},
                    {"irqs_off", cpu.irqs_off},
                    {"spins_for", cpu.spins_for},
                    {"at", cpu.where}});
  }
  return {{"asleep", std::move(sleepers)},
          {"deadlocks", std::move(cycles)},
          {"busy_cpus", std::move(busy)}};
}

std::string_view ending_name(Ending ending) {
  switch (ending) {
    case Ending::kWatchdog:
      return "watchdog";
    case Ending::kDefect:
      return "defect";
    case Ending::kDone:
      break;
  }
  return "done";
}

}  // namespace

Json sleeper_json(const Sleeper& sleeper) {
  Json wakers = Json::array();
  for (const Waker& waker : sleeper.wakers) {
    wakers.push_back({{"statement", waker.statement},
                      {"of", waker.who},
                      {"which", waker.fate},
                      {"at", waker.where}});
  }
  Json json{{"name", sleeper.name},
            {"pid", sleeper.pid},
            {"state", std::string(1, sleeper.state)},
            {"waits_for", sleeper.waits_for},
            {"since", sleeper.since},
            {"at", sleeper.where},
            {"wakers", std::move(wakers)}};
  if (sleeper.lost) {
    json["lost_wakeup"] = {{"time", sleeper.lost->time},
                           {"waker", sleeper.lost->waker},
                           {"pid", sleeper.lost->waker_pid}};
  }
  return json;
}

Json report_json(const Report& report, bool full) {
  Json cpus = Json::array();
  for (const CpuUse& use : report.cpus) cpus.push_back(cpu_json(use));
  Json memory = Json::array();
  for (const MemoryUse& use : report.memory) memory.push_back(memory_json(use));
  Json oom_kills = Json::array();
  for (const OomKill& kill : report.oom_kills) {
    oom_kills.push_back(
        {{"pid", kill.pid}, {"name", kill.name}, {"at", kill.at}, {"bytes", kill.bytes}});
  }
  Json threads = Json::array();
  for (const ThreadUse& use : report.threads) {
    if (full || use.of_scenario) threads.push_back(thread_json(use, full));
  }
  Json expectations = Json::array();
  for (const Verdict& verdict : report.expectations) {
    Json& json = expectations.emplace_back(
        Json{{"expectation", verdict.expectation}, {"passed", verdict.passed}});
    if (!verdict.passed) json["reason"] = verdict.reason;
    json["at"] = verdict.where;
  }
  return {{"file", report.file},
          {"name", report.name},
          {"seed", report.seed},
          {"exit_code", static_cast<int>(report.code())},
          {"ending", ending_name(report.ending)},
          {"message", report.message},
          {"defect", report.defect},
          {"end", report.end},
          {"horizon", time_or_null(report.horizon)},
          {"nothing_since", time_or_null(report.nothing_since)},
          {"events", report.events},
          {"ignored_parameters", report.ignored_parameters},
          {"expectations", std::move(expectations)},
          {"wakeup_latency", latency_json(report.wakeups, full)},
          {"cpus", std::move(cpus)},
          {"memory", std::move(memory)},
          {"oom_kills", std::move(oom_kills)},
          {"threads", std::move(threads)},
          {"workqueues", workqueue_json(report.workqueues, full)},
          {"interrupts", irqs_json(report.interrupts, full)},
          {"suspends", suspend_json(report.suspends)},
          {"hotplug", hotplug_json(report.hotplug)},
          {"frequencies", frequency_json(report.frequencies)},
          {"energy", energy_json(report.energy)},
          {"stuck", stuck_json(report.stuck)},
          {"repeat", report.repeat}};
}

}  // namespace kt::run
