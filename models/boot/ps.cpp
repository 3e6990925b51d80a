#include "models/boot/ps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>

#include "models/workqueue/workqueues.hpp"

namespace kt::boot {

using sched::Policy;
using sched::Task;

namespace {

// include/linux/sched.h: __task_state_index, fs/proc/array.c: task_state_array
char state_letter(const Task& p) {
  constexpr std::string_view kLetters = "RSDTtXZP";
  constexpr std::uint32_t kReported = 0x7f;  // TASK_REPORT
  if (p.state == sched::kTaskIdle) return 'I';
  if ((p.state & sched::kTaskFrozen) != 0) return 'D';
  return kLetters[static_cast<std::size_t>(std::bit_width((p.state | p.exit_state) & kReported))];
}

std::string stat_of(const Task& p) {
  std::string stat(1, state_letter(p));
  if (p.nice() < 0) stat += '<';
  if (p.nice() > 0) stat += 'N';
  return stat;
}

std::string_view class_of(Policy policy) {
  constexpr std::array<std::string_view, 5> kNames{"TS", "FF", "RR", "B", "IDL"};
  return kNames[static_cast<std::size_t>(policy)];
}

// /proc/PID/stat's name: fs/proc/array.c: proc_task_name, which knows a kernel thread's full name and
// what a worker does.
std::string name_of(sched::Scheduler& scheduler, const Task& p) {
  const sim::NameTable& names = scheduler.machine().trace().names();
  if (p.is_kthread()) return fmt::format("[{}]", workqueue::wq_worker_comm(p, names));
  std::string name(names[p.comm]);
  if (p.exit_state == sched::kExitZombie) name += " <defunct>";
  return name;
}

PsRow row_of(sched::Scheduler& scheduler, const Task& p) {
  PsRow row;
  row.pid = p.pid;
  row.ppid = p.ppid;
  row.stat = stat_of(p);
  row.psr = p.cpu->id();
  row.cls = class_of(p.policy);
  if (p.policy != Policy::kNormal) row.rtprio = p.rt_priority;
  if (p.policy == Policy::kNormal || p.policy == Policy::kBatch) row.ni = p.nice();
  row.comm = name_of(scheduler, p);
  return row;
}

// kernel/pid.c: pid_idr_init: 1,024 a CPU, at least 32,768, at most 4 Mi; PIDs stay below it.
std::size_t pid_width(int nr_cpus) {
  return fmt::formatted_size("{}", std::clamp(1024 * nr_cpus, 32'768, 4 << 20) - 1);
}

std::string number_or_dash(const std::optional<int>& value) {
  return value ? fmt::format("{}", *value) : "-";
}

}  // namespace

std::vector<PsRow> ps_rows(sched::Scheduler& scheduler) {
  std::vector<PsRow> rows;
  for (const Task& p : scheduler.tasks()) {
    if (p.pid != 0 && p.exit_state != sched::kExitDead) rows.push_back(row_of(scheduler, p));
  }
  std::sort(rows.begin(), rows.end(), [](const PsRow& a, const PsRow& b) { return a.pid < b.pid; });
  return rows;
}

std::string ps_table(const std::vector<PsRow>& rows, int nr_cpus) {
  const std::size_t width = pid_width(nr_cpus);
  std::string text =
      fmt::format("{:>{}} {:>{}} STAT PSR CLS RTPRIO  NI COMMAND\n", "PID", width, "PPID", width);
  for (const PsRow& row : rows) {
    fmt::format_to(std::back_inserter(text), "{:>{}} {:>{}} {:<4} {:>3} {:>3} {:>6} {:>3} {}\n",
                   row.pid, width, row.ppid, width, row.stat, row.psr, row.cls,
                   number_or_dash(row.rtprio), number_or_dash(row.ni), row.comm);
  }
  return text;
}

}  // namespace kt::boot
