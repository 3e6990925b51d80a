#include "tests/support/invariants/world.hpp"

#include <array>
#include <charconv>

namespace support {

namespace {

/// include/linux/cpuhotplug.h: CPUHP_TEARDOWN_CPU, the step in which a CPU goes down.
constexpr std::int64_t kTeardownCpu = 145;

}  // namespace

const Task* World::find(std::int64_t pid) const {
  const auto found = tasks_.find(pid);
  return found == tasks_.end() ? nullptr : &found->second;
}

std::optional<std::int64_t> World::current(unsigned cpu) const {
  const auto found = current_.find(cpu);
  if (found == current_.end()) return std::nullopt;
  return found->second;
}

void World::take(const TraceLine& line) {
  const std::string& event = line.event;
  if (const auto down = blind_.find(line.cpu); down != blind_.end() && down->second)
    blind_.erase(down);
  if (event == "sched_switch") {
    switched(line);
  } else if (event == "sched_waking" || event == "sched_wakeup" || event == "sched_wakeup_new") {
    woken(line);
  } else if (event == "sched_migrate_task") {
    migrated(line);
  } else if (event == "sched_process_fork") {
    Task child;
    child.comm = line.text_of("child_comm");
    child.forked = true;
    child.forked_by_kthreadd = line.number_of("pid") == 2;
    child.parent = line.pid;
    tasks_[line.number_of("child_pid")] = child;
  } else if (event == "sched_process_exit") {
    tasks_[line.number_of("pid")].exiting = true;
  } else if (event.starts_with("cpuhp_")) {
    hotplug(line);
  }
}

void World::switched(const TraceLine& line) {
  const std::int64_t prev_pid = line.number_of("prev_pid");
  const std::int64_t next_pid = line.number_of("next_pid");
  if (prev_pid != 0) {
    Task& prev = tasks_[prev_pid];
    prev.comm = line.text_of("prev_comm");
    prev.running_on.reset();
    prev.cpu = line.cpu;
    prev.out_state = line.text_of("prev_state");
    prev.woken = false;
    prev.dead = prev.out_state == "X" || prev.out_state == "Z";
    prev.has_blocked = prev.has_blocked || prev.out_state[0] != 'R';
    prev.has_parked = prev.has_parked || prev.out_state == "P";
  }
  if (next_pid != 0) {
    Task& next = tasks_[next_pid];
    next.comm = line.text_of("next_comm");
    next.running_on = line.cpu;
    next.cpu = line.cpu;
    ++next.switched_in;
  }
  current_[line.cpu] = next_pid;
}

void World::woken(const TraceLine& line) {
  Task& task = tasks_[line.number_of("pid")];
  task.comm = line.text_of("comm");
  const std::int64_t target = line.number_of("target_cpu");
  if (line.event == "sched_waking") {
    task.waking = Waking{line.time, target, 0, 0};
    return;
  }
  task.waking.reset();
  task.cpu = target;
  task.woken_at = line.time;
  if (line.event == "sched_wakeup_new") {
    task.woken_new = true;
    return;
  }
  ++task.wakeups;
  if (!task.running_on) task.woken = true;
}

void World::migrated(const TraceLine& line) {
  Task& task = tasks_[line.number_of("pid")];
  task.comm = line.text_of("comm");
  const std::int64_t to = line.number_of("dest_cpu");
  if (task.waking) {
    ++task.waking->migrations;
    task.waking->migrated_to = to;
  }
  task.cpu = to;
}

void World::hotplug(const TraceLine& line) {
  const auto value = [&line](std::string_view label) {
    const std::size_t at = line.payload.find(label);
    std::int64_t number = -1;
    if (at == std::string::npos) return number;
    std::string_view digits = std::string_view(line.payload).substr(at + label.size());
    while (digits.starts_with(' ')) digits.remove_prefix(1);
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return number;
  };
  const std::int64_t cpu = value("cpu:");
  hotplugged_.insert(cpu);
  if (value("step:") != kTeardownCpu) return;
  const bool down = line.event == "cpuhp_exit";
  blind_[static_cast<unsigned>(cpu)] = down;
  if (down) forget_running_on(static_cast<unsigned>(cpu));
}

void World::forget_running_on(unsigned cpu) {
  current_.erase(cpu);
  for (auto& [pid, task] : tasks_) {
    if (task.running_on != cpu) continue;
    task.running_on.reset();
    task.out_state.clear();
  }
}

std::optional<std::int64_t> bound_cpu(std::string_view comm) {
  constexpr std::array<std::string_view, 4> kPrefixes{"ksoftirqd/", "migration/", "cpuhp/",
                                                      "kworker/"};
  for (const std::string_view prefix : kPrefixes) {
    if (!comm.starts_with(prefix)) continue;
    const std::string_view rest = comm.substr(prefix.size());
    std::int64_t cpu = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), cpu);
    if (error != std::errc()) return std::nullopt;  // kworker/u8:0, kworker/R-name
    return cpu;
  }
  return std::nullopt;
}

}  // namespace support
