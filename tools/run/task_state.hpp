// What the reports say of a task's state, and of what it waits for.
#pragma once

#include <string_view>

#include "models/sched/task.hpp"

namespace kt::run {

/// The letter of /proc/PID/stat (fs/proc/array.c: task_state_array): R, S, D, T, t, X, Z, P or I.
char state_letter(const sched::Task& task);

/// Whether its last code has run.
bool has_exited(const sched::Task& task);

/// Whether it sleeps: it does not run again unless something wakes it.
bool is_asleep(const sched::Task& task);

/// "mutex", "completion", … in the words of the reports.
std::string_view wait_words(sched::WaitKind kind);

}  // namespace kt::run
