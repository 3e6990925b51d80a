// Work items (struct work_struct, struct delayed_work) and what the reports keep of them. A work
// belongs to its owner, who must not free it while it is pending or runs. Calls on works are those
// of Workqueues.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>

#include "models/timers/timers.hpp"
#include "sim/histogram.hpp"

namespace kt::workqueue {

using sched::Task;
using sim::Co;
using sim::Time;

class Workqueues;
struct Pwq;
struct WorkStats;

/// A link that leaves its list when its object goes.
using ListHook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
using MemberHook =
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// worker_pool::id of a work that was never queued (WORK_OFFQ_POOL_NONE).
inline constexpr int kPoolNone = -1;

/// The context that queued a work. In interrupts the current task is who happened to run.
enum class QueuedFrom : std::uint8_t { kTask, kSoftirq, kHardirq };
/// Who did something to an object, and when: for the reports.
struct Who {
  std::uint32_t name = 0;  ///< NameTable id of the task
  std::int32_t pid = 0;
  Time at = -1;  ///< -1: nobody did
};

/// For reports: how a work was queued last.
struct Queueing {
  WorkStats* stats = nullptr;  ///< null: nobody asks
  Time queued_at = 0;
  Time activated_at = 0;        ///< queued_at if max_active did not hold it back
  std::uint32_t queued_by = 0;  ///< NameTable id of the task that queued it
  std::int32_t queued_by_pid = 0;
  std::int32_t queued_on = 0;  ///< CPU
  QueuedFrom queued_from = QueuedFrom::kTask;
};

/// struct work_struct. The kernel packs the second group into one word; here each part has a name.
struct Work : ListHook, Queueing {
  using Function = Co<> (*)(Workqueues& workqueues, Work& work);
  Function function = nullptr;  ///< null: INIT_WORK() has not been called
  void* object = nullptr;
  std::uint32_t function_name = 0;  ///< NameTable id
  std::uint64_t address = 0;        ///< stable token for traces

  bool pending =
      false;  ///< WORK_STRUCT_PENDING: claimed, on a timer, queued, or held by a canceller
  bool inactive = false;  ///< WORK_STRUCT_INACTIVE: does not count in nr_active
  bool linked = false;    ///< WORK_STRUCT_LINKED: the next entry goes to the same worker
  bool delayed = false;   ///< it is a DelayedWork
  bool on_bh = false;     ///< WORK_OFFQ_BH: its last pool was one for bottom halves
  std::uint8_t color = 0;
  Who freed{};                ///< who gave its memory back; nobody: it is in use
  std::uint16_t disable = 0;  ///< depth of disable_work()
  int pool = kPoolNone;       ///< off queue: the pool that it was on last
  Pwq* pwq = nullptr;         ///< on a list of this one; null: off queue

  [[nodiscard]] bool queued() const { return pwq != nullptr; }
};

using WorkList = boost::intrusive::list<Work, boost::intrusive::constant_time_size<false>>;

/// WORK_CPU_UNBOUND, as the trace shows it: NR_CPUS of the build.
inline constexpr int kWorkCpuUnbound = 8192;

struct Workqueue;

/// struct delayed_work.
struct DelayedWork : Work {
  timers::KernelTimer timer;
  Workqueue* wq = nullptr;
  int cpu = kWorkCpuUnbound;
  Who armed_by;  ///< who started the timer last
};

/// One execution that started late, and what it waited for. The parts sum to the latency.
struct LateStart {
  Time queued_at = 0;
  Time latency = 0;   ///< ns, from queueing to the start of the function
  Time inactive = 0;  ///< ns of it on the list of inactive works (max_active)
  Time behind = 0;  ///< ns of it behind another work: the concurrency limit, or no worker was free
  Time creation =
      0;  ///< ns of it until a worker was made, or, if it was rescued, could not be made
  Time cpu_wait = 0;  ///< ns of it that its worker was runnable without a CPU
  Time way = 0;       ///< ns of it that are left: locks, wakeups, switches, interrupts
  std::uint64_t address = 0;
  std::uint32_t function_name = 0;  ///< NameTable id, as all names here
  std::uint32_t queued_by = 0;
  std::int32_t queued_by_pid = 0;
  std::int32_t queued_on = 0;  ///< CPU
  QueuedFrom queued_from = QueuedFrom::kTask;
  bool rescued = false;
  bool bh = false;                  ///< it ran in a softirq
  std::int32_t cpu = 0;             ///< where it ran
  std::uint32_t worker = 0;         ///< who ran it
  std::uint32_t behind_work = 0;    ///< function
  std::uint32_t behind_worker = 0;  ///< who ran that
  std::uint32_t cpu_taken_by = 0;   ///< the task that left the CPU to the worker
  std::int32_t cpu_taken_by_pid = 0;
};

/// What the reports know of one declared work, or of one queue.
struct WorkStats {
  static constexpr std::size_t kWorst = 5;

  std::uint64_t queued = 0;
  std::uint64_t started = 0;
  std::uint64_t ended = 0;
  sim::Histogram queue_to_start;
  sim::Histogram start_to_end;
  LateStart worst[kWorst];  ///< longest first; unused: latency 0

  [[nodiscard]] bool among_worst(Time latency) const { return latency > worst[kWorst - 1].latency; }
  /// Takes in a start that is among the worst.
  void keep(const LateStart& start);
};

}  // namespace kt::workqueue
