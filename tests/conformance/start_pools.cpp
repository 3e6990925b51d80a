#include "tests/conformance/start_pools.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace support {

using kt::workqueue::Worker;
using kt::workqueue::WorkerPool;
using kt::workqueue::Workqueues;

namespace {

struct Row {
  std::string comm;  ///< without what the worker did last
  int cpu = 0;       ///< that it ran on last
};

std::vector<Row>::const_iterator find(const std::vector<Row>& rows, std::string_view comm) {
  return std::find_if(rows.begin(), rows.end(),
                      [comm](const Row& row) { return row.comm == comm; });
}

// "PID COMM STATE CPU ...": the kworkers before t = 0, without rescuers.
std::vector<Row> kworkers(const std::string& ps) {
  std::vector<Row> rows;
  std::istringstream lines(ps);
  for (std::string line; std::getline(lines, line) && !line.starts_with("# after");) {
    std::istringstream words(line);
    std::string pid;
    std::string state;
    Row row;
    if (!(words >> pid >> row.comm >> state >> row.cpu)) continue;
    if (!row.comm.starts_with("kworker/") || row.comm.starts_with("kworker/R-")) continue;
    row.comm = row.comm.substr(0, row.comm.find_first_of("+-"));
    rows.push_back(row);
  }
  return rows;
}

// "kworker/u17:2", "kworker/1:0H"
WorkerPool* pool_of(Workqueues& workqueues, const std::string& comm) {
  constexpr std::size_t kPrefix = 8;
  const bool unbound = comm[kPrefix] == 'u';
  const int number = std::stoi(comm.substr(kPrefix + (unbound ? 1 : 0)));
  if (!unbound) return &workqueues.cpu_pool(number, comm.ends_with('H'));
  const auto& pools = workqueues.pools();
  const auto id = static_cast<std::size_t>(number);
  return id < pools.size() ? pools[id].get() : nullptr;
}

std::string_view comm_of(const Workqueues& workqueues, const Worker& worker) {
  return workqueues.machine().trace().names()[worker.task->comm];
}

Worker* find_worker(const Workqueues& workqueues, WorkerPool& pool, const std::string& comm) {
  for (Worker& worker : pool.workers) {
    if (comm_of(workqueues, worker) == comm) return &worker;
  }
  return nullptr;
}

void last_on(const Workqueues& workqueues, kt::sched::Task& sleeper, int cpu) {
  sleeper.cpu = &workqueues.machine().cpu(cpu);
  sleeper.wake_cpu = sleeper.recent_used_cpu = cpu;
}

// The first wakeup of each task: who, and where it ran last.
std::vector<Row> first_wakeups(const TraceText& recorded) {
  std::vector<Row> woken;
  for (const TraceLine& line : recorded.lines) {
    if (line.event != "sched_waking") continue;
    const Row row{std::string(line.text_of("comm")),
                  static_cast<int>(line.number_of("target_cpu"))};
    if (find(woken, row.comm) == woken.end()) woken.push_back(row);
  }
  return woken;
}

// Who is woken first went idle last.
void order_idle(Workqueues& workqueues, const std::vector<Row>& woken) {
  const auto rank = [&](const Worker& worker) {
    return find(woken, comm_of(workqueues, worker)) - woken.begin();
  };
  for (const auto& pool : workqueues.pools()) {
    if (pool == nullptr || (pool->flags & kt::workqueue::kPoolBh) != 0) continue;
    std::vector<Worker*> order;
    for (Worker& worker : pool->idle_list) order.push_back(&worker);
    std::stable_sort(order.begin(), order.end(),
                     [&](const Worker* a, const Worker* b) { return rank(*a) < rank(*b); });
    pool->idle_list.clear();
    for (Worker* worker : order) pool->idle_list.push_back(*worker);
  }
}

}  // namespace

void start_pools(Workqueues& workqueues, const std::filesystem::path& folder,
                 const TraceText& recorded) {
  const std::vector<Row> woken = first_wakeups(recorded);
  for (const Row& row : kworkers(read_text(folder / "ps.txt"))) {
    WorkerPool* pool = pool_of(workqueues, row.comm);
    if (pool == nullptr) continue;  // of a queue that the scenario has not
    Worker* worker = find_worker(workqueues, *pool, row.comm);
    while (worker == nullptr && pool->nr_workers < 16) {
      workqueues.boot_worker(*pool);
      worker = find_worker(workqueues, *pool, row.comm);
    }
    if (worker == nullptr) {
      throw std::runtime_error(fmt::format("{}: no worker {}", folder.string(), row.comm));
    }
    const auto wakeup = find(woken, row.comm);  // the list of tasks is some milliseconds older
    last_on(workqueues, *worker->task, wakeup == woken.end() ? row.cpu : wakeup->cpu);
  }
  order_idle(workqueues, woken);
  const auto kthreadd = find(woken, "kthreadd");
  if (kthreadd != woken.end()) {
    last_on(workqueues, *workqueues.scheduler().find_task(2), kthreadd->cpu);
  }
}

}  // namespace support
