#include "tools/report/wq_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace kt::report {

using workqueue::Dump;
using workqueue::MonitorRow;

namespace {

constexpr std::size_t kNameWidth = 32;  // WQ_NAME_LEN
constexpr std::size_t kMonitorName = 24;

auto to(std::string& text) {
  return std::back_inserter(text);
}

std::string heading(std::string_view title) {
  return fmt::format("{}\n{:=<{}}\n", title, "", title.size());
}

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return result;
}

void indexed(std::string& text, std::string_view label, const std::vector<int>& values) {
  fmt::format_to(to(text), "  {:<8}", label);
  for (std::size_t i = 0; i < values.size(); ++i)
    fmt::format_to(to(text), " [{}]={}", i, values[i]);
  text += '\n';
}

std::string scopes(const Dump& dump) {
  std::string text = heading("Affinity Scopes");
  fmt::format_to(to(text), "wq_unbound_cpumask={}\n", cpumask_words(dump.unbound_cpus));
  for (std::size_t scope = 1; scope < workqueue::kAffnScopes; ++scope) {
    const auto id = static_cast<workqueue::AffnScope>(scope);
    const workqueue::Pods& pods = dump.pods[scope];
    fmt::format_to(to(text), "\n{}{}\n  nr_pods  {}\n  pod_cpus",
                   upper(workqueue::affn_scope_name(id)),
                   id == dump.default_scope ? " (default)" : "", pods.cpus.size());
    for (std::size_t pod = 0; pod < pods.cpus.size(); ++pod) {
      fmt::format_to(to(text), " [{}]={}", pod, cpumask_words(pods.cpus[pod]));
    }
    text += '\n';
    indexed(text, "pod_node", pods.node);
    indexed(text, "cpu_pod ", pods.pod_of);
  }
  return text;
}

std::size_t pool_id_width(const Dump& dump) {
  return fmt::formatted_size("{}", dump.pools.empty() ? 0 : dump.pools.back().id);
}

std::string pools(const Dump& dump) {
  std::string text = heading("Worker Pools");
  std::size_t ref_width = 0;
  for (const auto& pool : dump.pools) {
    ref_width = std::max(ref_width, fmt::formatted_size("{}", pool.refcnt));
  }
  for (const auto& pool : dump.pools) {
    fmt::format_to(to(text),
                   "pool[{:0{}}] flags=0x{:02x} ref={:{}} nice={:3} idle/workers={:3}/{:3} ",
                   pool.id, pool_id_width(dump), pool.flags, pool.refcnt, ref_width, pool.nice,
                   pool.nr_idle, pool.nr_workers);
    if (pool.cpu >= 0) {
      const bool bh = (pool.flags & workqueue::kPoolBh) != 0;
      fmt::format_to(to(text), "cpu={:3}{}\n", pool.cpu, bh ? " bh" : "");
    } else {
      fmt::format_to(to(text), "cpus={} pod_cpus={}{}\n", cpumask_words(pool.cpus),
                     cpumask_words(pool.pod_cpus), pool.strict ? " strict" : "");
    }
  }
  return text;
}

std::string queues(const Dump& dump) {
  std::string text = heading("Workqueue CPU -> pool");
  const std::size_t width = pool_id_width(dump);
  const std::size_t nr_cpus = dump.queues.empty() ? 0 : dump.queues.front().pools.size();
  fmt::format_to(to(text), "[{:^{}}\\ type   CPU", "workqueue", kNameWidth - 2);
  for (std::size_t cpu = 0; cpu < nr_cpus; ++cpu) fmt::format_to(to(text), " {:{}}", cpu, width);
  text += " dfl]\n";
  for (const auto& queue : dump.queues) {
    fmt::format_to(to(text), "{:<{}} {:<10}", queue.name, kNameWidth, queue.type);
    for (std::size_t cpu = 0; cpu < queue.pools.size(); ++cpu) {
      fmt::format_to(to(text), " {:{}}", queue.pools[cpu],
                     std::max(fmt::formatted_size("{}", cpu), width));
    }
    if (queue.dfl >= 0) fmt::format_to(to(text), " {:{}}", queue.dfl, width);
    text += '\n';
  }
  return text;
}

std::string rescuers(const Dump& dump) {
  constexpr std::string_view kUnbound = "unbound_cpus";
  constexpr std::string_view kRescuer = "rescuer_cpus";
  const std::size_t words = cpumask_words(dump.unbound_cpus).size();
  const std::size_t width = std::max(words, kUnbound.size());
  std::string text = heading("Workqueue -> rescuer");
  fmt::format_to(to(text), "[{:^{}}\\ {:<{}}    pid {:<{}} ]\n", "workqueue", kNameWidth - 2,
                 kUnbound, width, kRescuer, width);
  for (const auto& rescuer : dump.rescuers) {
    fmt::format_to(to(text), "{:<{}} {:<{}} {:6} {:<{}}\n", rescuer.name, kNameWidth,
                   rescuer.unbound_cpus ? cpumask_words(*rescuer.unbound_cpus) : "", width,
                   rescuer.pid, cpumask_words(rescuer.cpus), width);
  }
  return text;
}

std::string limits(const Dump& dump) {
  std::string text = heading("Unbound workqueue -> node_nr/max_active");
  fmt::format_to(to(text), "online_cpus={}\n", cpumask_words(dump.online_cpus));
  for (std::size_t node = 0; node < dump.nodes.size(); ++node) {
    fmt::format_to(to(text), "NODE[{:02}]={}\n", node, cpumask_words(dump.nodes[node]));
  }
  fmt::format_to(to(text), "\n[{:^{}}\\ min max", "workqueue", kNameWidth - 2);
  for (std::size_t node = 0; node < dump.nodes.size(); ++node) {
    fmt::format_to(to(text), "{}", node == 0 ? "  NODE 0" : fmt::format(" {:7}", node));
  }
  fmt::format_to(to(text), " {:>7} ]\n\n", "dfl");
  for (const auto& queue : dump.active) {
    fmt::format_to(to(text), "{:<{}} {:3} {:3}", queue.name, kNameWidth, queue.min_active,
                   queue.max_active);
    for (const auto& node : queue.nodes) fmt::format_to(to(text), " {:3}/{:3}", node.nr, node.max);
    fmt::format_to(to(text), " {:3}/{:3}\n", queue.dfl.nr, queue.dfl.max);
  }
  return text;
}

}  // namespace

std::string cpumask_words(const cpu::CpuMask& mask) {
  constexpr int kBits = 32;
  std::string text;
  int base = 0;
  std::uint32_t word = 0;
  for (int cpu : mask) {
    for (; cpu - base >= kBits; base += kBits) {
      fmt::format_to(to(text), "{:#x} ", word);
      word = 0;
    }
    word |= std::uint32_t{1} << static_cast<unsigned>(cpu - base);
  }
  if (word != 0) fmt::format_to(to(text), "{:08x}", word);
  return text;
}

std::string wq_dump_text(const Dump& dump) {
  return fmt::format("{}\n{}\n{}\n{}\n{}", scopes(dump), pools(dump), queues(dump), rescuers(dump),
                     limits(dump));
}

std::string wq_monitor_text(const std::vector<MonitorRow>& rows, std::string_view moment) {
  std::string text =
      fmt::format("\n{:<24} {:>8} {:>5} {:>8} {:>7} {:>7} {:>7} {:>7}\n", moment, "total", "infl",
                  "CPUtime", "CPUitsv", "CMW/RPR", "mayday", "rescued");
  constexpr double kMicroseconds = 1e6;
  for (const MonitorRow& row : rows) {
    const auto& stats = row.stats;
    const auto shown = [&stats](workqueue::PwqStat stat, bool applies) {
      return applies ? fmt::format("{}", stats[stat]) : "-";
    };
    const std::string name =
        row.name.substr(row.name.size() - std::min(row.name.size(), kMonitorName));
    const std::uint64_t in_flight = stats[workqueue::kStarted] - stats[workqueue::kCompleted];
    fmt::format_to(to(text), "{:<24} {:8} {:5} {:8.1f} {:>7} {:>7} {:>7} {:>7}\n", name,
                   stats[workqueue::kStarted], in_flight,
                   static_cast<double>(stats[workqueue::kCpuTime]) / kMicroseconds,
                   shown(workqueue::kCpuIntensive, !row.unbound),
                   shown(row.unbound ? workqueue::kRepatriated : workqueue::kCmWakeup, true),
                   shown(workqueue::kMayday, row.mem_reclaim),
                   shown(workqueue::kRescued, row.mem_reclaim));
  }
  return text;
}

}  // namespace kt::report
