#include "tools/run/task_state.hpp"

#include <array>
#include <bit>

namespace kt::run {

char state_letter(const sched::Task& task) {
  if (task.exit_state == sched::kExitZombie) return 'Z';
  if (has_exited(task)) return 'X';
  if ((task.state & sched::kTaskIdle) == sched::kTaskIdle) return 'I';
  constexpr std::string_view kLetters = "SDTt__P";  // bits 0x1 to 0x40
  const std::uint32_t state = task.state & 0x4f;
  if (state == 0) return task.state == sched::kTaskRunning ? 'R' : 'D';
  return kLetters[static_cast<std::size_t>(std::bit_width(state)) - 1];
}

bool has_exited(const sched::Task& task) {
  return task.exit_state != sched::kExitNone || (task.flags & sched::kPfExiting) != 0;
}

bool is_asleep(const sched::Task& task) {
  if (has_exited(task) || task.state == sched::kTaskRunning) return false;
  return task.on_rq == sched::OnRq::kNo || task.se.sched_delayed;
}

std::string_view wait_words(sched::WaitKind kind) {
  constexpr std::array<std::string_view, 21> kWords{
      "nothing that is known",         // kNothing
      "a wakeup in schedule()",        // kSchedule
      "a timer of its own",            // kTimeout
      "wait queue",                    // kWaitQueue
      "completion",                    // kCompletion
      "mutex",                         // kMutex
      "the exit of",                   // kKthreadStop
      "the parking of",                // kKthreadPark
      "its creation or first wakeup",  // kKthreadCreate
      "kthread_unpark()",              // kParked
      "work for kthread worker",       // kKthreadWorker
      "the flush of",                  // kKthreadFlush
      "the thaw",                      // kFrozen
      "disk",                          // kIo
      "works",                         // kWorkerIdle
      "the end of",                    // kWorkFlush
      "a wakeup of the system",        // kSystemWakeup
      "the callback of device",        // kDevice
      "rwsem",                         // kRwsem
      "its thread_should_run()",       // kPercpuIdle
      "CPU hotplug:",                  // kHotplugStep
  };
  return kWords[static_cast<std::size_t>(kind)];
}

}  // namespace kt::run
