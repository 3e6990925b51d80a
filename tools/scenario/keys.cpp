#include "tools/scenario/keys.hpp"

#include <algorithm>
#include <array>

#include "sim/error.hpp"

namespace kt::scenario {
namespace {

template <std::size_t N>
using Keys = std::array<std::string_view, N>;

constexpr Keys<31> kTop{"name",       "version",        "description",     "seed",
                        "duration",   "machine",        "kernel",          "variables",
                        "mutexes",    "spinlocks",      "completions",     "waitqueues",
                        "workqueues", "works",          "kthread_workers", "kthread_works",
                        "kthreads",   "percpu_threads", "tasks",           "irqs",
                        "softirqs",   "tasklets",       "timers",          "hrtimers",
                        "events",     "expect",         "trace",           "$schema",
                        "devices",    "wakeup_sources", "hotplug_states"};
constexpr Keys<13> kMachine{"preset", "cpus",  "smt",      "nodes", "distance", "llc",
                            "freq",   "disks", "platform", "costs", "power",    "idle",
                            "smt_speed"};
constexpr Keys<5> kNode{"cpus", "memory", "free", "cache", "dirty"};
constexpr Keys<3> kFreq{"pstates", "governor", "transition"};
constexpr Keys<5> kDisk{"read", "write", "latency", "node", "scheduler"};
constexpr Keys<3> kPower{"busy", "idle", "off"};
constexpr Keys<10> kKernel{
    "bugs", "hz",       "preempt",         "cmdline",    "memory_model",
    "boot", "kworkers", "workqueue_model", "background", "pm_freeze_timeout"};
constexpr Keys<2> kVariable{"initial", "plain"};
constexpr Keys<8> kWorkqueue{"flags", "max_active",     "ordered",         "nice",
                             "cpus",  "affinity_scope", "affinity_strict", "start"};
constexpr Keys<5> kWork{"workqueue", "do", "count", "delayed", "init"};
constexpr Keys<4> kKthreadWorker{"cpu", "policy", "nice", "freezable"};
constexpr Keys<4> kKthreadWork{"worker", "do", "count", "delayed"};
constexpr Keys<8> kKthread{"do", "start", "cpu", "node", "cpus", "policy", "nice", "freezable"};
constexpr Keys<7> kPercpuThread{"should_run", "do",      "park",       "unpark",
                                "setup",      "cleanup", "selfparking"};
constexpr Keys<4> kHotplugState{"startup", "teardown", "section", "invoke"};
constexpr Keys<5> kTask{"do", "cpu", "cpus", "policy", "nice"};
constexpr Keys<6> kIrq{"cpu", "cpus", "arrival", "do", "threaded", "wake"};
constexpr Keys<10> kDevice{"parent",       "async",         "prepare",      "suspend",
                           "suspend_late", "suspend_noirq", "resume_noirq", "resume_early",
                           "resume",       "complete"};
constexpr Keys<6> kArrival{"poisson", "periodic", "jitter", "at", "trace", "mmpp"};
constexpr Keys<2> kMmpp{"rates", "dwell"};
constexpr Keys<2> kSoftirq{"vector", "do"};
constexpr Keys<2> kTasklet{"do", "highpri"};
constexpr Keys<3> kTimer{"do", "pinned", "deferrable"};
constexpr Keys<4> kHrtimer{"do", "period", "pinned", "soft"};
constexpr Keys<2> kEvent{"t", "do"};
constexpr Keys<16> kExpect{
    "work", "thread", "latency", "workers", "never", "always", "count", "order",
    "min",  "max",    "<",       "<=",      "==",    "!=",     ">=",    ">"};
constexpr Keys<1> kTrace{"events"};
constexpr Keys<5> kDuration{"exp", "uniform", "lognormal", "pareto", "trace"};
constexpr Keys<2> kLogNormal{"median", "sigma"};
constexpr Keys<2> kPareto{"min", "alpha"};
constexpr Keys<3> kIf{"if", "then", "else"};
constexpr Keys<2> kWhile{"while", "do"};
constexpr Keys<2> kLoop{"loop", "do"};

constexpr std::array kSections{
    SectionKeys{"scenario", kTop},
    SectionKeys{"machine", kMachine},
    SectionKeys{"node", kNode},
    SectionKeys{"freq", kFreq},
    SectionKeys{"disk", kDisk},
    SectionKeys{"power", kPower},
    SectionKeys{"kernel", kKernel},
    SectionKeys{"variables", kVariable},
    SectionKeys{"workqueues", kWorkqueue},
    SectionKeys{"works", kWork},
    SectionKeys{"kthread_workers", kKthreadWorker},
    SectionKeys{"kthread_works", kKthreadWork},
    SectionKeys{"kthreads", kKthread},
    SectionKeys{"percpu_threads", kPercpuThread},
    SectionKeys{"hotplug_states", kHotplugState},
    SectionKeys{"tasks", kTask},
    SectionKeys{"irqs", kIrq},
    SectionKeys{"devices", kDevice},
    SectionKeys{"arrival", kArrival},
    SectionKeys{"mmpp", kMmpp},
    SectionKeys{"softirqs", kSoftirq},
    SectionKeys{"tasklets", kTasklet},
    SectionKeys{"timers", kTimer},
    SectionKeys{"hrtimers", kHrtimer},
    SectionKeys{"events", kEvent},
    SectionKeys{"expect", kExpect},
    SectionKeys{"trace", kTrace},
    SectionKeys{"duration", kDuration},
    SectionKeys{"lognormal", kLogNormal},
    SectionKeys{"pareto", kPareto},
    SectionKeys{"if", kIf},
    SectionKeys{"while", kWhile},
    SectionKeys{"loop", kLoop},
};

}  // namespace

std::span<const SectionKeys> section_keys() {
  return kSections;
}

std::span<const std::string_view> keys_of(std::string_view section) {
  const auto found = std::find_if(kSections.begin(), kSections.end(),
                                  [&](const SectionKeys& s) { return s.section == section; });
  KT_ASSERT(found != kSections.end(), "no section {}", section);
  return found->keys;
}

}  // namespace kt::scenario
