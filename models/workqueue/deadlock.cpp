// Who waits for whom: a flush that could only end after the flusher itself has gone on is found
// when it begins. What lockdep finds in the kernel (lockdep_map of works and queues), but only
// where it does happen. A work that a worker could still take up blocks nobody here; see stall.cpp.
#include <algorithm>
#include <map>

#include "models/workqueue/workqueues.hpp"
#include "sim/error.hpp"

namespace kt::workqueue {

using sched::WaitKind;

namespace {

// A longer way is not followed: each step of it takes stack. Nor is it told in full.
constexpr std::size_t kDeepest = 1'000;
constexpr std::size_t kMostSteps = 16;

}  // namespace

/// The search: whether tasks can go on before `root` does. Each task is looked at once.
struct Workqueues::Chain {
  const Task* root;
  std::map<const Task*, const FlushWait*> waits{};  ///< who flushes
  std::map<const Task*, bool> seen{};
  std::map<const Pwq*, bool> slots{};
  std::size_t depth = 0;
  std::vector<std::string> steps{};  ///< the way to the root, last step first
};

const FlushWait* Workqueues::flush_wait_of(const Task& task) const {
  const auto found = std::ranges::find(flush_waits_, &task, &FlushWait::task);
  return found != flush_waits_.end() ? &*found : nullptr;
}

// The worker that has the barrier on its list: it runs what comes before it.
Worker* Workqueues::holder_of(const FlushWait& wait) const {
  if (wait.barrier == nullptr || wait.barrier->pwq == nullptr) return nullptr;
  for (Worker& worker : wait.barrier->pwq->pool->workers) {
    for (const Work& work : worker.scheduled) {
      if (&work == wait.barrier) return &worker;
    }
  }
  return nullptr;
}

Task* Workqueues::flushed_by(const Task& task) {
  const FlushWait* wait = flush_wait_of(task);
  if (wait == nullptr || wait->wq != nullptr) return nullptr;
  const Worker* worker = holder_of(*wait);
  return worker != nullptr ? worker->task : nullptr;
}

std::string Workqueues::describe(const Task& task) const {
  const sim::NameTable& names = machine_.trace().names();
  const Worker* worker = current_worker(task);
  if (worker == nullptr || worker->current_pwq == nullptr) {
    return fmt::format("{}[{}]", names[task.comm], task.pid);
  }
  return fmt::format("{}[{}] (runs {} of {})", names[task.comm], task.pid,
                     names[worker->current_name], worker->current_pwq->wq->name);
}

std::string Workqueues::describe(const FlushWait& wait) const {
  if (wait.wq != nullptr) return fmt::format("all works of {}", wait.wq->name);
  return describe(*wait.work);
}

// Whether the task cannot go on before the root does.
bool Workqueues::blocked(Chain& chain, const Task& task) {
  if (&task == chain.root) return true;
  if (task.state == sched::kTaskRunning || chain.depth == kDeepest) return false;
  const auto [place, is_new] = chain.seen.try_emplace(&task, false);
  if (!is_new) return place->second;
  ++chain.depth;
  std::string what;
  bool result = false;
  if (const auto wait = chain.waits.find(&task); wait != chain.waits.end()) {
    result = flush_blocked(chain, *wait->second);
    what = describe(*wait->second);
  } else if (task.wait.on != nullptr && task.wait.kind == WaitKind::kKthreadStop) {
    result = blocked(chain, *task.wait.on);
    what = fmt::format("the exit of {}", machine_.trace().names()[task.wait.name]);
  }
  --chain.depth;
  place->second = result;
  if (result) chain.steps.push_back(fmt::format("{} waits for {}", describe(task), what));
  return result;
}

bool Workqueues::flush_blocked(Chain& chain, const FlushWait& wait) {
  return wait.wq != nullptr ? workqueue_blocked(chain, wait) : work_blocked(chain, wait);
}

bool Workqueues::work_blocked(Chain& chain, const FlushWait& wait) {
  if (wait.barrier->pwq == nullptr) return false;  // it is about to end
  const Worker* holder = holder_of(wait);
  if (holder != nullptr) return holder->task != nullptr && blocked(chain, *holder->task);
  const Work& work = *wait.work;
  if (work.pwq == nullptr) return false;
  if (work.inactive) return slots_blocked(chain, *work.pwq);
  // Queued while it runs: the same worker has to run it again.
  const Worker* executing = work.pwq->pool->find_worker_executing_work(work);
  return executing != nullptr && executing->task != nullptr && blocked(chain, *executing->task);
}

// One work of the colours that the flush waits for is enough.
bool Workqueues::workqueue_blocked(Chain& chain, const FlushWait& wait) {
  const Workqueue& wq = *wait.wq;
  const auto waited = [&](int color) {
    const auto age = [&](int of) { return (of - wq.flush_color + kWorkNrColors) % kWorkNrColors; };
    return age(color) <= age(wait.color);
  };
  for (const auto& pwq : wq.pwqs) {
    for (const Worker& worker : pwq->pool->workers) {
      if (worker.current_pwq == pwq.get() && worker.task != nullptr &&
          waited(worker.current_color) && blocked(chain, *worker.task)) {
        return true;
      }
    }
    const auto held_back = [&](const Work& work) { return waited(work.color); };
    if (std::ranges::any_of(pwq->inactive_works, held_back) && slots_blocked(chain, *pwq)) {
      return true;
    }
  }
  return false;
}

// max_active: whether all works that have a slot are blocked.
bool Workqueues::slots_blocked(Chain& chain, const Pwq& pwq) {
  const auto [known, is_new] = chain.slots.try_emplace(&pwq, false);
  if (!is_new) return known->second;
  const Workqueue& wq = *pwq.wq;
  int slots = 0;
  int blocked_ones = 0;
  for (const auto& other : wq.pwqs) {
    const bool shares = wq.ordered() || other.get() == &pwq ||
                        (wq.unbound() && other->pool->node == pwq.pool->node);
    if (!shares) continue;
    slots += other->nr_active;
    for (const Worker& worker : other->pool->workers) {
      if (worker.current_pwq != other.get() || worker.task == nullptr ||
          worker.current_func == &wq_barrier_func) {
        continue;
      }
      if (!blocked(chain, *worker.task)) return false;
      ++blocked_ones;
    }
  }
  return known->second = slots != 0 && blocked_ones >= slots;
}

// The current task is about to wait. Only for what somebody else can wait for is it searched: the
// item of a worker, or the exit of a thread that is told to stop.
void Workqueues::check_circular_flush(const FlushWait& wait) {
  const Task& root = *wait.task;
  const bool stops = root.is_kthread() && kthread::Kthreads::should_stop(root);
  if (current_worker(root) == nullptr && !stops) return;
  Chain chain{.root = &root};
  for (const FlushWait& other : flush_waits_) chain.waits[other.task] = &other;
  if (!flush_blocked(chain, wait)) return;
  std::string text = fmt::format("circular flush: {} waits for {}", describe(root), describe(wait));
  std::size_t told = 0;
  for (auto step = chain.steps.rbegin(); step != chain.steps.rend(); ++step) {
    if (++told == kMostSteps && chain.steps.size() > kMostSteps) {
      text += fmt::format("; and {} more", chain.steps.size() - kMostSteps);
      step = chain.steps.rend() - 1;
    }
    text += "; " + *step;
  }
  if (chain.steps.empty()) text += ", which cannot run before it ends";
  throw sim::Defect(text);
}

}  // namespace kt::workqueue
